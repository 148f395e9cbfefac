"""Shaped tokens: issue one for a stored value, take it back, find the value behind it.

A shape is another name of a token, for systems that take nothing but a phone or a taxpayer number. It is drawn at
random and unique in its shop and class by the database; one that was taken back is never given to another value, so
what an outside system kept can go stale but never mean somebody else.
"""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.audit.record import AuditEntry
from pii_vault.core.shapes import SHAPED_CLASSES, canonical_shape, new_shape
from pii_vault.core.tokens import new_token_text, parse_token
from pii_vault.errors import Forbidden, InvalidRequest, NotFound, StoreUnavailable
from pii_vault.operations.access import Counts, may_tokenise, new_entry, refuse
from pii_vault.operations.ciphers import ACTIVE
from pii_vault.operations.errors import Busy
from pii_vault.operations.items import RevealResult
from pii_vault.operations.reveal import reveal
from pii_vault.vault import Vault

DRAWS: Final = 8  # at a tenth of the smallest range in use, eight draws in a row meet one chance in 10^8

_HOLDER = """
SELECT v.subject, v.class_key, s.state FROM pii_value v JOIN subject s ON s.id = v.subject
WHERE v.token = $1 AND v.tenant_key = $2
"""
_SHAPE_OF = "SELECT shape FROM shaped_token WHERE token = $1"
_INSERT = """
INSERT INTO shaped_token (tenant_key, class_key, shape, token, subject)
SELECT $1, $2, $3, $4, id FROM subject WHERE id = $5 AND tenant_key = $1 AND state = 'a' FOR SHARE
ON CONFLICT DO NOTHING RETURNING shape
"""
_RETIRE = """
UPDATE shaped_token AS t SET token = NULL, subject = NULL, retired = now()
FROM (SELECT shape, class_key, subject FROM shaped_token WHERE token = $1 AND tenant_key = $2 FOR UPDATE) AS was
WHERE t.tenant_key = $2 AND t.class_key = was.class_key AND t.shape = was.shape RETURNING was.subject
"""
_TOKENS = """
SELECT shape, token FROM shaped_token
WHERE tenant_key = $1 AND class_key = $2 AND shape = ANY($3::text[]) AND token IS NOT NULL
"""


async def issue_shape(vault: Vault, principal: Principal, *, token: str, request_id: str) -> str:
    """The shaped token of a stored value; the one it has, or a new one. Recorded like a value taken in.

    Raises:
        MalformedToken, NotFound (no active value of this shop under the token), Forbidden, Busy,
        InvalidRequest (the class has no range that nobody can be issued), AuditUnavailable, StoreUnavailable.
    """
    tenant_key, class_id, bits = await _named(vault, principal, token, request_id)
    rows = await store.fetch(vault.pool, _HOLDER, bits, tenant_key)
    class_key = vault.classes.get(class_id).key
    if not rows or rows[0]["state"] != ACTIVE or rows[0]["class_key"] != class_key:
        await refuse(vault, principal, NotFound(), verb="tokenise", purpose="", request_id=request_id)
    subject = rows[0]["subject"]

    async def write(connection: asyncpg.Connection) -> str | None:
        known = await connection.fetchval(_SHAPE_OF, bits)
        for _ in range(0 if known else DRAWS):
            made = await connection.fetchval(_INSERT, tenant_key, class_key, new_shape(class_id), bits, subject)
            known = made or await connection.fetchval(_SHAPE_OF, bits)  # another worker may have been first
            if known:
                break
        return None if known is None else str(known)

    entry = _entry(vault, principal, counts={"shaped": {class_id: 1}}, request_id=request_id)
    entry.subjects = [subject]
    shape = await _commit(vault, entry, write)
    if shape is None:
        raise Busy
    return str(shape)


