"""The store of files: sealed bytes under random names. Every implementation passes one contract suite."""

import re
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final, Protocol

NAME: Final = re.compile(r"[0-9a-f]{32}")


class FileStore(Protocol):
    """Holds sealed bytes only; a name is 32 hexadecimal characters and says nothing about the file.

    Every method raises FileStoreUnavailable within a bounded time when the store does not do its part.
    """

    async def write(self, name: str, pieces: AsyncIterator[bytes]) -> int:
        """Stores all pieces, durably and as a whole or not at all; gives their length in bytes.

        An error of `pieces` comes through, and nothing of the file stays.
        """

    async def size(self, name: str) -> int:
        """In bytes. Raises FileMissing."""

    def read(self, name: str, start: int, stop: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `stop`, in pieces of at most a MiB. Raises FileMissing."""

    async def delete(self, name: str) -> None:
        """Also when there is no such file."""

    def names(self, *, before: datetime) -> AsyncIterator[str]:
        """Names of files last written before this time, for the sweep of what no row knows.

        What bears no such name is somebody else's, wherever it lies, and is not among them.
        """

    async def close(self) -> None:
        """Give connections back."""
