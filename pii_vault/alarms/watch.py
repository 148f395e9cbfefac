"""Looks over what the audit log has grown by, and raises alarms. A duty of the private worker; one looks at a time."""

import asyncio
import logging
from datetime import datetime
from typing import Final

import asyncpg

from pii_vault.alarms import store
from pii_vault.alarms.policy import AlarmPolicy
from pii_vault.alarms.rules import Activity, Finding, Who, judge_principal, judge_role
from pii_vault.audit.origin import LOG_TENANT
from pii_vault.audit.query import SILENCE_SECONDS, witness_lag
from pii_vault.store import DATABASE_ERRORS

logger = logging.getLogger(__name__)

SECONDS: Final = 10.0
WITNESS: Final = Who(LOG_TENANT, "service", "witness")


async def run_alarms(pool: asyncpg.Pool, policy: AlarmPolicy, *, seconds: float = SECONDS) -> None:
    """For ever: what fails is logged and looked at again."""
    while True:
        try:
            while await look(pool, policy):
                pass
        except DATABASE_ERRORS as error:
            logger.warning("alarms: the log was not looked at: %s", type(error).__name__)
        await asyncio.sleep(seconds)


async def look(pool: asyncpg.Pool, policy: AlarmPolicy) -> bool:
    """One step, all of it or nothing. Whether more waits."""
    async with pool.acquire() as connection, connection.transaction():
        if not await store.alone(connection):
            return False
        sums, more = await store.take(connection)
        roles: dict[tuple[Who, datetime], Activity] = {}
        for (who, hour), added in sorted(sums.items(), key=lambda each: (each[0][0].id, each[0][1])):
            done = await store.add(connection, who, hour, added)
            before = await store.history(connection, who, hour, days=policy.volume.history_days)
            await _raise(connection, who, hour, judge_principal(policy, who, hour, done, before))
            role = await store.role_of(connection, who)
            if role is not None:
                roles.setdefault((role, hour), Activity()).persons += added.persons
        for (role, hour), added in roles.items():
            done = await store.add(connection, role, hour, added)
            before = await store.history(connection, role, hour, days=policy.volume.history_days)
            await _raise(connection, role, hour, judge_role(policy, done.persons, before))
        if not more:
            await _look_at_witness(connection)
            await store.forget(connection, days=policy.volume.history_days + 1)
        return more


async def _look_at_witness(connection: asyncpg.Connection) -> None:
    lag = await witness_lag(connection)
    if lag.silent:
        hour = await connection.fetchval("SELECT date_trunc('hour', now())")
        figures = {"records": lag.records, "seconds": int(lag.seconds), "limit": SILENCE_SECONDS}
        await _raise(connection, WITNESS, hour, [Finding("witness_silent", figures)])


async def _raise(connection: asyncpg.Connection, who: Who, hour: datetime, findings: list[Finding]) -> None:
    for finding in findings:
        logger.warning("alarm: %s of %s %s in %s", finding.kind, who.kind, who.id, who.tenant)
        await store.raise_alarm(connection, who, hour, finding)
