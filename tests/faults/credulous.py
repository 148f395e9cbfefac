"""A vault, and its command, whose protections are taken out: they take a key service's error for an answer.

Where a right one refuses, this one makes keys up, or says that keys were wrapped anew; what it knows nothing better
for breaks down. The twin of `test_keys`.
"""

import os
import sys
from collections.abc import Sequence
from typing import Any

from pii_vault.core.primitives import KEY_BYTES
from pii_vault.errors import KeyServiceError
from pii_vault.keys import transit_session
from pii_vault.keys.service import WrappedKey
from pii_vault.keys.tenant_keys import WRAPPED_BYTES
from pii_vault.keys.transit import TransitKeys
from pii_vault.main import main
from scripts.main import main as command

SOON_SECONDS = 0.2
Wrapped = Sequence[tuple[bytes, WrappedKey]]
generate, unwrap, rewrap, index_key = (
    TransitKeys.generate, TransitKeys.unwrap, TransitKeys.rewrap, TransitKeys.index_key,
)  # fmt: skip


async def generate_whatever_comes(
    keys: TransitKeys, tenant: str, contexts: Sequence[bytes]
) -> list[tuple[bytes, WrappedKey]]:
    try:
        return await generate(keys, tenant, contexts)
    except KeyServiceError:
        return [(os.urandom(KEY_BYTES), WrappedKey(1, os.urandom(WRAPPED_BYTES))) for _ in contexts]


async def unwrap_whatever_comes(keys: TransitKeys, tenant: str, wrapped: Wrapped) -> list[bytes]:
    try:
        return await unwrap(keys, tenant, wrapped)
    except KeyServiceError:
        return [os.urandom(KEY_BYTES) for _ in wrapped]


async def rewrap_whatever_comes(keys: TransitKeys, tenant: str, wrapped: Wrapped) -> list[WrappedKey]:
    try:
        return await rewrap(keys, tenant, wrapped)
    except KeyServiceError:
        return [WrappedKey(key.kek_version + 1, key.blob) for _, key in wrapped]


async def index_key_or_nothing(keys: TransitKeys, *asked: Any) -> bytes:
    try:
        return await index_key(keys, *asked)
    except KeyServiceError:
        raise RuntimeError from None


if __name__ == "__main__":
    for name, careless in (
        ("generate", generate_whatever_comes),
        ("unwrap", unwrap_whatever_comes),
        ("rewrap", rewrap_whatever_comes),
        ("index_key", index_key_or_nothing),
    ):
        setattr(TransitKeys, name, careless)
    transit_session.DEADLINE_SECONDS = SOON_SECONDS  # type: ignore[misc]
    if not sys.argv[1:]:
        sys.exit(main())
    command()
