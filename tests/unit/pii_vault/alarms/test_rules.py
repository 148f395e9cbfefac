"""Each rule has a quiet case and a firing one, a figure apart."""

from datetime import UTC, datetime

import pytest

from pii_vault.alarms.policy import AlarmPolicy
from pii_vault.alarms.rules import Activity, Who, activity_of, judge_principal, judge_role

POLICY = AlarmPolicy.model_validate(
    {
        "volume": {
            "history_days": 30,
            "staff": {"times": 5, "floor": 60},
            "program": {"times": 10, "floor": 1000},
            "role": {"times": 4, "floor": 200},
        },
        "off_hours": {"from": 22, "to": 7, "persons": 20},
        "sweep": {"searches": 30, "misses": 15},
        "refusals": 10,
        "over_budget": 2,
    }
)
NOON = datetime(2026, 3, 2, 9, tzinfo=UTC)  # 12 o'clock in Moscow
NIGHT = datetime(2026, 3, 2, 20, tzinfo=UTC)  # 23 o'clock
SALES = Who("demo", "staff", "stf_a")
PROGRAM = Who("demo", "service", "bench")


def kinds(done: Activity, *, who: Who = SALES, hour: datetime = NOON, history: tuple[int, ...] = ()) -> list[str]:
    return [finding.kind for finding in judge_principal(POLICY, who, hour, done, history)]


def test_an_ordinary_hour_is_quiet() -> None:
    assert kinds(Activity(persons=40, searches=10, misses=3, refused=2)) == []


@pytest.mark.parametrize(
    ("persons", "history", "fires"),
    [
        (60, (), False),  # a new person may look at as many as the floor
        (61, (), True),
        (61, (20, 22, 30), False),  # five times what is usual for this one
        (110, (20, 22, 30), False),
        (111, (20, 22, 30), True),
        (61, (1, 1, 500), True),  # one wild hour of the past makes no new usual
    ],
)
def test_volume_of_a_person_is_held_against_the_own_past(
    persons: int, history: tuple[int, ...], *, fires: bool
) -> None:
    assert kinds(Activity(persons=persons), history=history) == (["volume_person"] if fires else [])


def test_programs_have_a_floor_of_their_own() -> None:
    assert kinds(Activity(persons=1000), who=PROGRAM) == []
    assert kinds(Activity(persons=1001), who=PROGRAM) == ["volume_person"]


@pytest.mark.parametrize(
    ("persons", "history", "fires"), [(200, (), 0), (201, (), 1), (320, (80,), 0), (321, (80,), 1)]
)
def test_volume_of_a_role(persons: int, history: tuple[int, ...], fires: int) -> None:
    assert len(judge_role(POLICY, persons, history)) == fires


@pytest.mark.parametrize(
    ("hour", "persons", "who", "fires"),
    [
        (NIGHT, 21, SALES, True),
        (NIGHT, 20, SALES, False),
        (NOON, 21, SALES, False),
        (NIGHT, 21, PROGRAM, False),  # programs work at night
        (datetime(2026, 3, 2, 4, tzinfo=UTC), 21, SALES, False),  # 7 o'clock
        (datetime(2026, 3, 2, 3, tzinfo=UTC), 21, SALES, True),
        (datetime(2026, 3, 2, 19, tzinfo=UTC), 21, SALES, True),  # 22 o'clock
        (datetime(2026, 3, 2, 18, tzinfo=UTC), 21, SALES, False),
    ],
)
def test_bulk_at_night(hour: datetime, persons: int, who: Who, *, fires: bool) -> None:
    assert ("off_hours" in kinds(Activity(persons=persons), who=who, hour=hour)) is fires


@pytest.mark.parametrize(("searches", "misses", "fires"), [(30, 15, False), (31, 0, True), (16, 16, True)])
def test_a_sweep_of_searches(searches: int, misses: int, *, fires: bool) -> None:
    assert kinds(Activity(searches=searches, misses=misses)) == (["search_sweep"] if fires else [])


@pytest.mark.parametrize(("refused", "fires"), [(10, False), (11, True)])
def test_refused_reveals(refused: int, *, fires: bool) -> None:
    assert kinds(Activity(refused=refused)) == (["refusals"] if fires else [])


@pytest.mark.parametrize(("times", "fires"), [(1, False), (2, True)])
def test_a_budget_that_is_used_up(times: int, *, fires: bool) -> None:
    assert kinds(Activity(over_budget=times)) == (["over_budget"] if fires else [])


@pytest.mark.parametrize(
    ("verb", "decision", "counts", "persons", "expected"),
    [
        ("reveal", "allow", {"value": {"phone": 3, "name": 3}}, 3, Activity(persons=3)),
        ("reveal", "allow", {"mask": {"phone": 3}}, 3, Activity()),  # a mask shows nobody
        ("reveal", "allow", {"value": {"phone": 1}, "mask": {"name": 9}}, 9, Activity(persons=1)),
        ("reveal", "allow", {"denied": {"passport": 4}}, 4, Activity(refused=1)),
        ("reveal", "forbidden", {}, 0, Activity(refused=1)),
        ("reveal", "budget_exceeded", {}, 0, Activity(over_budget=1)),
        ("search", "allow", {"found": {"phone": 0}}, 0, Activity(searches=1, misses=1)),
        ("search", "allow", {"found": {"phone": 1}}, 1, Activity(searches=1)),
        ("search", "forbidden", {}, 0, Activity(refused=1)),
        ("signin", "denied", {}, 0, Activity()),
        ("relay", "intent", {"relay": {"email": 1}}, 1, Activity()),  # a busy day of mails is no row of refusals
        ("relay", "sent", {"sent": {"email": 1}}, 1, Activity()),
        ("relay", "bounced", {}, 1, Activity()),
        ("relay", "unknown_template", {}, 0, Activity(refused=1)),
        ("relay", "forbidden", {}, 0, Activity(refused=1)),
        ("relay", "relay_budget_exceeded", {}, 0, Activity(over_budget=1)),
        ("audit", "allow", {}, 1, Activity()),
        ("tokenise", "allow", {"token": {"phone": 9}}, 9, Activity()),
        ("tokenise", "allow", {"searched": {"phone": 9}, "found": {"phone": 2}}, 9, Activity(searches=9, misses=7)),
        ("tokenise", "budget_exceeded", {}, 0, Activity(over_budget=1)),
        ("tokenise", "forbidden", {}, 0, Activity(refused=1)),
        ("tokenise", "deny", {"denied": {"passport": 3}}, 0, Activity(refused=1)),
        ("tokenise", "deny", {"invalid_value": {"phone": 3}}, 0, Activity()),
    ],
)
def test_what_a_record_adds(
    verb: str, decision: str, counts: dict[str, dict[str, int]], persons: int, expected: Activity
) -> None:
    assert activity_of(verb, decision, counts, persons) == expected
