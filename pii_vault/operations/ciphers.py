"""Ciphers of subjects, from the cache or from the key service; and stored rows opened with them."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from pii_vault import store
from pii_vault.core.envelope import open_sealed, value_aad
from pii_vault.core.primitives import ValueCipher
from pii_vault.errors import TamperedCiphertext, UnknownTenantKey, UnwrapFailed
from pii_vault.keys.service import WrappedKey
from pii_vault.vault import Vault

logger = logging.getLogger(__name__)

Place = tuple[bytes, int]  # subject, retention group


class Ciphers(dict[Place, ValueCipher | None]):
    """Ciphers by place. None: its wrapped key opens nothing here, or its KEK is one of `without_kek`."""

    def __init__(self) -> None:
        super().__init__()
        self.without_kek: set[Place] = set()  # wrapped under a KEK that the key service does not hold


ACTIVE, BLOCKED, ERASED = b"a", b"b", b"e"
UNCONSENTED = b"n"  # active, as store.FETCH_CONSENTED tells who did not consent; stands in no row


def key_context(subject: bytes, group: int) -> bytes:
    """What a wrapped DEK is bound to."""
    return subject + bytes((group,))


async def load_ciphers(vault: Vault, tenant: str, tenant_key: int, places: Iterable[Place]) -> Ciphers:
    """Ciphers of these subjects and groups. A missing one means that the key is shredded.

    One query and one call of the key service, whatever the number; more calls only where a key does not open.

    Raises:
        StoreUnavailable, KeyServiceUnavailable.
    """
    found = Ciphers()
    missing: set[Place] = set()
    get = vault.deks.get
    for place in set(places):
        cipher = get(*place)
        if cipher is None:
            missing.add(place)
        else:
            found[place] = cipher
    if missing:
        subjects = list({place[0] for place in missing})
        rows = await store.fetch(vault.pool, store.FETCH_DEKS, subjects, tenant_key)
        wanted = [row for row in rows if (row[0], row[1]) in missing]
        await _unwrap(vault, tenant, wanted, found)
    return found


async def _unwrap(vault: Vault, tenant: str, rows: Sequence[Any], found: Ciphers) -> None:
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
                await _unwrap(vault, tenant, [row for row in rows if row[2] == version], found)
        elif isinstance(error, UnknownTenantKey):
            logger.error("integrity: version %d of a KEK is missing, and %d keys with it", versions[0], len(rows))  # noqa: TRY400
            places = [(row[0], row[1]) for row in rows]
            found.without_kek.update(places)
            found.update(dict.fromkeys(places))
        elif len(rows) > 1:
            half = len(rows) // 2
            await _unwrap(vault, tenant, rows[:half], found)
            await _unwrap(vault, tenant, rows[half:], found)
        else:
            logger.error("integrity: a wrapped key does not belong to its subject")  # noqa: TRY400  no trace
            found[rows[0][0], rows[0][1]] = None
        return
    for row, dek in zip(rows, deks, strict=True):
        found[row[0], row[1]] = vault.deks.put(row[0], row[1], dek)


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
