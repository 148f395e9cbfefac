"""Value → token. One transaction holds the values, their keys and the audit record."""

from collections.abc import Sequence

from pii_vault.access.principal import Principal
from pii_vault.operations.items import RetentionGroup, TokeniseItem, TokeniseResult
from pii_vault.vault import Vault


async def tokenise(
    vault: Vault,
    principal: Principal,
    items: Sequence[TokeniseItem],
    *,
    request_id: str,
    idempotency_key: str | None = None,
    group: RetentionGroup = "other",
) -> list[TokeniseResult]:
    """Tokens for the values, in order; what is wrong with one item does not stop the others.

    Raises:
        Forbidden: the principal may tokenise no class at all.
        UnknownClass: an item names a class that is not registered.
        IdempotencyConflict: the key was used with another request.
    """
    raise NotImplementedError
