"""Which grants are open now, as one worker process knows it: a fact for the decision, which itself asks nobody."""

import logging
import time
from collections.abc import Callable
from typing import Final

import asyncpg

from pii_vault.access.principal import Principal
from pii_vault.breakglass import store
from pii_vault.store import DATABASE_ERRORS

logger = logging.getLogger(__name__)

REFRESH_SECONDS: Final = 1.0
STALE_SECONDS: Final = 3.0

Place = tuple[str, str, str, str]  # tenant, who, purpose, class


class OpenGrants:
    """Fails closed: what is not known to be open now is not. Time is counted on a clock that nobody sets."""

    def __init__(self, pool: asyncpg.Pool, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._monotonic = monotonic
        self._until: dict[Place, float] = {}
        self._read = float("-inf")
        self._reading = False

    async def refresh(self) -> None:
        """Read the grants again if the last reading is old. A database that does not answer leaves none open."""
        if self._monotonic() - self._read < REFRESH_SECONDS or self._reading:
            return
        self._reading = True
        asked = self._monotonic()  # seconds left are counted from before the question, never from after the answer
        try:
            rows = await store.open_grants(self._pool)
        except DATABASE_ERRORS as error:
            self._until = {}
            logger.warning("break-glass: the grants cannot be read: %s", type(error).__name__)
        else:
            self._until = {
                (row["tenant"], row["requested_by"], row["purpose"], class_id): asked + row["seconds"]
                for row in rows
                for class_id in row["classes"]
            }
            self._read = asked
        finally:
            self._reading = False

    def covers(self, principal: Principal, purpose: str, class_id: str) -> bool:
        """Whether a grant opens this purpose and class to this person at this moment."""
        if not self._until or principal.kind != "staff":
            return False
        now = self._monotonic()
        until = self._until.get((principal.tenant, principal.id, purpose, class_id))
        return until is not None and now < until and now - self._read < STALE_SECONDS
