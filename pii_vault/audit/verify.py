"""Verifies the whole log: each record, its detail, the chain, the tree, every checkpoint, and what the witness saw.

Reads one snapshot through server-side cursors, so it needs the same memory for any length of log. Trusts nothing in
the database: hashes are computed from the records' bytes, signatures are checked with the keys given by the caller.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

import msgspec
import psycopg
from psycopg.rows import namedtuple_row

from pii_vault.audit import note as notes
from pii_vault.audit import proof
from pii_vault.audit.checked_tree import CheckedCheckpoints, CheckedTiles
from pii_vault.audit.origin import VERB, Origins, Succession, number_of, open_succession
from pii_vault.audit.record import Detail, Record, canonical_counts, parse_record

MOST_PROBLEMS: Final = 100
PROGRESS_EVERY: Final = 50_000
_BATCH: Final = 2000
_FIRST_CHAIN: Final = bytes(32)
_LOG: Final = """
SELECT l.idx, l.record, l.leaf, l.chain, d.idx AS detail, d.tenant, d.verb, d.principal_kind, d.principal, d.purpose,
       d.decision, d.at, d.counts, d.subjects
FROM audit_log AS l LEFT JOIN audit_detail AS d USING (idx) ORDER BY l.idx
"""
_STRAY: Final = """
SELECT d.idx FROM audit_detail AS d WHERE NOT EXISTS (SELECT FROM audit_log AS l WHERE l.idx = d.idx) LIMIT 10
"""

_ORIGINS: Final = "SELECT number, origin, kept, statement FROM audit_origin ORDER BY number"

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Problem:
    """`kind` is stable; `at` is the index of a record or the size of a checkpoint."""

    kind: str
    at: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class WitnessCopy:
    """What the witness keeps of this log: cosigned checkpoints, and the statements of new origins."""

    notes: Sequence[str] = ()
    statements: Sequence[str] = ()


@dataclass(slots=True)
class Report:
    """`witnessed` is the size of the newest checkpoint whose cosignature holds; the rest is not witnessed yet.

    `compared` checkpoints of the witness's own copy were held against the records. `lost` witnessed records were given
    up by restores, as the statements of the later origins say.
    """

    records: int = 0
    checkpoints: int = 0
    witnessed: int = 0
    compared: int = 0
    origin: str = ""
    lost: int = 0
    problems: list[Problem] = field(default_factory=list)
    suppressed: int = 0

    @property
    def ok(self) -> bool:
        return not self.problems

    @property
    def unwitnessed(self) -> int:
        return max(0, self.records - self.witnessed)

    def add(self, kind: str, at: int | None, detail: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(kind, at, detail))
        else:
            self.suppressed += 1

    def as_dict(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "records": self.records,
            "checkpoints": self.checkpoints,
            "witnessed": self.witnessed,
            "unwitnessed": self.unwitnessed,
            "compared": self.compared,
            "origin": self.origin,
            "lost": self.lost,
            "problems": [{"kind": each.kind, "at": each.at, "detail": each.detail} for each in self.problems],
            "suppressed": self.suppressed,
        }


def verify_log(
    database_url: str,
    log_vkey: str,
    witness_vkey: str,
    *,
    witness: WitnessCopy | None = None,
    progress: Progress | None = None,
) -> Report:
    """Verify the log of a vault database. Needs no more than SELECT on the audit tables.

    `witness` is what the witness itself keeps: with it, a log from which both the newest records and their checkpoints
    were deleted, or whose whole history was written anew, is found out too. `progress` is called with records done
    and expected.

    Raises:
        notes.NoteError: one of the given keys is malformed.
        psycopg.Error: the database cannot be read.
    """
    report = Report()
    log_key, witness_key = notes.parse_vkey(log_vkey), notes.parse_vkey(witness_vkey)
    with psycopg.connect(database_url, row_factory=namedtuple_row) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        founded = _successions(connection, report, log_key)
        origins = Origins(log_key, founded)
        report.origin, report.lost = origins.newest, origins.lost
        with closing(
            CheckedCheckpoints(connection, report.add, log_key=log_key, witness_key=witness_key, known=origins)
        ) as checkpoints:
            if witness is not None:
                checkpoints.expect(witness.notes)
                _compare_origins(report, founded, witness, log_key)
            _Walk(connection, report, checkpoints, progress).run()
    report.checkpoints, report.witnessed, report.compared = (
        checkpoints.count,
        checkpoints.witnessed,
        checkpoints.compared,
    )
    return report


def _successions(connection: "psycopg.Connection[Any]", report: Report, log_key: notes.VerifierKey) -> list[Succession]:
    """The statements that hold: signed, and each told by the record with which its origin begins."""
    found = []
    for row in connection.execute(_ORIGINS):
        try:
            said = open_succession(notes.parse_note(row.statement), log_key)
        except notes.NoteError as error:
            report.add("origin_statement", row.kept, f"the statement of an origin does not verify: {error}")
            continue
        record = connection.execute("SELECT record FROM audit_log WHERE idx = %s", (said.kept,), binary=True).fetchone()
        if (said.origin, said.kept) != (row.origin, row.kept) or not _tells(record, said):
            report.add("origin_record", row.kept, "no record of the log founds this origin")
            continue
        found.append(said)
    return found


def _tells(row: Any, said: Succession) -> bool:
    try:
        record = parse_record(row.record) if row is not None else None
    except msgspec.MsgspecError:
        return False
    return record is not None and (record.verb, record.request) == (VERB, said.digest)


def _compare_origins(
    report: Report, founded: list[Succession], witness: WitnessCopy, log_key: notes.VerifierKey
) -> None:
    """The newest origin that the witness accepted is one of this log's, by the very same statement."""
    try:
        accepted = [open_succession(notes.parse_note(text), log_key) for text in witness.statements]
    except notes.NoteError as error:
        report.add("witness_note", None, f"a statement that the witness keeps does not verify: {error}")
        return
    newest = max(accepted, key=lambda each: number_of(each.origin, log=log_key.name), default=None)
    if newest is not None and newest not in founded and not any(newest.origin == each.after for each in founded):
        report.add("witness_fork", newest.kept, "the witness accepted a new origin that this log does not know")


