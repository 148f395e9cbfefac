"""The erasure journal: who was erased, in a file outside the database and outside its backups.

A line is written and flushed to the disk before anything is shredded. So whatever backup is restored later, the
journal knows every person who must not come back with it.

    {"n": 1, "at": …, "tenant": …, "subject": "sub_…", "groups": [0], "reason": …, "erasure": "ers_…", "mac": …}

`mac` is HMAC-SHA256 over the mac of the line before and this line without it, under a key that follows from the
audit key of the key service: a changed, removed or swapped line is found. A line that a crash cut short was never
acted upon and is dropped by the next writer.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

import msgspec

from pii_vault.core.primitives import derive_key, keyed_hash
from pii_vault.rights.errors import JournalBroken, JournalUnavailable

if TYPE_CHECKING:
    from pii_vault.keys.service import KeyService

LABEL: Final = b"larets erasure journal 1"
NO_MAC: Final = bytes(32)


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


@dataclass(slots=True)
class _Checked:
    """What was read of the file `inode` up to byte `end`, each line against the one before."""

    inode: int = 0
    end: int = 0
    mac: bytes = NO_MAC
    lines: list[Line] = field(default_factory=list)
    of: dict[str, Line] = field(default_factory=dict)  # erasure → its line


class ErasureJournal:
    """One file; any number of processes append to it, one at a time. `path`'s folder must exist.

    What this process has checked it does not check again, so an erasure costs the same however many there were; only
    `lines(whole=True)` finds that a line of before was changed since.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self._key = key
        self._lock = Lock()
        self._checked = _Checked()

    def append(self, order: Order) -> Line:
        """Writes a line and flushes it to the disk; only then may the person be shredded.

        An erasure that has a line already keeps it: an interrupted one is written once.

        Raises:
            JournalBroken, JournalUnavailable.
        """
        with self._locked() as descriptor, self._lock:
            checked = self._read_on(descriptor)
            line = checked.of.get(order.erasure)
            if line is None:
                _drop_half_line(descriptor, checked.end)
                bare = Line(
                    len(checked.lines) + 1,
                    datetime.now(UTC),
                    order.tenant,
                    order.subject,
                    sorted(order.groups),
                    order.reason,
                    order.erasure,
                )
                line = msgspec.structs.replace(bare, mac=self._mac(checked.mac, bare).hex())
                _write(descriptor, _encoded(line))
            os.fsync(descriptor)
        self._flush_folder()
        return line

    def lines(self, *, whole: bool = False) -> tuple[Line, ...]:
        """All lines, each checked against the one before; none where there is no file yet.

        Args:
            whole: checks them all, also those that this process has checked before.

        Raises:
            JournalBroken.
        """
        try:
            with self._path.open("rb") as file, self._lock:
                return tuple(self._read_on(file.fileno(), whole=whole).lines)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise JournalBroken(f"the erasure journal cannot be read: {error.strerror}") from error

    def copied(self) -> bytes:
        """What `put_back` takes: every whole line, checked.

        Raises:
            JournalBroken.
        """
        return b"".join(map(_encoded, self.lines(whole=True)))

    def put_back(self, copy: bytes) -> int:
        """Writes the lines that a copy has beyond this journal; how many. Lines that are here stay as they are.

        A part of a copy will do, if it begins no later than this journal ends.

        Raises:
            JournalBroken: the copy was touched or cut off, or is not of this journal; nothing was written.
            JournalUnavailable.
        """
        with self._locked() as descriptor, self._lock:
            checked = self._read_on(descriptor, whole=True)
            fresh = self._beyond(checked.lines, copy)
            _drop_half_line(descriptor, checked.end)
            if fresh:
                _write(descriptor, b"".join(map(_encoded, fresh)))
            os.fsync(descriptor)
        self._flush_folder()
        return len(fresh)

    def _beyond(self, there: list[Line], copy: bytes) -> list[Line]:
        if not copy:
            return []
        before = _first_number(copy) - 1
        if not 0 <= before <= len(there):
            raise JournalBroken(f"the copy begins after line {before}; this journal ends at line {len(there)}")
        if not copy.endswith(b"\n"):
            raise JournalBroken("the copy of the erasure journal is cut off")
        known = _Checked(mac=bytes.fromhex(there[before - 1].mac) if before else NO_MAC, lines=there[:before])
        lines, common = self._take(known, copy).lines[before:], there[before:]
        if lines[: len(common)] != common[: len(lines)]:
            raise JournalBroken("the copy and this erasure journal are two: one does not go on where the other ends")
        return lines[len(common) :]

    def _read_on(self, descriptor: int, *, whole: bool = False) -> _Checked:
        status = os.fstat(descriptor)
        known, self._checked = self._checked, _Checked(status.st_ino)
        if not whole and known.inode == status.st_ino and known.end <= status.st_size:
            with contextlib.suppress(JournalBroken):  # another file was written over it: it is read as a new one
                self._checked = self._take(known, os.pread(descriptor, status.st_size - known.end, known.end))
                return self._checked
        self._checked = self._take(self._checked, os.pread(descriptor, status.st_size, 0))
        return self._checked

    def _take(self, checked: _Checked, content: bytes) -> _Checked:
        whole, _, _ = content.rpartition(b"\n")  # what follows the last line feed was cut short by a crash
        for raw in whole.split(b"\n") if whole else ():
            number = len(checked.lines) + 1
            try:
                line = _line.decode(raw)
                mac = bytes.fromhex(line.mac)
            except (msgspec.DecodeError, ValueError) as error:
                raise JournalBroken(f"line {number} of the erasure journal is not a line of it") from error
            if line.n != number or mac != self._mac(checked.mac, line):
                raise JournalBroken(f"line {number} of the erasure journal does not follow the one before")
            checked.lines.append(line)
            checked.of[line.erasure] = line
            checked.mac = mac
            checked.end += len(raw) + 1
        return checked

    def _mac(self, before: bytes, line: Line) -> bytes:
        return keyed_hash(self._key, before + msgspec.json.encode(msgspec.structs.replace(line, mac="")))

    @contextlib.contextmanager
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


def _drop_half_line(descriptor: int, end: int) -> None:
    if end < os.fstat(descriptor).st_size:
        os.ftruncate(descriptor, end)


def _encoded(line: Line) -> bytes:
    return msgspec.json.encode(line) + b"\n"


def _first_number(copy: bytes) -> int:
    try:
        return _line.decode(copy.partition(b"\n")[0]).n
    except msgspec.DecodeError as error:
        raise JournalBroken("this is no copy of an erasure journal") from error


def _write(descriptor: int, lines: bytes) -> None:
    """All of it or, as far as this process can tell, nothing: half a line would be dropped by the next writer."""
    if os.write(descriptor, lines) != len(lines):
        raise OSError(28, os.strerror(28))


async def open_journal(path: Path, keys: "KeyService") -> ErasureJournal:
    """The journal of this vault. Raises KeyServiceUnavailable."""
    return ErasureJournal(path, derive_key(await keys.audit_key(), LABEL))
