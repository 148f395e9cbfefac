"""`Idempotency-Key`: the same request again gets the first answer again, for 24 hours, and is done once.

The answer is stored in the transaction of the act, so a crash leaves either both or neither. The key counts per
tenant, person and route; it is a stranger's text and only its digest is kept.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from app.errors import FieldProblem, IdempotencyConflict, InvalidRequest, RequestRunning
from app.kit.staff import Staff
from app.models import IdempotencyKey

LIFE: Final = timedelta(hours=24)
HEADER: Final = "idempotency-key"
_MAX_KEY: Final = 255
_TRY_LOCK: Final = text("SELECT pg_try_advisory_xact_lock(:number)")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an act answers: JSON bytes, and the new version's ETag."""

    status: int
    body: bytes
    etag: str | None = None

    def response(self) -> Response:
        headers = {"etag": self.etag} if self.etag else None
        return Response(self.body, self.status, headers=headers, media_type="application/json")


async def once(
    session: AsyncSession,
    request: Request,
    staff: Staff,
    *,
    now: datetime,
    act: Callable[[], Awaitable[Answer]],
) -> Response:
    """Run `act`, or repeat its stored answer when the request came with a key that was used before.

    Raises:
        RequestRunning: the first request with this key has not finished.
        IdempotencyConflict: the key was used with another request.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return (await act()).response()
    if not 0 < len(key) <= _MAX_KEY or not key.isprintable():
        raise InvalidRequest(errors=[FieldProblem("", "Idempotency-Key must be 1 to 255 printable characters")])
    digest = _digest(staff.id, request.method, request.url.path, key)
    fingerprint = _digest(request.headers.get("if-match", ""), (await request.body()).hex())
    if not await session.scalar(_TRY_LOCK, {"number": int.from_bytes(digest[:8], "big", signed=True)}):
        raise RequestRunning
    stored = await session.scalar(select(IdempotencyKey).where(IdempotencyKey.key_digest == digest))
    if stored is not None and stored.expires_at > now:
        if stored.fingerprint != fingerprint:
            raise IdempotencyConflict
        return Answer(stored.status, stored.body, stored.etag).response()
    answer = await act()
    if stored is not None:
        await session.execute(delete(IdempotencyKey).where(IdempotencyKey.key_digest == digest))
    values = {"tenant_id": staff.tenant, "key_digest": digest, "fingerprint": fingerprint}
    kept = {"status": answer.status, "body": answer.body, "etag": answer.etag, "expires_at": now + LIFE}
    await session.execute(insert(IdempotencyKey).values(values | kept))
    return answer.response()


async def purge(session: AsyncSession, *, now: datetime) -> None:
    await session.execute(delete(IdempotencyKey).where(IdempotencyKey.expires_at <= now))


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode()).digest()
