"""The Merkle tree and its checkpoints in the database."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from pii_vault.audit import note as notes
from pii_vault.audit import proof
from pii_vault.audit.origin import Origins, open_succession

_NEWEST = """
SELECT size, root, note, signed_at, cosignature, cosigned_at FROM audit_checkpoint ORDER BY size DESC LIMIT 1
"""
_TILES = """
SELECT level, idx, hashes FROM audit_tile JOIN unnest($1::smallint[], $2::bigint[]) AS wanted(level, idx)
    USING (level, idx)
"""
_FOUNDED = "SELECT statement, witnessed FROM audit_origin ORDER BY number"


@dataclass(frozen=True, slots=True)
class Founded:
    """The statement that founded an origin, and the checkpoint it names, with both signatures.

    The latter is None in rows of older releases.
    """

    statement: str
    witnessed: str | None


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    size: int
    root: bytes
    note: str
    signed_at: datetime
    cosignature: str | None
    cosigned_at: datetime | None


@dataclass(frozen=True, slots=True)
class Growth:
    """What the tree becomes when the records of the log up to `size` are added to it."""

    size: int
    root: bytes
    tiles: dict[proof.Tile, bytes]


async def newest_checkpoint(connection: "asyncpg.Connection | asyncpg.Pool") -> StoredCheckpoint | None:
    row = await connection.fetchrow(_NEWEST)
    return StoredCheckpoint(*row) if row else None


async def witnessed_size(connection: "asyncpg.Connection | asyncpg.Pool") -> int:
    """The size of the newest checkpoint that bears a cosignature; 0 if there is none."""
    size = await connection.fetchval("SELECT max(size) FROM audit_checkpoint WHERE cosignature IS NOT NULL")
    return int(size or 0)


async def read_origins(connection: "asyncpg.Connection | asyncpg.Pool", log_key: notes.VerifierKey) -> Origins:
    """The origins of this log. Raises NoteError."""
    founded = await read_founded(connection)
    return Origins(log_key, [open_succession(notes.parse_note(each.statement), log_key) for each in founded])


async def read_founded(connection: "asyncpg.Connection | asyncpg.Pool") -> list[Founded]:
    """Every origin but the first, oldest first."""
    return [Founded(*row) for row in await connection.fetch(_FOUNDED)]


async def read_tiles(
    connection: "asyncpg.Connection | asyncpg.Pool", wanted: Iterable[proof.Tile]
) -> dict[proof.Tile, bytes]:
    tiles = list(wanted)
    rows = await connection.fetch(_TILES, [level for level, _ in tiles], [idx for _, idx in tiles])
    return {(row["level"], row["idx"]): row["hashes"] for row in rows}


async def grow(connection: asyncpg.Connection, *, most: int) -> Growth | None:
    """The next step of the tree, of at most `most` records; None when it has all of them."""
    size = await connection.fetchval("SELECT coalesce(max(size), 0) FROM audit_checkpoint")
    leaves = await connection.fetch(
        "SELECT leaf FROM audit_log WHERE idx >= $1 AND idx < $2 ORDER BY idx", size, size + most
    )
    if not leaves:
        return None
    upto = size + len(leaves)
    edge = await read_tiles(connection, proof.edge_tiles(size))
    grown = proof.extend_tiles(size, edge, (row["leaf"] for row in leaves))
    known = edge | grown
    rest = await read_tiles(connection, proof.tiles_of([(0, upto)]) - known.keys())
    return Growth(upto, proof.range_root((0, upto), rest | known), grown)


async def save(connection: asyncpg.Connection, growth: Growth, note: str) -> None:
    """Store tiles and checkpoint together.

    Raises:
        asyncpg.CheckViolationError: another worker was faster, or a tile would change instead of growing.
    """
    await connection.execute(
        "SELECT audit_extend($1, $2, $3, $4, $5, $6)",
        [level for level, _ in growth.tiles],
        [idx for _, idx in growth.tiles],
        list(growth.tiles.values()),
        growth.size,
        growth.root,
        note,
    )


async def consistency(connection: "asyncpg.Connection | asyncpg.Pool", *, old: int, new: int) -> list[bytes]:
    """The proof that the tree of `new` records begins with the tree of `old` records."""
    ranges = proof.consistency_ranges(old, new)
    return proof.build_proof(ranges, await read_tiles(connection, proof.tiles_of(ranges)))
