from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class OrderFilters:
    """What a list of orders is narrowed to.

    `source` is a connector; `token` any token an order carries; `number` the beginning or the end of
    the order's number;
    `contact_ids` the persons a search frame found, None when nobody was searched for.
    """

    status: str | None = None
    source: str | None = None
    utm_source: str | None = None
    placed_from: datetime | None = None
    placed_to: datetime | None = None
    number: str | None = None
    contact_id: str | None = None
    contact_ids: tuple[str, ...] | None = None
    subject: str | None = None
    token: str | None = None
    deleted: bool = False
