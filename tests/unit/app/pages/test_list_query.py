from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError

from app.orders.list_query import OrderListQuery

NOW = datetime(2026, 11, 20, 22, 30, tzinfo=UTC)  # the 21st in the shop


def query(**fields: object) -> OrderListQuery:
    return OrderListQuery.model_validate(fields)


def test_empty_fields_narrow_nothing() -> None:
    asked = query(q=" ", status="", source="", period="", **{"from": "", "to": ""})
    assert not asked.anything
    assert asked == query()
    assert asked.filters(NOW).number is None


@pytest.mark.parametrize(
    ("period", "start"),
    [
        ("today", "2026-11-20T21:00:00+00:00"),
        ("week", "2026-11-14T21:00:00+00:00"),
        ("month", "2026-10-22T21:00:00+00:00"),
    ],
)
def test_a_period_begins_at_the_shops_midnight(period: str, start: str) -> None:
    filters = query(period=period).filters(NOW)
    assert filters.placed_from == datetime.fromisoformat(start)
    assert filters.placed_to is None


def test_own_dates_hold_both_days_whole() -> None:
    filters = query(period="dates", **{"from": "2026-11-01", "to": "2026-11-02"}).filters(NOW)
    assert filters.placed_from == datetime(2026, 10, 31, 21, tzinfo=UTC)
    assert filters.placed_to == datetime(2026, 11, 2, 21, tzinfo=UTC)
    assert query(**{"from": "2026-11-01"}).filters(NOW).placed_from is None  # without the period they mean nothing


@pytest.mark.parametrize("typed", ["1060", " № 1060 ", "#1060"])
def test_a_number_as_people_type_it(typed: str) -> None:
    assert query(q=typed).filters(NOW).number == "1060"


def test_the_next_page_keeps_the_filter() -> None:
    asked = query(status="on-hold", contact=["cnt_1", "cnt_2"], **{"from": "2026-11-01"})
    given = parse_qs(urlsplit(asked.next_address("abc")).query)
    assert given == {"status": ["on-hold"], "contact": ["cnt_1", "cnt_2"], "from": ["2026-11-01"], "cursor": ["abc"]}


@pytest.mark.parametrize("fields", [{"period": "year"}, {"from": "yesterday"}, {"q": "1" * 41}, {"unknown": "1"}])
def test_anything_else_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        query(**fields)
