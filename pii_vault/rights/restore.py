"""After a restore: is the database older than the erasure journal, and bringing it up to it.

A line is written only after the person's block was committed. So a line whose erasure the database does not know, or
knows without its block, makes the vault answer 503 `restore_pending` until it was replayed. One whose person is blocked
may be an erasure that was interrupted: nothing but what a blocked person's data are kept for is released, and it is
carried on at once.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.core.tokens import parse_subject
from pii_vault.errors import TenantRefused, UnknownTenantKey
from pii_vault.operations.access import new_entry
from pii_vault.relay.restored import hold_mails
from pii_vault.rights import store as sql
from pii_vault.rights.erase import Eraser
from pii_vault.rights.erasure import find_erasure
from pii_vault.rights.errors import JournalBroken
from pii_vault.rights.journal import ErasureJournal, Line
from pii_vault.rights.officer import PURPOSE
from pii_vault.vault import Vault, new_request_id

logger = logging.getLogger(__name__)

REPLAYER = "journal"
# Commits keep their order, so a backup that lacks an erasure lacks every later one: the newest lines tell.
NEWEST = 256


@dataclass(frozen=True, slots=True)
class Standing:
    """Lines that this database has not carried out.

    unknown      not even the block is there: a restore
    interrupted  blocked, not shredded
    """

    unknown: Sequence[Line]
    interrupted: Sequence[Line]

    @property
    def pending(self) -> bool:
        return bool(self.unknown)


async def compare(pool: asyncpg.Pool, journal: ErasureJournal, *, newest: int | None = None) -> Standing:
    """Holds the journal against the database; with `newest` only that many of its last lines.

    Raises:
        JournalBroken: a line was touched, or the database was told of lines that the journal lacks.
        StoreUnavailable.
    """
    # The database first: a line written after it was asked is not missing.
    told = await store.fetch(pool, sql.NEWEST_LINE)
    lines = await asyncio.to_thread(journal.lines, whole=newest is None)
    if told:
        number, mac = told[0]["journal_number"], told[0]["journal_mac"]
        if number > len(lines):
            raise JournalBroken(f"the erasure journal ends at line {len(lines)}; the database was told of {number}")
        if bytes.fromhex(lines[number - 1].mac) != mac:
            raise JournalBroken(f"line {number} of the erasure journal is not the one the database was told of")
    looked = lines if newest is None else lines[-newest:]
    rows = await store.fetch(pool, sql.BLOCKED_ERASURES, [line.erasure for line in looked])
    blocked = {row["id"]: row["shredded"] for row in rows}
    return Standing(
        unknown=[line for line in looked if line.erasure not in blocked],
        interrupted=[line for line in looked if blocked.get(line.erasure) is False],
    )


async def replay(vault: Vault, journal: ErasureJournal) -> dict[str, int]:
    """Erases again whom the journal says was erased. May be broken off and repeated.

    Mails that wait in a backup are of unknown outcome from here on: they left before it was restored, or never.

    Returns:
        How many erasures were carried out again, how many concern tenants that this database does not have, and how
        many mails are held.

    Raises:
        JournalBroken, AuditUnavailable, StoreUnavailable, KeyServiceUnavailable.
    """
    standing = await compare(vault.pool, journal)
    held = await hold_mails(vault, by=REPLAYER) if standing.pending else 0
    eraser = Eraser(vault, journal)
    replayed = foreign = 0
    for line in (*standing.unknown, *standing.interrupted):
        try:
            await _carry_out(vault, eraser, line)
            replayed += 1
        except (TenantRefused, UnknownTenantKey):
            foreign += 1
            logger.warning("erasure %s is of a tenant that this database does not serve", line.erasure)
    return {"replayed": replayed, "of_other_tenants": foreign, "mails_held": held}


async def _carry_out(vault: Vault, eraser: Eraser, line: Line) -> None:
    tenant_key = await vault.tenants.key(line.tenant)
    subject = parse_subject(line.subject, tenant=line.tenant)

    async def apply(acquired: asyncpg.Connection) -> None:
        # A person whom the backup never knew gets a row that says `erased`: nobody can be opened under this id again.
        await acquired.execute(sql.ENSURE_SUBJECT, subject, tenant_key)
        await acquired.execute(
            sql.FROM_JOURNAL, line.erasure, tenant_key, subject, line.groups, line.reason, REPLAYER, line.at
        )

    who = Principal(kind="service", id=REPLAYER, tenant=line.tenant, roles=(), contour="private")
    entry = new_entry(
        vault,
        who,
        verb="erase_replay",
        purpose=PURPOSE,
        request_id=new_request_id(),
        decision="allow",
        subjects=[subject],
    )
    await vault.audit.commit(entry, apply=apply)
    erasure = await find_erasure(vault, line.tenant, line.erasure)
    while "shredded" not in erasure.dates:
        stepped = await eraser.step(erasure)
        if stepped is None:
            return
        erasure = stepped
