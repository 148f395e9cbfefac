"""The erasure journal: who was erased, in a file outside the database and outside its backups.

A line is written and flushed to the disk before anything is shredded. So whatever backup is restored later, the
journal knows every person who must not come back with it.

    {"n": 1, "at": …, "tenant": …, "subject": "sub_…", "groups": [0], "reason": …, "erasure": "ers_…", "mac": …}

`mac` is HMAC-SHA256 over the mac of the line before and this line without it, under a key that follows from the
audit key of the key service: a changed, removed or swapped line is found. A line that a crash cut short was never
acted upon and is dropped by the next writer.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from pii_vault.core.primitives import derive_key, keyed_hash
from pii_vault.rights.errors import JournalBroken, JournalUnavailable

if TYPE_CHECKING:
    from pii_vault.keys.service import KeyService

LABEL: Final = b"larets erasure journal 1"
NO_MAC: Final = bytes(32)
_TAIL_BYTES: Final = 4096


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One erasure. Ids only, never a value."""

    n: int
    at: datetime
    tenant: str
    subject: str
    groups: list[int]
    reason: str
    erasure: str
    mac: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """What a new line says."""

    tenant: str
    subject: str
    groups: tuple[int, ...]
    reason: str
    erasure: str


_line: Final = msgspec.json.Decoder(Line)


class ErasureJournal:
    """One file; any number of processes append to it, one at a time. `path`'s folder must exist."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self._key = key
        self._checked: tuple[int, int, tuple[Line, ...]] | None = None  # inode, bytes, lines

    def append(self, order: Order) -> Line:
        """Writes a line and flushes it to the disk; only then may the person be shredded.

        An erasure that has a line already keeps it: an interrupted one is written once.

        Raises:
            JournalBroken, JournalUnavailable.
        """
        with self._locked() as descriptor:
            lines = self._drop_half_line(descriptor)
            for line in lines:
                if line.erasure == order.erasure:
                    return line
            before = bytes.fromhex(lines[-1].mac) if lines else NO_MAC
            bare = Line(
                len(lines) + 1,
                datetime.now(UTC),
                order.tenant,
                order.subject,
                sorted(order.groups),
                order.reason,
                order.erasure,
            )
            line = msgspec.structs.replace(bare, mac=self._mac(before, bare).hex())
            _write(descriptor, msgspec.json.encode(line) + b"\n")
        self._flush_folder()
        return line

    def lines(self) -> tuple[Line, ...]:
        """All lines, each checked against the one before; none where there is no file yet.

        Raises:
            JournalBroken.
        """
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                known = self._checked
                if known is not None and known[:2] == (status.st_ino, status.st_size):
                    return known[2]
                content = file.read()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise JournalBroken(f"the erasure journal cannot be read: {error.strerror}") from error
        lines = self._read(content)
        self._checked = (status.st_ino, len(content), lines)
        return lines

    def _read(self, content: bytes) -> tuple[Line, ...]:
        whole, _, _ = content.rpartition(b"\n")  # what follows the last line feed was cut short by a crash
        lines: list[Line] = []
        before = NO_MAC
        for number, raw in enumerate(whole.split(b"\n") if whole else (), 1):
            try:
                line = _line.decode(raw)
                mac = bytes.fromhex(line.mac)
            except (msgspec.DecodeError, ValueError) as error:
                raise JournalBroken(f"line {number} of the erasure journal is not a line of it") from error
            if line.n != number or mac != self._mac(before, line):
                raise JournalBroken(f"line {number} of the erasure journal does not follow the one before")
            lines.append(line)
            before = mac
        return tuple(lines)

    def _mac(self, before: bytes, line: Line) -> bytes:
        return keyed_hash(self._key, before + msgspec.json.encode(msgspec.structs.replace(line, mac="")))

    def _drop_half_line(self, descriptor: int) -> tuple[Line, ...]:
        size = os.fstat(descriptor).st_size
        content = os.pread(descriptor, size, 0)
        lines = self._read(content)
        whole = content.rfind(b"\n") + 1
        if whole < size:
            os.ftruncate(descriptor, whole)
        return lines

    @contextmanager
    def _locked(self) -> Iterator[int]:
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalUnavailable(f"the erasure journal cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        except OSError as error:
            raise JournalUnavailable(f"the erasure journal cannot be written: {error.strerror}") from error
        finally:
            os.close(descriptor)

    def _flush_folder(self) -> None:
        """The file's name too must survive a crash."""
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _write(descriptor: int, line: bytes) -> None:
    """All of it or, as far as this process can tell, nothing: half a line would be dropped by the next writer."""
    if os.write(descriptor, line) != len(line):
        raise OSError(28, os.strerror(28))
    os.fsync(descriptor)


async def open_journal(path: Path, keys: "KeyService") -> ErasureJournal:
    """The journal of this vault. Raises KeyServiceUnavailable."""
    return ErasureJournal(path, derive_key(await keys.audit_key(), LABEL))
