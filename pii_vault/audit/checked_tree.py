"""Compares the stored tiles and checkpoints with the tree that `verify` computes from the records."""

from collections.abc import Callable, Iterable
from typing import Any, Final

import psycopg

from pii_vault.audit import note as notes
from pii_vault.audit import origin as origins
from pii_vault.audit import proof

Report = Callable[[str, int | None, str], None]

_TILE: Final = "SELECT hashes FROM audit_tile WHERE level = %s AND idx = %s"
_CHECKPOINTS: Final = "SELECT size, root, note, cosignature FROM audit_checkpoint ORDER BY size"
_FULL: Final = proof.TILE_WIDTH * proof.HASH_BYTES


class CheckedTiles:
    """Computes each tile again and compares it with the stored one; holds one tile per level."""

    def __init__(self, connection: "psycopg.Connection[Any]", report: Report) -> None:
        self._connection = connection
        self._report = report
        self._levels: list[tuple[int, bytearray]] = []  # index of the current tile and its hashes so far
        self._size = 0

    def append(self, leaf: bytes) -> None:
        self._size += 1
        self._append(0, leaf)

    def _append(self, level: int, digest: bytes) -> None:
        if level == len(self._levels):
            self._levels.append((0, bytearray()))
        index, hashes = self._levels[level]
        hashes += digest
        if len(hashes) == _FULL:
            self._compare(level, index, bytes(hashes), signed=None)
            self._levels[level] = (index + 1, bytearray())
            self._append(level + 1, proof.tile_root(bytes(hashes)))

    def _compare(self, level: int, index: int, computed: bytes, *, signed: int | None) -> None:
        """A tile reaches as far as the newest checkpoint; what it holds must be what was computed."""
        row = self._connection.execute(_TILE, (level, index), binary=True).fetchone()
        stored = row.hashes if row else b""
        if not computed.startswith(stored):
            first = index * proof.TILE_WIDTH ** (level + 1)
            self._report("tile_changed", first, f"tile {level}/{index} differs from the records it covers")
        elif signed is not None:
            complete = signed // proof.TILE_WIDTH**level - index * proof.TILE_WIDTH
            width = max(0, min(proof.TILE_WIDTH, complete))
            if len(stored) < width * proof.HASH_BYTES:
                self._report("tile_missing", signed, f"tile {level}/{index} is shorter than its checkpoint needs")

    def finish(self, *, signed: int) -> None:
        """Compare the unfinished tile of each level, up to the size of the newest checkpoint."""
        for level, (index, hashes) in enumerate(self._levels):
            self._compare(level, index, bytes(hashes), signed=min(signed, self._size))


class CheckedCheckpoints:
    """Checks every stored checkpoint, and the one that the witness keeps, when the computed tree reaches its size."""

    def __init__(
        self,
        connection: "psycopg.Connection[Any]",
        report: Report,
        *,
        log_key: notes.VerifierKey,
        witness_key: notes.VerifierKey,
        known: origins.Origins,
    ) -> None:
        self._report = report
        self._log_key = log_key
        self._origins = known
        self._witness_key = witness_key
        self._cursor = connection.cursor(name="audit_checkpoint", binary=True)
        self._cursor.execute(_CHECKPOINTS)
        self._next: Any = self._cursor.fetchone()
        self._outside: list[notes.Checkpoint] = []  # in order of size
        self.count = 0
        self.compared = 0
        self.witnessed = 0
        self.newest = 0

    def expect(self, witness_notes: Iterable[str]) -> None:
        """What the witness keeps must be in the log, whatever the database says; but for what a restore gave up."""
        for text in witness_notes:
            try:
                note = notes.parse_note(text)
                key = origins.key_of(notes.parse_checkpoint(note.text).origin, self._log_key)
                checkpoint = notes.open_checkpoint(note, key)
                notes.verify_cosignature(note, self._witness_key)
                if checkpoint.size and not self._origins.gave_up(checkpoint):
                    self._outside.append(checkpoint)
            except notes.NoteError as error:
                self._report("witness_note", None, f"the witness's own checkpoint does not verify: {error}")
        self._outside.sort(key=lambda each: each.size)

    def reach(self, size: int, root: Callable[[], bytes]) -> None:
        while self._next is not None and self._next.size <= size:
            self._check(self._next, size, root)
            self._next = self._cursor.fetchone()
        while self._outside and self._outside[0].size <= size:
            self.compared += 1
            if self._outside.pop(0).root != root():
                self._report("witness_fork", size, "the witness cosigned another history of this size")
            else:
                self.witnessed = max(self.witnessed, size)

    def _check(self, row: Any, size: int, root: Callable[[], bytes]) -> None:
        self.count += 1
        self.newest = row.size
        try:
            note = notes.parse_note(row.note)
            checkpoint = notes.open_checkpoint(note, self._origins.key_at(row.size))
        except notes.NoteError as error:
            self._report("checkpoint_signature", row.size, f"the checkpoint does not verify: {error}")
            return
        if (checkpoint.size, checkpoint.root) != (row.size, row.root) or row.size != size:
            self._report("checkpoint_changed", row.size, "the row says something else than its signed note")
        elif checkpoint.root != root():
            self._report("checkpoint_root", row.size, "the records are not those that were signed at this size")
        elif row.cosignature is not None:
            self._check_cosignature(row, note)

    def _check_cosignature(self, row: Any, note: notes.Note) -> None:
        try:
            cosigned = notes.Note(note.text, notes.parse_signatures(row.cosignature))
            notes.verify_cosignature(cosigned, self._witness_key)
        except notes.NoteError as error:
            self._report("cosignature", row.size, f"the witness's cosignature does not verify: {error}")
        else:
            self.witnessed = max(self.witnessed, row.size)

    def finish(self, records: int) -> None:
        """Whatever was signed or witnessed beyond the last record is gone."""
        while self._next is not None:
            self.count += 1
            self._report(
                "truncated", self._next.size, f"a checkpoint of this size is stored, but {records} records are"
            )
            self._next = self._cursor.fetchone()
        for checkpoint in self._outside:
            text = f"the witness cosigned this size, but {records} records are stored"
            self._report("truncated", checkpoint.size, text)

    def close(self) -> None:
        self._cursor.close()
