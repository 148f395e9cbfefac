"""Cosigns a checkpoint of the vault's audit log if it continues what was cosigned before, and only then."""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from app.witness import repository
from app.witness.announcement import Announcement, remembered
from app.witness.errors import (
    BrokenSubmission,
    ClosedOrigin,
    ForkedLog,
    InconsistentLog,
    OtherSize,
    UnfoundedOrigin,
    UnknownLog,
    UnsignedCheckpoint,
)
from app.witness.keys import WitnessKeys
from pii_vault.client import (
    Checkpoint,
    Note,
    NoteError,
    ProofError,
    VerifierKey,
    decode_base64,
    key_of,
    number_of,
    open_checkpoint,
    open_succession,
    parse_checkpoint,
    parse_note,
    parse_size,
    verify_consistency,
)

logger = logging.getLogger(__name__)

MAX_PROOF: Final = 63
HASH_BYTES: Final = 32
MAX_HISTORY: Final = 10_000  # hourly checkpoints: more than a year

Transaction = Callable[[], AbstractAsyncContextManager[AsyncSession]]


@dataclass(frozen=True, slots=True)
class Submission:
    old: int
    proof: tuple[bytes, ...]
    note: Note


def parse_submission(body: bytes) -> Submission:
    """Raises BrokenSubmission."""
    try:
        head, separator, note = body.decode("utf-8").partition("\n\n")
        first, *lines = head.split("\n")
        if not separator or not first.startswith("old ") or len(lines) > MAX_PROOF:
            raise BrokenSubmission
        proof = tuple(decode_base64(line) for line in lines)
        if any(len(digest) != HASH_BYTES for digest in proof):
            raise BrokenSubmission
        return Submission(parse_size(first.removeprefix("old ")), proof, parse_note(note))
    except (NoteError, UnicodeDecodeError) as error:
        raise BrokenSubmission from error


class Witness:
    def __init__(self, transaction: Transaction, keys: WitnessKeys, *, clock: Callable[[], float] = time.time) -> None:
        """`transaction` opens one database transaction and commits it on leaving."""
        self._transaction = transaction
        self._keys = keys
        self._clock = clock

    async def add(self, submission: Submission) -> str:
        """The cosignature line. The new state is on disk before it is returned.

        Raises:
            UnknownLog, UnsignedCheckpoint, BrokenSubmission, ClosedOrigin, OtherSize, ForkedLog, InconsistentLog.
        """
        checkpoint, key = self._open(submission.note)
        if submission.old > checkpoint.size:
            raise BrokenSubmission
        now = int(self._clock())
        moment = datetime.fromtimestamp(now, UTC)
        async with self._transaction() as session:
            known = await self._lock_newest(session, now=moment)
            if checkpoint.origin != known.origin:
                raise ClosedOrigin if self._number(checkpoint.origin) < self._number(known.origin) else UnknownLog
            check_continues(known, checkpoint, submission)
            signature = self._keys.cosign(submission.note.text, timestamp=now)
            cosigned = Note(submission.note.text, (submission.note.by(key), signature))
            await repository.advance(session, checkpoint, note=str(cosigned), now=moment)
        return str(signature)

    async def succeed(self, announced: Announcement) -> None:
        """Accept the origin under which a restored log goes on; from then on the old one is closed.

        The statement has to name the very checkpoint that was cosigned last, so nothing of it can be denied later.
        Where this database was restored too, to before that checkpoint, its own cosignature stands in for what it
        forgot. It only ever goes forward by it, and never past an origin whose statement it does not hold.

        Raises:
            UnfoundedOrigin.
        """
        text = str(announced.statement)
        try:
            said = open_succession(announced.statement, self._keys.log)
            note = announced.witnessed and remembered(announced.witnessed, said, self._keys)
        except NoteError as error:
            raise UnfoundedOrigin from error
        now = datetime.fromtimestamp(int(self._clock()), UTC)
        async with self._transaction() as session:
            if await repository.statement_of(session, origin=said.origin) == text:
                return
            known = await self._lock_newest(session, now=now)
            if known.origin != said.after or not said.witnessed.size:
                raise UnfoundedOrigin
            if note is not None and known.size < said.witnessed.size:
                await repository.advance(session, said.witnessed, note=str(note), now=now)
            elif known != said.witnessed:
                raise UnfoundedOrigin
            await repository.found(session, origin=said.origin, statement=text, now=now)
        if known != said.witnessed:
            logger.error(
                "witness: this database was restored: %d records of %s were cosigned, and it knew of %d, root %s",
                said.witnessed.size, said.after, known.size, known.root.hex(),
            )  # fmt: skip
        logger.error("witness: the log goes on as %s; up to %d cosigned records are lost", said.origin, said.lost)

    async def newest(self) -> str | None:
        """The newest checkpoint cosigned here, with both signatures; of the origin before while a new one has none."""
        async with self._transaction() as session:
            origins = await repository.known_origins(session, log=self._keys.log.name)
            for origin in sorted(origins, key=self._number, reverse=True):
                note = await repository.newest_note(session, origin=origin)
                if note is not None:
                    return note
        return None

    async def history(self) -> tuple[list[str], list[str]]:
        """Statements of later origins, and the cosigned checkpoints that are kept: one an hour and the newest."""
        async with self._transaction() as session:
            return await repository.history(session, log=self._keys.log.name, most=MAX_HISTORY)

    def _number(self, origin: str) -> int:
        return number_of(origin, log=self._keys.log.name)

    async def _newest_origin(self, session: AsyncSession) -> str:
        origins = await repository.known_origins(session, log=self._keys.log.name)
        return max(origins, key=self._number, default=self._keys.log.name)

    async def _lock_newest(self, session: AsyncSession, *, now: datetime) -> Checkpoint:
        """The last cosigned state under the newest origin.

        Its row stays locked from the comparison to COMMIT, so two submissions cannot overtake one another; an origin
        that was founded while this one waited for the lock is seen by the second look.
        """
        while True:
            newest = await self._newest_origin(session)
            known = await repository.lock(session, origin=newest, now=now)
            if await self._newest_origin(session) == newest:
                return known

    def _open(self, note: Note) -> tuple[Checkpoint, VerifierKey]:
        try:
            origin = parse_checkpoint(note.text).origin
        except NoteError as error:
            raise BrokenSubmission from error
        try:
            key = key_of(origin, self._keys.log)
        except NoteError as error:
            raise UnknownLog from error
        try:
            return open_checkpoint(note, key), key
        except NoteError as error:
            raise UnsignedCheckpoint from error


def check_continues(known: Checkpoint, new: Checkpoint, submission: Submission) -> None:
    """Pure: may `new` follow what is `known`? Signed evidence of a fork or a rollback goes to the log."""
    if submission.old != known.size:
        if new.size < known.size:
            logger.error("witness: the log offers %d records after %d: rolled back", new.size, known.size)
        raise OtherSize(known.size)
    if new.size == known.size and new.root != known.root:
        logger.error("witness: two roots of size %d: %s and %s", new.size, known.root.hex(), new.root.hex())
        raise ForkedLog
    try:
        verify_consistency(old=known.size, old_root=known.root, new=new.size, new_root=new.root, proof=submission.proof)
    except ProofError as error:
        logger.error("witness: size %d does not continue size %d", new.size, known.size)  # noqa: TRY400
        raise InconsistentLog from error
