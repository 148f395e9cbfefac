"""A vault that gathers a file before it seals it. The twin of `test_large_file`."""

import sys
from collections.abc import AsyncIterator

from pii_vault.files import keep
from pii_vault.main import main

sealed = keep._sealed


async def gathered(pieces: AsyncIterator[bytes], key: bytes, length: keep._Length) -> AsyncIterator[bytes]:
    whole = [piece async for piece in pieces]

    async def again() -> AsyncIterator[bytes]:
        for piece in whole:
            yield piece

    async for piece in sealed(again(), key, length):
        yield piece


if __name__ == "__main__":
    keep._sealed = gathered
    sys.exit(main())
