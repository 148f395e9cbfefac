"""Signs the audit log at intervals and has the other contour witness it. Runs in the private worker."""

import asyncio
import logging
import time
from typing import Final

import asyncpg

from pii_vault.audit import note as notes
from pii_vault.audit import tree
from pii_vault.audit.query import SILENCE_SECONDS, witness_lag
from pii_vault.audit.witness import WitnessClient, WitnessElsewhere, WitnessRefuses, WitnessSilent, WitnessUnaware
from pii_vault.errors import VaultError
from pii_vault.keys.service import KeyService
from pii_vault.store import DATABASE_ERRORS

logger = logging.getLogger(__name__)

MOST_RECORDS: Final = 16_384  # in one step: about 0.1 s of hashing between two turns of the event loop
TIDY_SECONDS: Final = 30.0


async def newest_note(pool: asyncpg.Pool) -> str | None:
    """The answer of GET /v1/audit/checkpoint: the newest cosigned checkpoint, else the newest; None at the start."""
    row = await pool.fetchrow(
        "SELECT note, cosignature FROM audit_checkpoint ORDER BY cosignature IS NULL, size DESC LIMIT 1"
    )
    return row["note"] + (row["cosignature"] or "") if row else None


class Checkpointer:
    """Grows the tree, signs it, and keeps the witness's cosignature. Holds no state that a restart would miss."""

    def __init__(self, pool: asyncpg.Pool, keys: KeyService, *, origin: str, witness: WitnessClient | None) -> None:
        self._pool = pool
        self._keys = keys
        self._key = notes.log_key(origin, keys.checkpoint_public_key())
        self._witness = witness
        self._witness_size: int | None = None  # what it last said; None until it or the database told

    async def sign(self) -> bool:
        """Sign the next step. False when there is nothing new."""
        async with self._pool.acquire() as connection:
            growth = await tree.grow(connection, most=MOST_RECORDS)
            if growth is None:
                return False
            origins = await tree.read_origins(connection, self._key)
        key = origins.key_at(growth.size)
        checkpoint = notes.Checkpoint(key.name, growth.size, growth.root)
        signature = notes.sign_with(key, await self._keys.sign_checkpoint(checkpoint.text.encode()))
        async with self._pool.acquire() as connection:
            try:
                await tree.save(connection, growth, str(notes.Note(checkpoint.text, (signature,))))
            except asyncpg.CheckViolationError:
                logger.info("audit: another worker signed size %d or more", growth.size)
        return True

    async def push(self) -> None:
        """Have the newest checkpoint cosigned.

        Raises:
            WitnessSilent, WitnessRefuses, WitnessElsewhere: the last one if the witness has seen more than we have.
        """
        newest = await tree.newest_checkpoint(self._pool)
        if self._witness is None or newest is None or newest.cosignature is not None:
            return
        if self._witness_size is None:
            self._witness_size = await tree.witnessed_size(self._pool)
        try:
            await self._catch_up(newest, known=self._witness_size)
        except WitnessUnaware:
            await self._announce()
            await self._catch_up(newest, known=self._witness_size)

    async def _announce(self) -> None:
        """A witness cosigns nothing under a new origin before it was shown what founded it, and those before.

        One that was restored has forgotten some, so they are shown whenever it does not know the newest. An earlier
        one that it refuses may since have been replaced; the newest may not.
        """
        refused: WitnessRefuses | None = None
        for founded in await tree.read_founded(self._pool):
            try:
                if self._witness is not None:
                    await self._witness.succeed(founded.statement, witnessed=founded.witnessed)
            except WitnessRefuses as error:
                refused = error
            else:
                refused = None
        if refused is not None:
            raise refused

    async def _catch_up(self, newest: tree.StoredCheckpoint, *, known: int) -> None:
        """Offer the proof from `known`, or else from where the witness says it is."""
        try:
            await self._offer(newest, old=known)
        except WitnessElsewhere as elsewhere:
            if elsewhere.size > newest.size:
                raise
            await self._offer(newest, old=elsewhere.size)

    async def _offer(self, newest: tree.StoredCheckpoint, *, old: int) -> None:
        if self._witness is None:
            return
        proof = await tree.consistency(self._pool, old=old, new=newest.size)
        signature = await self._witness.add(notes.parse_note(newest.note), old=old, proof=proof)
        await self._pool.execute("SELECT audit_cosign($1, $2)", newest.size, str(signature))
        self._witness_size = newest.size


async def run_checkpoints(
    pool: asyncpg.Pool,
    keys: KeyService,
    *,
    origin: str,
    witness: WitnessClient | None,
    seconds: float,
) -> None:
    """Every `seconds`, for ever: whatever fails is logged and tried again, and never stops the vault."""
    checkpointer = Checkpointer(pool, keys, origin=origin, witness=witness)
    alarm = SilenceAlarm(pool)
    tidied = time.monotonic()
    while True:
        await _step(checkpointer)
        await alarm.look()
        if time.monotonic() - tidied >= TIDY_SECONDS:
            tidied = time.monotonic()
            await _tidy(pool)
        await asyncio.sleep(seconds)


async def _step(checkpointer: Checkpointer) -> None:
    try:
        more = True
        while more:
            more = await checkpointer.sign()
        await checkpointer.push()
    except WitnessElsewhere as error:
        logger.error("audit: the witness has seen %d records, more than this log holds: it was rolled back", error.size)  # noqa: TRY400  no traceback helps here
    except WitnessRefuses as error:
        logger.error("audit: the witness refuses the checkpoint: %s", error)  # noqa: TRY400
    except ValueError as error:  # ProofError, NoteError: what is stored does not fit together
        logger.error("audit: the stored tree is damaged, run `larets audit verify`: %s", error)  # noqa: TRY400
    except WitnessSilent as error:
        logger.info("audit: the witness does not answer: %s", error)
    except (*DATABASE_ERRORS, VaultError) as error:
        logger.warning("audit: no checkpoint now: %s", type(error).__name__)


async def _tidy(pool: asyncpg.Pool) -> None:
    try:
        await pool.execute("SELECT audit_tidy()", timeout=60)
    except DATABASE_ERRORS as error:
        logger.warning("audit: the indexes were not tidied: %s", type(error).__name__)


class SilenceAlarm:
    """Warns once for each five minutes in which records wait for a witness."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._next = 0.0

    async def look(self) -> None:
        try:
            lag = await witness_lag(self._pool)
        except DATABASE_ERRORS:
            return
        if lag.silent and time.monotonic() >= self._next:
            self._next = time.monotonic() + SILENCE_SECONDS
            logger.warning(
                "audit: no cosignature for %d minutes, %d records are not witnessed", lag.seconds // 60, lag.records
            )
