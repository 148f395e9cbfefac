"""What the database knows of the worker and its queue, which belong to no tenant."""

from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_QUEUE: Final = text(
    "SELECT count(*) FILTER (WHERE status = 'todo') AS waiting, count(*) FILTER (WHERE status = 'doing') AS running, "
    "count(*) FILTER (WHERE status = 'failed') AS failed, "
    "(SELECT extract(epoch FROM now() - max(last_heartbeat)) FROM procrastinate_workers) AS silent, "
    "(SELECT extract(epoch FROM now() - max(hour)) FROM witness_checkpoint) AS unwitnessed FROM procrastinate_jobs"
)


async def queue(session: AsyncSession) -> dict[str, Any]:
    """Numbers of jobs; seconds since the worker was heard of and since a checkpoint was cosigned, None for never."""
    return dict((await session.execute(_QUEUE)).mappings().one())
