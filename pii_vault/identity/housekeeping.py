"""Rows that have served their time. The vault's worker calls this now and then, on its own connections."""

from datetime import datetime, timedelta
from typing import Final

import asyncpg

from pii_vault import store
from pii_vault.identity.policy import IdentityPolicy

KEPT: Final = timedelta(days=7)  # an ended session and its spent codes: long enough to notice a replay

_EXPIRED: Final = "DELETE FROM signin_attempt WHERE expires_at < $1"
_FORGOTTEN: Final = "DELETE FROM signin_throttle WHERE changed_at < $1"
# Sessions take their cookies, codes and refresh tokens with them. The audit log keeps what happened.
_OLD: Final = (
    "DELETE FROM staff_invitation WHERE expires_at < $1",
    "DELETE FROM authorization_code WHERE expires_at < $1",
    "DELETE FROM staff_session WHERE expires_at < $1 OR ended_at < $1",
)


async def purge_identity(pool: asyncpg.Pool, *, policy: IdentityPolicy, now: datetime) -> None:
    """Raises StoreUnavailable."""
    async with store.connection(pool) as connection:
        await connection.execute(_EXPIRED, now)
        await connection.execute(_FORGOTTEN, now - policy.failures_forgotten_after)
        for statement in _OLD:
            await connection.execute(statement, now - KEPT)
