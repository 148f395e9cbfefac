"""Ciphers of subjects, from the cache or from the key service; and stored rows opened with them."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from pii_vault import store
from pii_vault.core.envelope import open_sealed, value_aad
from pii_vault.core.primitives import AesGcmCipher, ValueCipher
from pii_vault.errors import TamperedCiphertext, UnknownTenantKey, UnwrapFailed
from pii_vault.keys.service import WrappedKey
from pii_vault.packed import GROUP_BYTES, group_of
from pii_vault.vault import Vault

logger = logging.getLogger(__name__)

Place = tuple[bytes, int]  # subject, retention group
_NOTHING: Final[Mapping[int, ValueCipher]] = MappingProxyType({})


class Ciphers(dict[Place, ValueCipher | None]):
    """Ciphers by place. None: its wrapped key opens nothing here, or its KEK is one of `without_kek`."""

    def __init__(self) -> None:
        super().__init__()
        self.without_kek: set[Place] = set()  # wrapped under a KEK that the key service does not hold


ACTIVE, BLOCKED, ERASED = b"a", b"b", b"e"
UNCONSENTED = b"n"  # active, but did not consent to the purpose; stands in no row


def key_context(subject: bytes, group: int) -> bytes:
    """What a wrapped DEK is bound to."""
    return subject + bytes((group,))


async def load_ciphers(
    vault: Vault,
    tenant: str,
    tenant_key: int,
    places: Iterable[Place],
    *,
    read: store.Fetch | None = None,
    keep: bool = True,
) -> Ciphers:
    """Ciphers of these subjects and groups. A missing one means that the key is shredded.

    One query and one call of the key service, whatever the number; more calls only where a key does not open. What
    `read` does not give, if it is given, the primary is asked for. `keep`: the keys stay in memory for the next ones.

    Raises:
        StoreUnavailable, KeyServiceUnavailable.
    """
    found = Ciphers()
    wanted_places = set(places)
    held = vault.deks.held({subject for subject, _ in wanted_places})
    for place in wanted_places:
        if (groups := held.get(place[0])) is not None and (cipher := groups.get(place[1])) is not None:
            found[place] = cipher
    missing = wanted_places.difference(found)
    if missing:
        wanted: list[Any] = []
        primary: store.Fetch = partial(store.fetch, vault.pool)
        for fetch in (primary,) if read is None else (read, primary):
            subjects = list({place[0] for place in missing})
            rows = await fetch(store.FETCH_DEKS, subjects, tenant_key)
            wanted += [row for row in rows if (row[0], row[1]) in missing]
            missing.difference_update([(row[0], row[1]) for row in rows])
            if not missing:
                break
        await _unwrap(vault, tenant, wanted, found, keep=keep)
    return found


async def load_keyed(
    vault: Vault, tenant: str, tenant_key: int, keys: Collection[bytes], *, read: store.Fetch | None = None
) -> dict[bytes, ValueCipher]:
    """`load_ciphers` for packed rows: group and subject, as a row begins, → cipher, where there is one.

    Raises:
        StoreUnavailable, KeyServiceUnavailable.
    """
    held = vault.deks.held({key[GROUP_BYTES:] for key in keys})
    found: dict[bytes, ValueCipher] = {}
    cold: list[bytes] = []
    for key in keys:
        cipher = held.get(key[GROUP_BYTES:], _NOTHING).get(group_of(key))
        if cipher is None:
            cold.append(key)
        else:
            found[key] = cipher
    if cold:
        places = {(key[GROUP_BYTES:], group_of(key)): key for key in cold}
        for place, cipher in (await load_ciphers(vault, tenant, tenant_key, places, read=read)).items():
            if cipher is not None:
                found[places[place]] = cipher
    return found


async def _unwrap(vault: Vault, tenant: str, rows: Sequence[Any], found: Ciphers, *, keep: bool) -> None:
    """One bad key must not hide the others: what fails together is tried by halves, versions of the KEK first."""
    if not rows:
        return
    wrapped = [(key_context(row[0], row[1]), WrappedKey(row[2], row[3])) for row in rows]
    try:
        deks = await vault.keys.unwrap(tenant, wrapped)
    except (UnwrapFailed, UnknownTenantKey) as error:
        versions = sorted({row[2] for row in rows})
        if len(versions) > 1:
            for version in versions:
                await _unwrap(vault, tenant, [row for row in rows if row[2] == version], found, keep=keep)
        elif isinstance(error, UnknownTenantKey):
            logger.error("integrity: version %d of a KEK is missing, and %d keys with it", versions[0], len(rows))  # noqa: TRY400
            places = [(row[0], row[1]) for row in rows]
            found.without_kek.update(places)
            found.update(dict.fromkeys(places))
        elif len(rows) > 1:
            half = len(rows) // 2
            await _unwrap(vault, tenant, rows[:half], found, keep=keep)
            await _unwrap(vault, tenant, rows[half:], found, keep=keep)
        else:
            logger.error("integrity: a wrapped key does not belong to its subject")  # noqa: TRY400  no trace
            found[rows[0][0], rows[0][1]] = None
        return
    put = vault.deks.put
    for row, dek in zip(rows, deks, strict=True):
        found[row[0], row[1]] = put(row[0], row[1], dek) if keep else AesGcmCipher(dek)


def open_row(cipher: ValueCipher, row: Any, *, tenant_key: int) -> str:
    """The value of a row (token, subject, class_key, retention, state, ciphertext, …).

    Raises:
        TamperedCiphertext: it was altered or does not belong to this row.
    """
    aad = value_aad(tenant_key=tenant_key, subject=row[1], class_key=row[2], token=row[0])
    try:
        return open_sealed(cipher, row[5], aad=aad).decode()
    except UnicodeDecodeError:
        raise TamperedCiphertext from None
