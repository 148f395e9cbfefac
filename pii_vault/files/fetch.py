"""A token → a file or a range of it. The look is on the record before the first byte leaves."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import msgspec

from pii_vault.access.principal import Principal
from pii_vault.core.chunks import ChunkOpener, sealed_size
from pii_vault.core.tokens import parse_tokens
from pii_vault.errors import Forbidden, NotFound, TamperedFile
from pii_vault.files.descriptor import Descriptor, Label, Place, open_descriptor
from pii_vault.files.errors import FileGone, RangeNotSatisfiable
from pii_vault.files.port import FileStore
from pii_vault.files.rows import fetch_file
from pii_vault.operations.ciphers import load_ciphers
from pii_vault.operations.reveal import reveal
from pii_vault.vault import Vault

_UNKNOWN = "There is no such file here. Check the token."


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A file that may be read: `start` and `stop` are the range that was asked for, in bytes of the file."""

    label: Label
    start: int
    stop: int
    _name: str
    _key: bytes
    _files: FileStore

    def __repr__(self) -> str:
        return f"OpenedFile({self.stop - self.start} bytes)"

    def from_end(self, length: int) -> "OpenedFile":
        """The last bytes of it, at most so many."""
        return replace(self, start=max(0, self.stop - length))

    async def pieces(self) -> AsyncIterator[bytes]:
        """The range's bytes. Raises TamperedFile, FileMissing, FileStoreUnavailable, perhaps after some of them."""
        opener = ChunkOpener(self._key, size=self.label.size, start=self.start, stop=self.stop)
        async for sealed in self._files.read(self._name, opener.sealed_start, opener.sealed_stop):
            if plain := opener.add(sealed):
                yield plain
        yield opener.finish()


async def open_file(
    vault: Vault,
    files: FileStore,
    principal: Principal,
    token: str,
    *,
    purpose: str,
    request_id: str,
    start: int = 0,
    stop: int | None = None,
) -> OpenedFile:
    """Decided, budgeted and recorded as a reveal of the token; each range that is asked for is a look of its own.

    Raises:
        NotFound: an unknown or foreign token, or one of a value that is no file.
        Forbidden, FileGone (erased), RangeNotSatisfiable, TamperedFile (its length is not what was stored),
        FileMissing, UnknownPurpose, BudgetExceeded, TenantRefused, AuditUnavailable, StoreUnavailable,
        KeyServiceUnavailable, FileStoreUnavailable.
    """
    (result,) = await reveal(vault, principal, purpose=purpose, tokens=[token], request_id=request_id)
    if result.error == "erased":
        raise FileGone
    if result.error in ("unknown_token", "malformed_token", "unknown_class"):
        raise NotFound(_UNKNOWN)
    if result.value is None:
        raise Forbidden(result.reason or None)
    label, descriptor, name = await _descriptor(vault, principal, token, result.value)
    stop = descriptor.size if stop is None else min(stop, descriptor.size)
    if start > stop or (start == descriptor.size and descriptor.size):
        raise RangeNotSatisfiable
    if await files.size(name) != sealed_size(descriptor.size):
        raise TamperedFile
    return OpenedFile(label, start, stop, name, descriptor.key, files)


async def _descriptor(vault: Vault, principal: Principal, token: str, value: str) -> tuple[Label, Descriptor, str]:
    tenant_key = await vault.tenants.key(principal.tenant)
    parsed = parse_tokens([token], tenant=principal.tenant)[0]
    row = await fetch_file(vault.pool, tenant_key, parsed[1]) if parsed is not None else None
    if parsed is None or row is None:
        raise NotFound(_UNKNOWN)
    place = (row.subject, row.retention)
    cipher = (await load_ciphers(vault, principal.tenant, tenant_key, [place])).get(place)
    if cipher is None:
        raise FileGone
    sealed_for = Place(tenant_key, row.subject, row.class_key, parsed[1])
    descriptor = open_descriptor(cipher, row.sealed, sealed_for)
    label = msgspec.json.decode(value, type=Label)
    if label.size != descriptor.size:
        raise TamperedFile
    return label, descriptor, row.name
