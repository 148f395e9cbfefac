"""Both halves of the witness on real databases, and backups of either that can be put back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, cast

import asyncpg
import httpx
import psycopg
from psycopg import sql

from pii_vault.audit.checkpoint import Checkpointer
from pii_vault.audit.new_origin import begin_origin, owner_committer
from pii_vault.audit.origin import Succession
from pii_vault.audit.verify import Report, WitnessCopy, verify_log
from pii_vault.audit.witness import WitnessClient
from pii_vault.core import primitives
from pii_vault.keys.service import KeyService
from tests.integration.app.witness.support import LOG_KEY, LOG_SEED, WITNESS_KEY
from tests.integration.pii_vault.audit.support import HASH_KEY
from tests.support.postgres import Database

PUBLIC: Final = ("witness_log", "witness_checkpoint")
PRIVATE: Final = ("audit_head", "audit_log", "audit_detail", "audit_tile", "audit_checkpoint", "audit_origin")


class LogKeys:
    async def sign_checkpoint(self, message: bytes) -> bytes:
        return primitives.sign(LOG_SEED, message)

    def checkpoint_public_key(self) -> bytes:
        return LOG_KEY.public_key


def new_checkpointer(pool: asyncpg.Pool, client: httpx.AsyncClient) -> Checkpointer:
    keys = cast("KeyService", LogKeys())
    return Checkpointer(pool, keys, origin=LOG_KEY.name, witness=WitnessClient(client, WITNESS_KEY))


async def step(checkpointer: Checkpointer) -> None:
    await checkpointer.sign()
    await checkpointer.push()


async def new_origin(
    database: Database, client: httpx.AsyncClient, *, approvers: tuple[str, str] = ("stf_a", "stf_b")
) -> Succession:
    async with owner_committer(database.owner_url, hash_key=HASH_KEY) as (pool, committer):
        return await begin_origin(
            pool,
            committer,
            cast("KeyService", LogKeys()),
            log_key=LOG_KEY,
            witness_key=WITNESS_KEY,
            witness_note=(await client.get("/witness/checkpoint")).text,
            approvers=approvers,
            approver_subjects=[bytes(16)],
            reason="the disk was lost",
            now=datetime.now(UTC),
        )


async def verify(database: Database, client: httpx.AsyncClient) -> Report:
    """What `larets audit verify --witness` does."""
    kept = (await client.get("/witness/history")).json()
    copy = WitnessCopy(tuple(kept["checkpoints"]), tuple(kept["origins"]))
    return verify_log(database.runtime_url, str(LOG_KEY), str(WITNESS_KEY), witness=copy)


@dataclass(frozen=True, slots=True)
class Backup:
    """Some tables of a database as they once were."""

    database: Database
    content: dict[str, bytes]

    @classmethod
    def take(cls, database: Database, tables: Sequence[str]) -> "Backup":
        content = {}
        with psycopg.connect(database.superuser_url) as connection, connection.cursor() as cursor:
            for table in tables:
                with cursor.copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))) as copied:
                    content[table] = b"".join(bytes(part) for part in copied)
        return cls(database, content)

    def restore(self) -> None:
        names = sql.SQL(", ").join(map(sql.Identifier, self.content))
        with psycopg.connect(self.database.superuser_url) as connection, connection.cursor() as cursor:
            cursor.execute(sql.SQL("TRUNCATE {}").format(names))
            for table, rows in self.content.items():
                with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))) as copying:
                    copying.write(rows)
