"""Files in a folder: the embedded default."""

import asyncio
import contextlib
import functools
import os
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Final, TypeVar

from pii_vault.files.errors import FileMissing, FileStoreUnavailable
from pii_vault.files.port import NAME

T = TypeVar("T")
PIECE_BYTES: Final = 1 << 20
_PART: Final = ".part"


class LocalFileStore:
    """`folder`/ab/abcdef…: two characters of the name make the folder, so that none grows large."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def write(self, name: str, pieces: AsyncIterator[bytes]) -> int:
        path = self._path(name)
        part = path.with_suffix(_PART)
        written = 0
        try:
            file = await _disk(lambda: _create(part))
            try:
                buffer = bytearray()
                async for piece in pieces:
                    buffer += piece
                    if len(buffer) >= PIECE_BYTES:
                        written += await _disk(functools.partial(_append, file, bytes(buffer)))
                        buffer.clear()
                written += await _disk(lambda: _append(file, bytes(buffer)))
                await _disk(lambda: _settle(file, part, path))
            finally:
                file.close()
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink()
            raise
        return written

    async def size(self, name: str) -> int:
        path = self._path(name)
        return (await _disk(path.stat)).st_size

    async def read(self, name: str, start: int, stop: int) -> AsyncIterator[bytes]:
        path = self._path(name)
        file = await _disk(lambda: path.open("rb", buffering=0))
        try:
            await _disk(lambda: file.seek(start))
            left = stop - start
            while left:
                piece = await _disk(functools.partial(file.read, min(left, PIECE_BYTES)))
                if not piece:
                    return
                left -= len(piece)
                yield piece
        finally:
            file.close()

    async def delete(self, name: str) -> None:
        path = self._path(name)
        await _disk(lambda: path.unlink(missing_ok=True))

    async def names(self, *, before: datetime) -> AsyncIterator[str]:
        for name in await _disk(lambda: list(self._old(before.timestamp()))):
            yield name

    async def close(self) -> None:
        pass

    def _path(self, name: str) -> Path:
        """Raises ValueError for what is no name: a path never comes from outside."""
        if NAME.fullmatch(name) is None:
            raise ValueError("not a name of a file")
        return self._folder / name[:2] / name

    def _old(self, before: float) -> Iterator[str]:
        """Remains of uploads that were broken off go at the same occasion."""
        for path in self._folder.glob("??/*"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime >= before:
                    continue
                if NAME.fullmatch(path.name):
                    yield path.name
                elif path.suffix == _PART and NAME.fullmatch(path.stem):
                    path.unlink()


def _create(part: Path) -> IO[bytes]:
    part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb", buffering=0)


def _append(file: IO[bytes], content: bytes) -> int:
    """All of it: where room runs out, the first call writes a part and only the next one fails."""
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]
    return len(content)


def _settle(file: IO[bytes], part: Path, path: Path) -> None:
    """On the disk, then under its name; the folder's entry too."""
    os.fsync(file.fileno())
    part.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


async def _disk(act: Callable[[], T]) -> T:
    """In a thread. Raises FileMissing or FileStoreUnavailable."""
    try:
        return await asyncio.to_thread(act)
    except FileNotFoundError:
        raise FileMissing from None
    except OSError as error:
        raise FileStoreUnavailable(f"the store of files: {error.strerror}") from None