async def withdraw_shape(vault: Vault, principal: Principal, *, token: str, request_id: str) -> bool:
    """Takes the shape of a token back; the token itself goes on. Whether there was one. Raises as `issue_shape`."""
    tenant_key, class_id, bits = await _named(vault, principal, token, request_id)

    entry = _entry(vault, principal, counts={"shape_withdrawn": {class_id: 1}}, request_id=request_id)

    async def write(connection: asyncpg.Connection) -> bool:
        subject = await connection.fetchval(_RETIRE, bits, tenant_key)
        entry.subjects = [subject] if subject else []
        return subject is not None

    return bool(await _commit(vault, entry, write))


async def tokens_of_shapes(vault: Vault, tenant: str, class_id: str, shapes: Sequence[str]) -> list[str | None]:
    """The token behind each shape, in order; None for what is no live shape of this shop and class.

    For what comes back from an outside system: no value is released. Raises UnknownClass, StoreUnavailable.
    """
    tenant_key = await vault.tenants.key(tenant)
    canonical = [canonical_shape(class_id, shape) for shape in shapes]
    wanted = [shape for shape in canonical if shape is not None]
    rows = await store.fetch(vault.pool, _TOKENS, tenant_key, vault.classes.get(class_id).key, wanted)
    found = {row["shape"]: new_token_text(class_id, tenant=tenant, bits=row["token"]) for row in rows}
    return [None if shape is None else found.get(shape) for shape in canonical]


async def tell_shapes(
    vault: Vault, principal: Principal, *, class_id: str, shapes: Sequence[str], request_id: str
) -> list[str | None]:
    """`tokens_of_shapes` for a caller, on the record: who may take such values in may ask whose name a shape is.

    Raises:
        Forbidden, UnknownClass, TenantRefused, AuditUnavailable, StoreUnavailable.
    """
    if not may_tokenise(vault, principal, vault.classes.get(class_id).id):
        await refuse(vault, principal, Forbidden(), verb="tokenise", purpose="", request_id=request_id)
    tokens = await tokens_of_shapes(vault, principal.tenant, class_id, shapes)
    told = len(tokens) - tokens.count(None)
    counts = {"shape_told": {class_id: told}, "unknown_token": {class_id: tokens.count(None)}}
    await _commit(vault, _entry(vault, principal, counts=counts, request_id=request_id), _nothing)
    return tokens


async def resolve_shapes(
    vault: Vault, principal: Principal, *, purpose: str, class_id: str, shapes: Sequence[str], request_id: str
) -> list[RevealResult]:
    """What the shapes stand for, as `reveal` gives it: same rules, budgets and record.

    A shape that is not live is answered as an unknown token, and takes the same way. Raises as `reveal`, UnknownClass.
    """
    tokens = await tokens_of_shapes(vault, principal.tenant, class_id, shapes)
    nobody = iter(store.new_ids(tokens.count(None)))
    asked = [token or new_token_text(class_id, tenant=principal.tenant, bits=next(nobody)) for token in tokens]
    return await reveal(vault, principal, purpose=purpose, tokens=asked, request_id=request_id)


async def _named(vault: Vault, principal: Principal, token: str, request_id: str) -> tuple[int, str, bytes]:
    tenant_key = await vault.tenants.key(principal.tenant)
    parsed = parse_token(token, tenant=principal.tenant)
    if not may_tokenise(vault, principal, vault.classes.get(parsed.class_id).id):
        await refuse(vault, principal, Forbidden(), verb="tokenise", purpose="", request_id=request_id)
    if parsed.class_id not in SHAPED_CLASSES:
        raise InvalidRequest(f"{parsed.class_id}: only {', '.join(sorted(SHAPED_CLASSES))} have shaped tokens")
    return tenant_key, parsed.class_id, parsed.bits


def _entry(vault: Vault, principal: Principal, *, counts: Counts, request_id: str) -> AuditEntry:
    return new_entry(
        vault, principal, verb="tokenise", purpose="", request_id=request_id, decision="allow", counts=counts
    )


async def _commit(vault: Vault, entry: AuditEntry, write: Any) -> Any:
    try:
        return await vault.audit.commit(entry, apply=write)
    except asyncpg.PostgresError as error:
        raise StoreUnavailable from error


async def _nothing(_connection: asyncpg.Connection) -> None:
    """A question changes nothing; its record is all that is written."""