class _Walk:
    """One pass over the records in order of index."""

    def __init__(
        self,
        connection: "psycopg.Connection[Any]",
        report: Report,
        checkpoints: CheckedCheckpoints,
        progress: Progress | None,
    ) -> None:
        self._connection = connection
        self._report = report
        self._checkpoints = checkpoints
        self._tiles = CheckedTiles(connection, report.add)
        self._frontier = proof.Frontier()
        self._chain = _FIRST_CHAIN
        self._progress = progress or (lambda _done, _expected: None)

    def run(self) -> None:
        head = self._connection.execute("SELECT size, chain FROM audit_head").fetchone()
        size = head.size if head else 0
        for row in self._rows():
            self._gap(row.idx)
            self._record(row)
            self._report.records += 1
            if self._report.records % PROGRESS_EVERY == 0:
                self._progress(self._report.records, size)
        self._finish(head)
        self._progress(self._report.records, size)

    def _rows(self) -> Iterator[Any]:
        with self._connection.cursor(name="audit_log", binary=True) as cursor:
            cursor.itersize = _BATCH
            yield from cursor.execute(_LOG)

    def _gap(self, index: int) -> None:
        """Missing records count as empty leaves, so that the rest can still be compared place by place."""
        missing = index - self._frontier.size
        if missing > 0:
            self._report.add("record_missing", self._frontier.size, f"{missing} records are missing here")
            for _ in range(min(missing, proof.TILE_WIDTH**2)):
                self._leaf(proof.leaf_hash(b""))

    def _leaf(self, leaf: bytes) -> None:
        self._frontier.append(leaf)
        self._tiles.append(leaf)
        self._checkpoints.reach(self._frontier.size, self._frontier.root)

    def _record(self, row: Any) -> None:
        leaf = proof.leaf_hash(row.record)
        if leaf != row.leaf:
            self._report.add("record_changed", row.idx, "the record does not match its leaf hash")
        chain = sha256(self._chain + leaf).digest()
        if chain != row.chain:
            self._report.add("chain_broken", row.idx, "the chain hash does not follow from the record before")
        self._chain = row.chain
        self._detail(row)
        self._leaf(leaf)

    def _detail(self, row: Any) -> None:
        if row.detail is None:
            self._report.add("detail_missing", row.idx, "the detail row of the record is missing")
            return
        try:
            record = parse_record(row.record)
        except msgspec.MsgspecError:
            self._report.add("record_unreadable", row.idx, "the record is not one that this release can read")
            return
        detail = Detail(
            row.tenant, row.verb, row.principal_kind, row.principal, row.purpose, row.decision, row.at,
            canonical_counts(row.counts), row.subjects,
        )  # fmt: skip
        if not _matches(detail, record):
            self._report.add("detail_changed", row.idx, "the detail row does not match the digest in the record")

    def _finish(self, head: Any) -> None:
        records = self._frontier.size
        if head is None or (head.size, head.chain) != (records, self._chain):
            self._report.add("head_mismatch", records, "the head names another size or chain hash than the last record")
        for row in self._connection.execute(_STRAY):
            self._report.add("detail_stray", row.idx, "a detail row has no record")
        self._tiles.finish(signed=self._checkpoints.newest)
        self._checkpoints.finish(records)


def _matches(detail: Detail, record: Record) -> bool:
    try:
        return detail.digest(record.v).hex() == record.detail
    except ValueError:
        return False
