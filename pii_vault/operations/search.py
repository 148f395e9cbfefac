"""Exact value → the subjects that have it. Each search is audited like a reveal."""

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.core.classes import normalise
from pii_vault.core.tokens import new_subject_text, new_token_text
from pii_vault.errors import BudgetExceeded, Forbidden, InvalidRequest, UnknownClass
from pii_vault.operations.access import new_entry, refuse, require_purpose, rule
from pii_vault.operations.ciphers import ACTIVE, BLOCKED
from pii_vault.operations.items import FoundSubject
from pii_vault.operations.known import find_equal
from pii_vault.vault import Vault

MAX_FOUND = 100  # subjects of one answer, oldest first: a name may be shared by thousands


async def search(
    vault: Vault, principal: Principal, *, purpose: str, class_id: str, value: str, request_id: str
) -> list[FoundSubject]:
    """Subjects with exactly this value after normalisation, with all their tokens; at most MAX_FOUND.

    Raises:
        UnknownPurpose, UnknownClass, InvalidValue, InvalidRequest (a class without an index), Forbidden,
        BudgetExceeded, TenantRefused, AuditUnavailable, StoreUnavailable, KeyServiceUnavailable.
    """
    tenant_key = await vault.tenants.key(principal.tenant)
    field_class = vault.classes.get(class_id)
    await require_purpose(vault, principal, verb="search", purpose=purpose, request_id=request_id)
    if not field_class.indexed:
        raise InvalidRequest(f"{class_id}: this class has no index and cannot be searched")
    normal = normalise(field_class, value)
    allowed = {
        state: rule(
            vault, principal, purpose=purpose, class_id=class_id, action="search", blocked=state == BLOCKED
        ).outcome
        == "allow"
        for state in (ACTIVE, BLOCKED)
    }
    try:
        if not allowed[ACTIVE]:
            raise Forbidden  # noqa: TRY301  one place records all refusals of a search
        await vault.budgets.charge(vault.pool, principal, tenant_key=tenant_key, action="search", count=1)
    except (Forbidden, BudgetExceeded) as error:
        await refuse(vault, principal, error, verb="search", purpose=purpose, request_id=request_id)
    indexer = await vault.index_keys.get(principal.tenant, class_id)
    place, *others = [(field_class.key, digest) for digest in indexer.digests(normal)]
    also = dict.fromkeys(others, place)
    found = await find_equal(vault, principal.tenant, tenant_key, {place: normal}, also)
    subjects = list(dict.fromkeys(known.subject for known in found.values.get(place, ()) if allowed.get(known.state)))[
        :MAX_FOUND
    ]
    answer = await _describe(vault, principal.tenant, tenant_key, subjects)
    entry = new_entry(
        vault,
        principal,
        verb="search",
        purpose=purpose,
        request_id=request_id,
        decision="allow",
        counts={"found": {class_id: len(subjects)}},
        subjects=subjects,
    )
    await vault.audit.commit(entry)
    return answer


async def _describe(vault: Vault, tenant: str, tenant_key: int, subjects: list[bytes]) -> list[FoundSubject]:
    tokens: dict[bytes, dict[str, list[str]]] = {subject: {} for subject in subjects}
    if subjects:
        for row in await store.fetch(vault.pool, store.FETCH_TOKENS, subjects, tenant_key):
            try:
                class_id = vault.classes.by_key(row["class_key"]).id
            except UnknownClass:
                continue
            text = new_token_text(class_id, tenant=tenant, bits=row["token"])
            tokens[row["subject"]].setdefault(class_id, []).append(text)
    return [
        FoundSubject(subject=new_subject_text(subject, tenant=tenant), tokens=by_class)
        for subject, by_class in tokens.items()
    ]
