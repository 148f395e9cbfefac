"""Exact value → the subjects that have it. Each search is audited like a reveal."""

from pii_vault.access.principal import Principal
from pii_vault.operations.items import FoundSubject
from pii_vault.vault import Vault


async def search(
    vault: Vault, principal: Principal, *, purpose: str, class_id: str, value: str, request_id: str
) -> list[FoundSubject]:
    """Subjects with exactly this value after normalisation.

    Raises:
        UnknownPurpose, UnknownClass, InvalidValue, Forbidden, BudgetExceeded, AuditUnavailable.
    """
    raise NotImplementedError
