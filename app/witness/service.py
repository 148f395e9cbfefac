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
from app.witness.errors import (
    BrokenSubmission,
    ForkedLog,
    InconsistentLog,
    OtherSize,
    UnknownLog,
    UnsignedCheckpoint,
)
from app.witness.keys import WitnessKeys
from pii_vault.client import (
    Checkpoint,
    Note,
    NoteError,
    ProofError,
    decode_base64,
    open_checkpoint,
    parse_checkpoint,
    parse_note,
    parse_size,
    verify_consistency,
)

logger = logging.getLogger(__name__)

MAX_PROOF: Final = 63
HASH_BYTES: Final = 32

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
            UnknownLog, UnsignedCheckpoint, BrokenSubmission, OtherSize, ForkedLog, InconsistentLog.
        """
        checkpoint = self._open(submission.note)
        if submission.old > checkpoint.size:
            raise BrokenSubmission
        now = int(self._clock())
        moment = datetime.fromtimestamp(now, UTC)
        async with self._transaction() as session:
            # The row stays locked from the comparison to COMMIT, so two submissions cannot overtake one another.
            known = await repository.lock(session, origin=checkpoint.origin, now=moment)
            check_continues(known, checkpoint, submission)
            signature = self._keys.cosign(submission.note.text, timestamp=now)
            cosigned = Note(submission.note.text, (submission.note.by(self._keys.log), signature))
            await repository.advance(session, checkpoint, note=str(cosigned), now=moment)
        return str(signature)

    async def newest(self) -> str | None:
        """The newest checkpoint cosigned here, with both signatures."""
        async with self._transaction() as session:
            return await repository.newest_note(session, origin=self._keys.log.name)

    def _open(self, note: Note) -> Checkpoint:
        try:
            origin = parse_checkpoint(note.text).origin
        except NoteError as error:
            raise BrokenSubmission from error
        if origin != self._keys.log.name:
            raise UnknownLog
        try:
            return open_checkpoint(note, self._keys.log)
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
