from datetime import datetime
from typing import Any

from app.kit.schemas import Answer


class TimelineOut(Answer):
    """One thing that happened. `actor_id` is null where the shop did it; `token` is a text about the person.

    `mixed`: the same text with tokens in place, where the officer of the private contour lets classified texts cross.
    """

    id: str
    kind: str
    contact_id: str | None
    order_id: str | None
    actor_id: str | None
    actor_alias: str | None
    token: str | None
    mixed: str | None
    data: dict[str, Any]
    occurred_at: datetime
