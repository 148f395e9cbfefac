"""Lets a restored log go on: founds a new origin, on record, by two approvers. Needs the owner's rights."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import asyncpg

from pii_vault.audit import note as notes
from pii_vault.audit import origin as origins
from pii_vault.audit import proof
from pii_vault.audit.errors import OriginNotNeeded, OriginNotShown
from pii_vault.audit.log import AuditCommitter, AuditEntry
from pii_vault.audit.origin import Succession
from pii_vault.keys.service import KeyService

OPERATOR: Final = "operator"
_BATCH: Final = 10_000
_LOCK_HEAD: Final = "SELECT size FROM audit_head FOR UPDATE"
_COSIGNED: Final = "SELECT size, root, note, cosignature FROM audit_checkpoint WHERE cosignature IS NOT NULL"
_LEAVES: Final = "SELECT leaf FROM audit_log WHERE idx >= $1 AND idx < $2 ORDER BY idx"
_FOUND: Final = "INSERT INTO audit_origin (number, origin, kept, statement, witnessed) VALUES ($1, $2, $3, $4, $5)"
_FOUNDED: Final = "SELECT coalesce(max(number), 1) FROM audit_origin"


@asynccontextmanager
async def owner_committer(url: str, *, hash_key: bytes) -> AsyncIterator[tuple[asyncpg.Pool, AuditCommitter]]:
    """A committer whose acts may write what the running vault may only read."""
    async with asyncpg.create_pool(url, min_size=1, max_size=2, timeout=5) as pool:
        committer = AuditCommitter(pool, hash_key=hash_key)
        await committer.start()
        try:
            yield pool, committer
        finally:
            await committer.stop()


async def begin_origin(
    pool: asyncpg.Pool,
    committer: AuditCommitter,
    keys: KeyService,
    *,
    log_key: notes.VerifierKey,
    witness_key: notes.VerifierKey,
    witness_note: str,
    approvers: tuple[str, str],
    approver_subjects: Sequence[bytes],
    reason: str,
    now: datetime,
) -> Succession:
    """Found the origin after the one of `witness_note`, the newest checkpoint that the witness itself keeps.

    `approvers` have proved who they are. The record and the statement it stands for commit together, and with them the
    witness's own note: shown to a witness that was itself restored since, it says what that has forgotten.

    Raises:
        notes.NoteError: the witness's checkpoint does not verify.
        OriginNotNeeded: the log continues what the witness saw.
        OriginNotShown: the log has an origin of this number; the witness, restored too, does not know it again yet.
        AuditUnavailable.
    """
    note = notes.parse_note(witness_note)
    before = notes.parse_checkpoint(note.text).origin
    before_key = origins.key_of(before, log_key)
    witnessed = notes.open_checkpoint(note, before_key)
    notes.verify_cosignature(note, witness_key)
    cosigned = str(notes.Note(note.text, (note.by(before_key), note.by(witness_key))))
    origin = origins.next_origin(before, log=log_key.name)
    number = origins.number_of(origin, log=log_key.name)
    if await pool.fetchval(_FOUNDED) >= number:
        raise OriginNotShown
    common = await _common(pool, witnessed, log_key=log_key, witness_key=witness_key)
    entry = AuditEntry(
        tenant=origins.LOG_TENANT,
        principal_id=OPERATOR,
        principal_kind="service",
        verb=origins.VERB,
        purpose="audit",
        decision="allow",
        counts={},
        matrix_version="",
        request_id="",
        subjects=approver_subjects,
    )

    async def found(connection: asyncpg.Connection) -> Succession:
        kept = await connection.fetchval(_LOCK_HEAD)  # this act's record will be number `kept`
        if await connection.fetchval(_FOUNDED) >= number:
            raise OriginNotShown
        said = Succession(origin, kept, common, witnessed, approvers, now, reason)
        signature = notes.sign_with(log_key, await keys.sign_checkpoint(said.text.encode()))
        statement = str(notes.Note(said.text, (signature,)))
        await connection.execute(_FOUND, number, said.origin, kept, statement, cosigned)
        entry.request_id = said.digest
        entry.counts = {
            "kept": {"record": kept}, "witnessed": {"record": witnessed.size}, "lost": {"record": said.lost}
        }  # fmt: skip
        return said

    return await committer.commit(entry, apply=found)


async def _common(
    pool: asyncpg.Pool, witnessed: notes.Checkpoint, *, log_key: notes.VerifierKey, witness_key: notes.VerifierKey
) -> int:
    """The size up to which this log and the witness's are certainly the same: a checkpoint cosigned before.

    Raises:
        OriginNotNeeded: the whole of what was witnessed is held here.
    """
    cosigned = {}
    for row in await pool.fetch(_COSIGNED):
        if _was_cosigned(row, log_key, witness_key):
            cosigned[row["size"]] = row["root"]
    common = 0
    frontier = proof.Frontier()
    while frontier.size < witnessed.size:
        upto = min(frontier.size + _BATCH, witnessed.size)
        leaves = await pool.fetch(_LEAVES, frontier.size, upto)
        for row in leaves:
            frontier.append(row["leaf"])
            if frontier.size in cosigned and cosigned[frontier.size] == frontier.root():
                common = frontier.size
        if not leaves:
            return common
    if frontier.root() == witnessed.root:
        raise OriginNotNeeded
    return common


def _was_cosigned(row: asyncpg.Record, log_key: notes.VerifierKey, witness_key: notes.VerifierKey) -> bool:
    try:
        note = notes.parse_note(row["note"] + row["cosignature"])
        checkpoint = notes.parse_checkpoint(note.text)
        notes.open_checkpoint(note, origins.key_of(checkpoint.origin, log_key))
        notes.verify_cosignature(note, witness_key)
    except notes.NoteError:
        return False
    return (checkpoint.size, checkpoint.root) == (row["size"], row["root"])
