"""The one transaction that destroys: values, index entries, keys and everything derived from them."""

import json
from dataclasses import dataclass
from typing import Any

import asyncpg

from pii_vault.files.rows import SHRED as SHRED_FILES
from pii_vault.operations.ciphers import BLOCKED, ERASED
from pii_vault.rights import store as sql
from pii_vault.rights.caches import order_drop
from pii_vault.rights.erasure import Classes, Erasure, plan_on, tally_classes
from pii_vault.rights.journal import Line
from pii_vault.rights.officer import lock_subject
from pii_vault.rights.public import order_public
from pii_vault.vault import Vault


@dataclass(frozen=True, slots=True)
class Shredded:
    """What was destroyed and what stays, by class."""

    erased: Classes
    kept: Classes


async def shred(vault: Vault, acquired: asyncpg.Connection, erasure: Erasure, line: Line) -> Shredded | None:
    """Destroys the erasure's groups on the connection of a transaction. None when it was done before.

    The journal's line must be on the disk. Keys go first in importance: without them every copy that the database
    still holds, in dead rows, in the write-ahead log or in a replica, is noise once the KEK of then is trimmed.
    """
    found = await acquired.fetchrow(sql.LOCK_ERASURE, erasure.id)
    if found is None or found["shredded"] is not None:
        return None
    person = (erasure.subject, erasure.tenant_key)
    groups = list(erasure.groups)
    await lock_subject(acquired, *person)
    counted = await acquired.fetch(sql.COUNTS, *person)
    erased = [row for row in counted if row["retention"] in groups]
    kept = [row for row in counted if row["retention"] not in groups]
    plan = await plan_on(vault, acquired, tenant=erasure.tenant, tenant_key=erasure.tenant_key, subject=erasure.subject)
    keys = [row["kek_version"] for row in await acquired.fetch(sql.KEYS, *person) if row["retention"] in groups]
    await acquired.execute(SHRED_FILES, *person, groups, erasure.id)
    await acquired.execute(sql.SHRED_KEYS, *person, groups)
    await acquired.execute(sql.SHRED_VALUES, *person, groups)
    for statement in (
        sql.SHRED_HINTS,
        sql.SHRED_CONTACT_DIGESTS,
        sql.SHRED_RECIPIENT_DIGESTS,
        sql.NO_CONSENTS,
        sql.RETIRE_SHAPES,
        sql.FORGET_DISPATCHES,
    ):
        await acquired.execute(statement, *person)
    await acquired.execute(sql.WITHDRAW_ALL, *person, "erasure")
    await acquired.execute(sql.LIFT_BLOCK, erasure.subject, "erasure")  # what is kept is blocked by the erasure now
    await acquired.execute(sql.SET_STATE, *person, BLOCKED if kept else ERASED)
    order = await order_drop(acquired, erasure.subject)
    events = await order_public(
        vault,
        acquired,
        tenant=erasure.tenant,
        tenant_key=erasure.tenant_key,
        subject=erasure.subject,
        at=vault.clock(),
    )
    done = Shredded(tally_classes(vault, erased), tally_classes(vault, kept))
    await acquired.execute(
        sql.SHREDDED,
        erasure.id,
        order,
        events,
        json.dumps(done.erased),
        json.dumps(done.kept),
        line.n,
        bytes.fromhex(line.mac),
        max(keys, default=None),
        _newest_index(erased),
        plan.kept_until if kept else None,
    )
    return done


def _newest_index(rows: list[Any]) -> int | None:
    return max((row["index_version"] for row in rows if row["index_version"] is not None), default=None)
