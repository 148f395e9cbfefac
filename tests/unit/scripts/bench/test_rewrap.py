"""What a re-wrap must leave behind, and what callers may feel meanwhile."""

import pytest

from scripts.bench.client import Load
from scripts.bench.rewrap import Felt, felt, verdict

QUIET, SLOWER = Felt(1, 10, 1000, 0), Felt(2, 20, 5000, 0)
DONE = {"rows": 1000, "seconds": 12.34, "rows_per_second": 81, "damaged": 0}


def test_all_turns_count_together() -> None:
    loads = [
        Load(1, 1, len(took), failures, (), took) for took, failures in (((1_000_000, 3_000_000), 1), ((9_000_000,), 0))
    ]
    assert felt(loads) == Felt(3, 9, 3, 1)


def test_it_holds_when_every_key_is_done_and_nobody_waited_too_long() -> None:
    answer = verdict(1000, DONE, QUIET, SLOWER, left=0, unread=0)
    assert (answer["holds"], answer["ratio"], answer["keys"], answer["seconds"]) == (True, 2.0, 1000, 12.3)


@pytest.mark.parametrize(
    ("done", "left", "during", "unread"),
    [
        (DONE, 1, SLOWER, 0),
        (DONE | {"damaged": 1}, 0, SLOWER, 0),
        (DONE | {"rows": 999}, 0, SLOWER, 0),
        (DONE, 0, Felt(2, 20.1, 5000, 0), 0),
        (DONE, 0, Felt(2, 20, 5000, 1), 0),
        (DONE, 0, SLOWER, 1),
    ],
)
def test_whatever_is_missing_fails_it(done: dict[str, float], left: int, during: Felt, unread: int) -> None:
    assert not verdict(1000, done, QUIET, during, left=left, unread=unread)["holds"]
