from datetime import datetime
from typing import Any

from app.kit.schemas import Answer


class TimelineOut(Answer):
    """One thing that happened. `actor_id` is null where the shop did it; `token` is a text about the person."""

    id: str
    kind: str
    contact_id: str | None
    order_id: str | None
    actor_id: str | None
    actor_alias: str | None
    token: str | None
    data: dict[str, Any]
    occurred_at: datetime
