"""The person of an order: found by phone, else by email, else opened anew. For the gateway, in process."""

from pii_vault.access.principal import Principal
from pii_vault.operations.items import MatchedPerson, RetentionGroup
from pii_vault.vault import Vault


async def match_or_create_person(
    vault: Vault,
    principal: Principal,
    *,
    phone: str | None,
    email: str | None,
    fields: dict[str, str],
    request_id: str,
    group: RetentionGroup = "other",
) -> MatchedPerson:
    """Finds or opens the subject in `principal.tenant` and tokenises all fields within it, in one transaction.

    `fields` maps other class ids (name, address) to values; the same value of the same subject gets the same
    token again. A phone and an email of two different subjects open a new subject with a duplicate hint. A
    phone or email that fails normalisation is kept as class `text`, and does not match anybody.
    """
    raise NotImplementedError
