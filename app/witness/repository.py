"""What the witness remembers. The only SQL of this part."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from pii_vault.client import EMPTY_ROOT, Checkpoint

_MEET = text(
    "INSERT INTO witness_log (origin, size, root, note, cosigned_at) VALUES (:origin, 0, :root, '', :now) "
    "ON CONFLICT (origin) DO NOTHING"
)
_LOCK = text("SELECT size, root FROM witness_log WHERE origin = :origin FOR UPDATE")
_NEWEST = text("SELECT note FROM witness_log WHERE origin = :origin AND size > 0")
_ADVANCE = text(
    "UPDATE witness_log SET size = :size, root = :root, note = :note, cosigned_at = :now WHERE origin = :origin"
)
_ORIGINS = text("SELECT origin FROM witness_log WHERE origin = :log OR starts_with(origin, :log || '/')")
_STATEMENT = text("SELECT note FROM witness_checkpoint WHERE origin = :origin AND size = 0")
_STATEMENTS = text(
    "SELECT note FROM witness_checkpoint WHERE size = 0 AND starts_with(origin, :log || '/') ORDER BY hour"
)
_HISTORY = text(
    "SELECT note FROM (SELECT note, size FROM witness_checkpoint WHERE size > 0 AND "
    "(origin = :log OR starts_with(origin, :log || '/')) "
    "UNION SELECT note, size FROM witness_log WHERE size > 0 AND "
    "(origin = :log OR starts_with(origin, :log || '/'))) AS kept ORDER BY size DESC LIMIT :most"
)
# An hour before any checkpoint of this origin, so that those of the same hour do not write over the statement.
_FOUND = text(
    "INSERT INTO witness_checkpoint (origin, hour, size, root, note) "
    "VALUES (:origin, date_trunc('hour', CAST(:now AS timestamptz)) - interval '1 hour', 0, :root, :note)"
)
_KEEP = text(
    "INSERT INTO witness_checkpoint (origin, hour, size, root, note) "
    "VALUES (:origin, date_trunc('hour', CAST(:now AS timestamptz)), :size, :root, :note) "
    "ON CONFLICT (origin, hour) DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note"
)


async def lock(session: AsyncSession, *, origin: str, now: datetime) -> Checkpoint:
    """The last cosigned state of a log, locked until the transaction ends; the empty tree at first."""
    await session.execute(_MEET, {"origin": origin, "root": EMPTY_ROOT, "now": now})
    row = (await session.execute(_LOCK, {"origin": origin})).one()
    return Checkpoint(origin, row.size, bytes(row.root))


async def advance(session: AsyncSession, checkpoint: Checkpoint, *, note: str, now: datetime) -> None:
    values = {"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root, "note": note, "now": now}
    await session.execute(_ADVANCE, values)
    await session.execute(_KEEP, values)


async def newest_note(session: AsyncSession, *, origin: str) -> str | None:
    note: str | None = await session.scalar(_NEWEST, {"origin": origin})
    return note


async def known_origins(session: AsyncSession, *, log: str) -> list[str]:
    """The log's own name and the later ones that were accepted, in no order."""
    return list((await session.scalars(_ORIGINS, {"log": log})).all())


async def found(session: AsyncSession, *, origin: str, statement: str, now: datetime) -> None:
    """Accept a new origin; its statement is kept beside its checkpoints for good."""
    await session.execute(_MEET, {"origin": origin, "root": EMPTY_ROOT, "now": now})
    await session.execute(_FOUND, {"origin": origin, "root": EMPTY_ROOT, "note": statement, "now": now})


async def statement_of(session: AsyncSession, *, origin: str) -> str | None:
    note: str | None = await session.scalar(_STATEMENT, {"origin": origin})
    return note


async def history(session: AsyncSession, *, log: str, most: int) -> tuple[list[str], list[str]]:
    """The statements of all later origins, and the newest `most` cosigned checkpoints that are kept."""
    statements = (await session.scalars(_STATEMENTS, {"log": log})).all()
    return list(statements), list((await session.scalars(_HISTORY, {"log": log, "most": most})).all())
