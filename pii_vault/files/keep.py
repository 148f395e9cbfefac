"""A stream of bytes → a token. The row, its keys and the audit record are one transaction, after the last byte."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import asyncpg
import msgspec

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.audit.log import AuditEntry, AuditOutcomeUnknown
from pii_vault.core.chunks import ChunkSealer
from pii_vault.core.primitives import ValueCipher, new_key
from pii_vault.core.tokens import new_subject_text, parse_subject, token_writer
from pii_vault.errors import Forbidden, MalformedToken, NotFound, StoreUnavailable, VaultError
from pii_vault.files import rows
from pii_vault.files.descriptor import Descriptor, Label, Place, seal_descriptor
from pii_vault.files.errors import FileGone, FileTooLarge
from pii_vault.files.port import FileStore
from pii_vault.operations.access import may_tokenise, new_entry, refuse
from pii_vault.operations.ciphers import ACTIVE, BLOCKED, load_ciphers
from pii_vault.operations.errors import Busy, PlanOutdatedError
from pii_vault.operations.items import RETENTION_KEYS, RetentionGroup
from pii_vault.operations.write import Act, NewValues
from pii_vault.vault import Vault

MAX_BYTES: Final = 2 << 30


@dataclass(frozen=True, slots=True)
class Kept:
    token: str
    subject: str
    size: int


async def keep_file(
    vault: Vault,
    files: FileStore,
    principal: Principal,
    pieces: AsyncIterator[bytes],
    *,
    class_id: str,
    media_type: str,
    name: str = "",
    subject: str | None = None,
    request_id: str,
    group: RetentionGroup = "other",
) -> Kept:
    """Seals and stores a file of any length up to 2 GiB in constant memory; without `subject` a new one is opened.

    What was stored is deleted again when the act does not come about; what even that misses, the sweep finds.

    Raises:
        Forbidden: the principal may not take values of this class in, or the subject is blocked.
        UnknownClass, NotFound (no such subject), FileGone (it is erased), FileTooLarge, TenantRefused, Busy,
        AuditUnavailable, StoreUnavailable, KeyServiceUnavailable, FileStoreUnavailable.
    """
    tenant_key = await vault.tenants.key(principal.tenant)
    field_class = vault.classes.get(class_id)
    if not may_tokenise(vault, principal, class_id):
        await refuse(vault, principal, Forbidden(), verb="tokenise", purpose="", request_id=request_id)
    act = Act(principal.tenant, tenant_key, RETENTION_KEYS[group])
    owner, cipher = await _owner(vault, principal, act, subject)
    key, stored, length = new_key(), os.urandom(16).hex(), _Length()
    await files.write(stored, _sealed(pieces, key, length))
    try:
        label = msgspec.json.encode(Label(media_type, length.plain, name)).decode()
        new = NewValues([owner], [cipher], [field_class.key], [label], [None], [False])
        (token,) = act.seal(new)
        place = Place(tenant_key, owner, field_class.key, token)
        sealed = seal_descriptor(cipher, Descriptor(key, length.plain), place)

        async def apply(connection: asyncpg.Connection) -> None:
            await act.write(connection)
            await connection.execute(rows.INSERT, token, owner, tenant_key, act.group, stored, sealed)

        owner_text = new_subject_text(owner, tenant=principal.tenant)
        entry = new_entry(
            vault,
            principal,
            verb="tokenise",
            purpose="",
            request_id=request_id,
            decision="allow",
            counts={"file": {class_id: 1}},
            subjects=[owner],
        )
        await _commit(vault, entry, apply)
    except VaultError as error:
        if not isinstance(error, AuditOutcomeUnknown):  # what may have been committed is left to the sweep
            await files.delete(stored)
        raise
    return Kept(token_writer(class_id, tenant=principal.tenant)(token), owner_text, length.plain)


@dataclass(slots=True)
class _Length:
    """Known when the last byte has come."""

    plain: int = 0


async def _sealed(pieces: AsyncIterator[bytes], key: bytes, length: _Length) -> AsyncIterator[bytes]:
    sealer = ChunkSealer(key)
    async for piece in pieces:
        if sealer.size + len(piece) > MAX_BYTES:
            raise FileTooLarge
        if sealed := sealer.add(piece):
            yield sealed
    yield sealer.finish()
    length.plain = sealer.size


async def _owner(vault: Vault, principal: Principal, act: Act, subject: str | None) -> tuple[bytes, ValueCipher]:
    """The subject and the cipher of the act's group; both are new where there are none."""
    if subject is None:
        (made,) = await act.new_subjects(vault, 1)
        return made
    try:
        owner = parse_subject(subject, tenant=principal.tenant)
    except MalformedToken:
        raise NotFound("There is no such subject here. Check the subject's id.") from None
    found = await store.fetch(vault.pool, store.FETCH_SUBJECTS, [owner], act.tenant_key)
    state = found[0][1] if found else None
    if state is None:
        raise NotFound("There is no such subject here. Check the subject's id.")
    if state == BLOCKED:
        raise Forbidden("This person's data are blocked: nothing is added until they are unblocked.")
    if state != ACTIVE:
        raise FileGone
    cipher = (await load_ciphers(vault, principal.tenant, act.tenant_key, [(owner, act.group)])).get((owner, act.group))
    act.guard.lock(owner)
    act.guard.hold([owner])
    if cipher is not None:
        return owner, cipher
    (made,) = await act.new_keys(vault, [owner])
    return made


async def _commit(vault: Vault, entry: AuditEntry, apply: Callable[[asyncpg.Connection], Awaitable[None]]) -> None:
    try:
        await vault.audit.commit(entry, apply=apply)
    except (asyncpg.UniqueViolationError, PlanOutdatedError) as error:
        raise Busy from error  # somebody made this subject's key meanwhile: the caller sends the file again
    except asyncpg.PostgresError as error:
        raise StoreUnavailable from error
