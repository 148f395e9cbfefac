"""Token → value or mask. Nothing is returned before its audit record is committed."""

from collections.abc import Sequence
from typing import Literal

from pii_vault.access.principal import Principal
from pii_vault.operations.items import RevealResult
from pii_vault.vault import Vault


async def reveal(
    vault: Vault,
    principal: Principal,
    *,
    purpose: str,
    tokens: Sequence[str],
    request_id: str,
    action: Literal["reveal", "mask"] = "reveal",
) -> list[RevealResult]:
    """Values or masks in the order of the tokens, a result per item.

    `action="mask"` gives at most masks: a page draws them at once, the value needs a reveal.

    Raises:
        UnknownPurpose, Forbidden (no class could be allowed), BudgetExceeded, AuditUnavailable.
    """
    raise NotImplementedError
