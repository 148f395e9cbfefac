"""What the list of orders is asked for in its address, and the filter that follows from it."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Final, Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from app.kit.zones import DEFAULT_ZONE, zone_of
from app.orders.filters import OrderFilters

Period = Literal["today", "week", "month", "dates"]
PERIODS: Final[tuple[Period, ...]] = ("today", "week", "month", "dates")
_DAYS: Final[dict[Period, int]] = {"today": 1, "week": 7, "month": 30}
_MAX_PERSONS: Final = 20


def _filled(value: object) -> object:
    """A field of the form that was left empty narrows nothing."""
    return None if isinstance(value, str) and not value.strip() else value


Filled = BeforeValidator(_filled)
_TYPED: Final = r"^[^\x00-\x1f\x7f]*$"
Word = Annotated[Annotated[str, Field(max_length=40, pattern=_TYPED)] | None, Filled]


class OrderListQuery(BaseModel):
    """The fields of the filter form. `contact` holds contacts that the search frame led to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    q: Word = None
    status: Word = None
    source: Word = None
    period: Annotated[Period | None, Filled] = None
    from_: Annotated[date | None, Filled, Field(alias="from")] = None
    to: Annotated[date | None, Filled] = None
    contact: (
        Annotated[list[Annotated[str, Field(max_length=40, pattern=_TYPED)]], Field(max_length=_MAX_PERSONS)] | None
    ) = None
    cursor: Annotated[Annotated[str, Field(max_length=120)] | None, Filled] = None

    @property
    def anything(self) -> bool:
        """Whether the list is narrowed at all: an empty one then says so."""
        return any((self.q, self.status, self.source, self.period, self.contact is not None))

    def filters(self, now: datetime, zone: str = DEFAULT_ZONE) -> OrderFilters:
        clock = zone_of(zone)
        start, end = self._days(now.astimezone(clock).date())
        return OrderFilters(
            status=self.status,
            source=self.source,
            number=self.q.strip().lstrip("№#").strip() if self.q else None,
            placed_from=_midnight(start, clock),
            placed_to=_midnight(end, clock),
            contact_ids=None if self.contact is None else tuple(self.contact),
        )

    def _days(self, today: date) -> tuple[date | None, date | None]:
        """First day, and the day after the last one, of the shop's own calendar."""
        if self.period is None:
            return None, None
        if self.period == "dates":
            return self.from_, self.to + timedelta(days=1) if self.to else None
        return today - timedelta(days=_DAYS[self.period] - 1), None

    def next_address(self, cursor: str) -> str:
        kept = self.model_dump(mode="json", by_alias=True, exclude_none=True) | {"cursor": cursor}
        return "/orders?" + urlencode(kept, doseq=True)


def _midnight(day: date | None, clock: ZoneInfo) -> datetime | None:
    return datetime.combine(day, time.min, tzinfo=clock) if day else None
