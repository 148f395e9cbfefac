"""Correcting a value at the person's demand (152-FZ, art. 20(3)), in place.

The token stays, so nobody in the public contour has to learn of it; what it says changes. The old ciphertext goes with
the same transaction.
"""

import asyncpg

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.core.classes import normalise
from pii_vault.core.envelope import seal, value_aad
from pii_vault.core.tokens import parse_token
from pii_vault.errors import UnknownToken
from pii_vault.operations.access import new_entry
from pii_vault.operations.ciphers import ERASED, load_ciphers
from pii_vault.operations.parts import PartRow, insert_parts, places_in
from pii_vault.rights import store as sql
from pii_vault.rights.errors import SubjectErased
from pii_vault.rights.officer import PURPOSE, lock_subject, require_right
from pii_vault.vault import Vault


async def correct(vault: Vault, principal: Principal, *, token: str, value: str, request_id: str) -> None:
    """Puts another value under this token.

    Raises:
        MalformedToken, UnknownToken, InvalidValue, Forbidden, SubjectErased, AuditUnavailable, StoreUnavailable,
        KeyServiceUnavailable.
    """
    tenant = principal.tenant
    tenant_key = await vault.tenants.key(tenant)
    parsed = parse_token(token, tenant=tenant)
    field_class = vault.classes.get(parsed.class_id)
    await require_right(
        vault, principal, action="erase", verb="correct", request_id=request_id, classes=[field_class.id]
    )
    normal = normalise(field_class, value)
    rows = await store.fetch(vault.pool, sql.PLACE, parsed.bits, tenant_key, field_class.key)
    if not rows:
        raise UnknownToken
    subject, group = rows[0]["subject"], rows[0]["retention"]
    cipher = (await load_ciphers(vault, tenant, tenant_key, [(subject, group)])).get((subject, group))
    if cipher is None:
        raise SubjectErased
    aad = value_aad(tenant_key=tenant_key, subject=subject, class_key=field_class.key, token=parsed.bits)
    sealed = seal(cipher, value.encode(), aad=aad)
    versions = await vault.tenants.index_versions(tenant)
    mentioned = rows[0]["mentioned"]  # what a text only mentions is found by nothing, and stays so
    places = [] if mentioned else await places_in(vault, tenant, field_class, value, versions=versions)
    indexed = field_class.indexed and not mentioned
    indexer = await vault.index_keys.get(tenant, field_class.id, versions) if indexed else None
    digest, version = (indexer.digest(normal), indexer.version) if indexer is not None else (None, None)

    async def apply(acquired: asyncpg.Connection) -> None:
        if await lock_subject(acquired, subject, tenant_key) == ERASED:
            raise SubjectErased
        changed = await acquired.execute(sql.CORRECT, parsed.bits, tenant_key, sealed, digest, version)
        if changed != "UPDATE 1":  # the group was shredded meanwhile
            raise SubjectErased
        if places:  # what it was found by before is gone with the old ciphertext (0007_search.py)
            await insert_parts(acquired, [PartRow(parsed.bits, tenant_key, field_class.key, versions.writes, places)])

    entry = new_entry(
        vault,
        principal,
        verb="correct",
        purpose=PURPOSE,
        request_id=request_id,
        decision="allow",
        counts={"stored": {field_class.id: 1}},
        subjects=[subject],
    )
    await vault.audit.commit(entry, apply=apply)
