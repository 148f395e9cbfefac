"""The database of the public contour: one engine, one transaction per request, bound to one tenant."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from app.errors import Conflict, DatabaseUnavailable, InvalidRequest, LostRace

logger = logging.getLogger(__name__)

_BIND_TENANT: Final = text("SELECT set_config('larets.tenant', :tenant, true)")
# What is read under the lock must be read by a later statement: a statement sees what stood when it began.
_BIND_AND_HOLD: Final = text(
    "SELECT set_config('larets.tenant', :tenant, true), pg_advisory_xact_lock(hashtextextended(:object, 0))"
)
# Broken by a neighbour's rows; a value that no row may hold (a CHECK, a NOT NULL) stays wrong however often it comes.
_RACES: Final = frozenset({"23505", "23503", "23P01"})


def make_engine(address: str, *, pool_size: int = 20) -> AsyncEngine:
    """An engine that recovers by itself when the database comes back, and never logs parameters.

    All connections are kept: one opened for a busy moment and closed after it costs more than the work it does.
    """
    return create_async_engine(
        address,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "connect_timeout": 3,
            "options": "-c statement_timeout=10s -c lock_timeout=5s -c idle_in_transaction_session_timeout=30s",
        },
    )


class Database:
    """Hands out transactions. Everything about a tenant happens inside `tenant()`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._sessions = async_sessionmaker(engine, expire_on_commit=False, autoflush=False)

    @asynccontextmanager
    async def tenant(self, tenant: str, *, hold: str | None = None) -> AsyncIterator[AsyncSession]:
        """One transaction that sees the rows of `tenant` only; commits on leaving, rolls back on an error.

        `hold` names an object of the tenant that only one such transaction at a time may work on.

        Raises:
            DatabaseUnavailable: the database cannot be reached or does not answer in time.
            LostRace: the change met another one's rows; the same change may succeed when it is tried again.
            Conflict: the change broke a rule that the database holds.
            InvalidRequest: a text holds what no text column can (a zero byte), so it names nothing here.
        """
        async with self._transaction() as session:
            if hold is None:
                await session.execute(_BIND_TENANT, {"tenant": tenant})
            else:
                await session.execute(_BIND_AND_HOLD, {"tenant": tenant, "object": f"{tenant}/{hold}"})
            yield session

    @asynccontextmanager
    async def anonymous(self) -> AsyncIterator[AsyncSession]:
        """One transaction that is bound to no tenant: row-level security shows it no tenant's rows."""
        async with self._transaction() as session:
            yield session

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncSession]:
        try:
            async with self._sessions() as session, session.begin():
                yield session
        except IntegrityError as error:
            logger.warning("a change broke a database rule: %s", type(error.orig).__name__)
            race = getattr(error.orig, "sqlstate", None) in _RACES
            raise (LostRace if race else Conflict) from error
        except DataError as error:
            raise InvalidRequest from error
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            logger.warning("the database is not available: %s", type(error).__name__)
            raise DatabaseUnavailable from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise DatabaseUnavailable from error
            raise

    async def ready(self) -> None:
        """Raises DatabaseUnavailable unless a statement can be run."""
        async with self.anonymous() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self._engine.dispose()
