"""A value, or a part of one → the subjects that have it. Each search is audited like a reveal and has a budget."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.core.classes import FieldClass, normalise
from pii_vault.core.search_keys import kinds_of, matches, query_key
from pii_vault.core.tokens import new_subject_text, new_token_text
from pii_vault.errors import (
    BudgetExceeded,
    Forbidden,
    InvalidRequest,
    InvalidValue,
    TamperedCiphertext,
    UnknownClass,
)
from pii_vault.operations.access import new_entry, refuse, require_purpose, rule
from pii_vault.operations.ciphers import ACTIVE, BLOCKED, load_ciphers, open_row
from pii_vault.operations.items import FoundSubject
from pii_vault.operations.known import find_equal
from pii_vault.operations.parts import Cut, places_to_search
from pii_vault.vault import Vault

Match = Literal["exact", "last4", "domain", "prefix"]
MAX_FOUND = 100  # subjects of one answer, oldest first: a name may be shared by thousands
MAX_FOUND_BY_PART = 20  # nobody collects a shop's buyers four digits at a time
MOST_CANDIDATES: Final = 5000

# No more candidates than are opened are joined: a mail provider that half of the shop uses costs what a rare one does.
_FETCH_PARTS: Final = """
SELECT v.token, v.subject, v.class_key, v.retention, s.state, v.ciphertext
FROM (
    SELECT token FROM search_key WHERE places && $1::bigint[] AND tenant_key = $2 AND class_key = $3 LIMIT $4
) k JOIN pii_value v ON v.token = k.token JOIN subject s ON s.id = v.subject
WHERE octet_length(v.ciphertext) > 0
ORDER BY v.created, v.token
"""


async def search(
    vault: Vault,
    principal: Principal,
    *,
    purpose: str,
    class_id: str,
    value: str,
    request_id: str,
    match: Match = "exact",
    after: int | None = None,
) -> list[FoundSubject]:
    """Subjects with exactly this value after normalisation, or with a value of this part, with all their tokens.

    At most MAX_FOUND, by a part MAX_FOUND_BY_PART. What the index names is opened and compared before it counts. A
    standby may answer; with `after` it need not know more than the acts up to this size of the log (Replicas.run).

    Raises:
        UnknownPurpose, UnknownClass, InvalidValue, InvalidRequest (a class without such an index), Forbidden,
        BudgetExceeded, TenantRefused, AuditUnavailable, StoreUnavailable, KeyServiceUnavailable.
    """
    tenant_key = await vault.tenants.key(principal.tenant)
    field_class = vault.classes.get(class_id)
    await require_purpose(vault, principal, verb="search", purpose=purpose, request_id=request_id)
    if match not in kinds_of(field_class):
        raise InvalidRequest(f"{class_id}: this class has no such index ({match}) and cannot be searched by it")
    asked = normalise(field_class, value) if match == "exact" else query_key(field_class, match, value)
    if asked is None:
        raise InvalidValue(f"{class_id}: too little to search by ({match})")
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
        cut = None if match == "exact" else await _cut(vault, tenant_key, field_class, match)
        await vault.budgets.charge(vault.pool, principal, tenant_key=tenant_key, action="search", count=1)
    except (Forbidden, BudgetExceeded) as error:
        await refuse(vault, principal, error, verb="search", purpose=purpose, request_id=request_id)
    place = _Place(vault, principal.tenant, tenant_key, field_class)

    async def look(read: store.Fetch) -> tuple[list[bytes], list[FoundSubject]]:
        if cut is None:
            owners = await _by_value(place, read, asked)
        else:
            owners = await _by_part(place, read, (match, value, asked), cut)
        most = MAX_FOUND if match == "exact" else MAX_FOUND_BY_PART
        found = list(dict.fromkeys(subject for subject, state in owners if allowed.get(state)))[:most]
        return found, await _describe(place, read, found)

    subjects, answer = await vault.replicas.run(look, after=after)
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


@dataclass(frozen=True, slots=True)
class _Place:
    """Where one search looks."""

    vault: Vault
    tenant: str
    tenant_key: int
    field_class: FieldClass


async def _by_value(place: _Place, read: store.Fetch, normal: str) -> Iterable[tuple[bytes, bytes]]:
    """Subjects and states of the rows with this value, oldest first."""
    vault, field_class = place.vault, place.field_class
    indexer = await vault.index_keys.get(place.tenant, field_class.id)
    at, *others = [(field_class.key, digest) for digest in indexer.digests(normal)]
    also = dict.fromkeys(others, at)
    found = await find_equal(vault, place.tenant, place.tenant_key, {at: normal}, also, read=read)
    return [(known.subject, known.state) for known in found.values.get(at, ())]


async def _cut(vault: Vault, tenant_key: int, field_class: FieldClass, kind: Match) -> Cut:
    """Into how many places the shop's index of these parts is cut. Raises InvalidRequest where it has none."""
    cut = (await vault.search_plans.get(tenant_key)).get(field_class.key, {}).get(kind)
    if cut is None:
        raise InvalidRequest(
            f"{field_class.id}: this shop has no index by {kind}. The operator switches it on: larets search plan"
        )
    return cut


async def _by_part(
    place: _Place, read: store.Fetch, asked: tuple[Match, str, str], cut: Cut
) -> Iterable[tuple[bytes, bytes]]:
    """The same for a part: `asked` is the kind, the query as it was typed, and its key."""
    vault, tenant_key, field_class = place.vault, place.tenant_key, place.field_class
    kind, query, key = asked
    indexer = await vault.index_keys.get(place.tenant, field_class.id)
    places = places_to_search(field_class, kind, key, tenant_key=tenant_key, indexer=indexer, cut=cut)
    rows = await read(_FETCH_PARTS, places, tenant_key, field_class.key, MOST_CANDIDATES)
    ciphers = await load_ciphers(vault, place.tenant, tenant_key, {(row[1], row[3]) for row in rows}, read=read)
    return [(row[1], row[4]) for row in rows if _is_it(field_class, (kind, query), row, ciphers, tenant_key=tenant_key)]


def _is_it(
    field_class: FieldClass, asked: tuple[Match, str], row: Any, ciphers: Mapping[Any, Any], *, tenant_key: int
) -> bool:
    """Whether an opened candidate is what was asked for. What does not open is nothing."""
    cipher = ciphers.get((row[1], row[3]))
    if cipher is None:
        return False
    try:
        return matches(field_class, *asked, open_row(cipher, row, tenant_key=tenant_key))
    except (TamperedCiphertext, InvalidValue):
        return False


async def _describe(place: _Place, read: store.Fetch, subjects: list[bytes]) -> list[FoundSubject]:
    tenant = place.tenant
    tokens: dict[bytes, dict[str, list[str]]] = {subject: {} for subject in subjects}
    if subjects:
        for row in await read(store.FETCH_TOKENS, subjects, place.tenant_key):
            try:
                class_id = place.vault.classes.by_key(row["class_key"]).id
            except UnknownClass:
                continue
            text = new_token_text(class_id, tenant=tenant, bits=row["token"])
            tokens[row["subject"]].setdefault(class_id, []).append(text)
    return [
        FoundSubject(subject=new_subject_text(subject, tenant=tenant), tokens=by_class)
        for subject, by_class in tokens.items()
    ]
