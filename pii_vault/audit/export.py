"""Writes a period of the log as a signed bundle that stands by itself: `docs/audit_reader.py` verifies one.

A bundle is lines of JSON. The first names the period and carries the cosigned checkpoint under which the records
stand, with the roots of all other subtrees: from them and the records a reader computes the checkpoint's own root, and
on the way that of the checkpoint before the period. Then a line a record, its bytes as they are (with the digest
of its detail); of other tenants, where one was named, the leaf hash alone. The last line is a note signed by the log's
key over the SHA-256 of all lines before it.
"""

import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import IO, Any, Final

import psycopg
from psycopg.rows import namedtuple_row

from pii_vault.audit import note as notes
from pii_vault.audit import proof
from pii_vault.audit.errors import NothingToExport, NotWitnessedYet

BUNDLE: Final = "larets audit bundle 1"
_BATCH: Final = 2000
_RANGE: Final = "SELECT min(idx), max(idx) + 1 FROM audit_detail WHERE at >= %s AND at < %s"
_ONE: Final = "SELECT at AS since, at AS until, idx, idx + 1 AS next FROM audit_detail WHERE idx = %s"
_COVER: Final = """
SELECT size, note, cosignature FROM audit_checkpoint WHERE cosignature IS NOT NULL ORDER BY size DESC LIMIT 1
"""
_BEFORE: Final = """
SELECT size, note, cosignature FROM audit_checkpoint WHERE cosignature IS NOT NULL AND size <= %s
ORDER BY size DESC LIMIT 1
"""
_TILES: Final = """
SELECT t.level, t.idx, t.hashes FROM audit_tile AS t
JOIN unnest(%s::smallint[], %s::bigint[]) AS wanted(level, idx) USING (level, idx)
"""
_RECORDS: Final = """
SELECT l.record, l.leaf, d.tenant FROM audit_log AS l JOIN audit_detail AS d USING (idx)
WHERE l.idx >= %s AND l.idx < %s ORDER BY l.idx
"""

Sign = Callable[[bytes], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` until `until`. `tenant` None exports all; else the records of the others are withheld."""

    since: datetime
    until: datetime
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class Single:
    """The record of this number: its bundle is the proof of its inclusion (RFC 6962 §2.1.1)."""

    number: int
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written. `left_out` newest records of the period are not witnessed yet."""

    first: int
    records: int
    withheld: int
    left_out: int
    checkpoint_size: int


async def export_bundle(
    database_url: str,
    period: Period | Single,
    into: IO[bytes],
    *,
    log_key: notes.VerifierKey,
    witness_key: notes.VerifierKey,
    sign: Sign,
    witnessed_only: bool = False,
) -> Exported:
    """Write the bundle in constant memory. Needs no more than SELECT on the audit tables, and the log's signature.

    Raises:
        NothingToExport: the period holds no records, or there is none of this number.
        NotWitnessedYet: its newest records are beyond the last cosigned checkpoint, and not `witnessed_only`.
        notes.NoteError, proof.ProofError: what is stored does not fit together: verify the log.
        psycopg.Error: the database cannot be read.
    """
    with psycopg.connect(database_url, row_factory=namedtuple_row) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        plan = _Plan(connection, period, witnessed_only=witnessed_only)
        digest = sha256()
        withheld = 0

        def write(content: object) -> None:
            line = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            digest.update(line)
            into.write(line)

        write(plan.header(log_key, witness_key))
        for content in plan.records():
            withheld += "leaf" in content
            write(content)
    # After a restore the log goes on under another name of the same key.
    signer = notes.log_key(notes.parse_checkpoint(plan.checkpoint.text).origin, log_key.public_key)
    text = f"{BUNDLE}\n{signer.name}\n{digest.hexdigest()}\n"
    write({"signature": str(notes.Note(text, (notes.sign_with(signer, await sign(text.encode())),)))})
    return Exported(plan.first, plan.end - plan.first, withheld, plan.left_out, plan.size)


class _Plan:
    """Which records, under which checkpoint, with which roots."""

    def __init__(self, connection: "psycopg.Connection[Any]", period: Period | Single, *, witnessed_only: bool) -> None:
        self._connection = connection
        self._tenant = period.tenant
        if isinstance(period, Single):
            found = connection.execute(_ONE, (period.number,)).fetchone()
            since, until, first, end = found or (None, None, None, None)
        else:
            since, until = period.since, period.until
            first, end = connection.execute(_RANGE, (since, until)).fetchone() or (None, None)
        cover = connection.execute(_COVER).fetchone()
        if since is None or until is None or first is None:
            raise NothingToExport
        self._since, self._until = since, until
        if cover is None or cover.size <= first or (cover.size < end and not witnessed_only):
            raise NotWitnessedYet
        self.first, self.end = first, min(end, cover.size)
        self.left_out = end - self.end
        self.size = cover.size
        self.checkpoint = notes.parse_note(cover.note + cover.cosignature)
        self._before = connection.execute(_BEFORE, (first,)).fetchone()

    def header(self, log_key: notes.VerifierKey, witness_key: notes.VerifierKey) -> dict[str, object]:
        start = self._before.size if self._before else 0
        left = [*proof.aligned_parts((0, start)), *proof.aligned_parts((start, self.first))]
        right = list(proof.aligned_parts((self.end, self.size)))
        tiles = self._tiles(proof.tiles_of_parts([*left, *right]))
        return {
            "bundle": BUNDLE,
            "from": self._since.isoformat(),
            "to": self._until.isoformat(),
            "tenant": self._tenant,
            "first": self.first,
            "count": self.end - self.first,
            "left_out": self.left_out,
            "before": self._before.note + self._before.cosignature if self._before else None,
            "left": _roots(left, tiles),
            "right": _roots(right, tiles),
            "checkpoint": str(self.checkpoint),
            "log_key": str(log_key),
            "witness_key": str(witness_key),
        }

    def records(self) -> Iterator[dict[str, object]]:
        with self._connection.cursor(name="audit_export", binary=True) as cursor:
            cursor.itersize = _BATCH
            for row in cursor.execute(_RECORDS, (self.first, self.end)):
                if self._tenant is not None and row.tenant != self._tenant:
                    yield {"leaf": notes.encode_base64(row.leaf)}
                else:
                    yield {"record": row.record.decode()}

    def _tiles(self, wanted: set[proof.Tile]) -> dict[proof.Tile, bytes]:
        levels, places = [level for level, _ in wanted], [place for _, place in wanted]
        rows = self._connection.execute(_TILES, (levels, places), binary=True)
        return {(row.level, row.idx): row.hashes for row in rows}


def _roots(parts: list[tuple[int, int]], tiles: proof.Tiles) -> list[tuple[int, str]]:
    return [(part[1], notes.encode_base64(proof.part_root(part, tiles))) for part in parts]
