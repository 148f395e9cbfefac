import json
from dataclasses import replace

import pytest

from scripts.bench.figures import (
    BARS,
    NAMES,
    RIVAL_BARS,
    RIVAL_NAMES,
    Bar,
    Round,
    from_latencies,
    from_rounds,
    percentile,
    table,
)


def a_round(*, rate: float = 900, limit: float = 1000, took_ms: tuple[float, ...] = (1, 2), failures: int = 0) -> Round:
    spent = {"vault": 10.0, "postgres": 4.0, "limit": 3.0, "limit_postgres": 2.0}
    return Round(rate, limit, tuple(int(each * 1e6) for each in took_ms), failures, spent)


def test_the_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    # The machine slows down tenfold in the middle: both sides feel it, and the ratio does not.
    figure = from_rounds("tokenise_1000", [a_round(), a_round(rate=90, limit=100), a_round(rate=900, limit=1000)])
    assert figure.ratio == pytest.approx(0.9)
    assert figure.value == 900
    assert figure.limit == 1000


def test_percentiles_are_of_all_requests_of_all_rounds() -> None:
    figure = from_rounds("reveal_1", [a_round(took_ms=(1, 3)), a_round(took_ms=(2, 40))])
    assert (figure.p50_ms, figure.p99_ms, figure.requests) == (2, 40, 4)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 2), (0.75, 3), (0.99, 4), (1.0, 4)])
def test_a_percentile_is_a_value_that_was_measured(share: float, expected: int) -> None:
    assert percentile([1, 2, 3, 4], share) == expected


@pytest.mark.parametrize(
    ("rate", "holds"),
    [(650, True), (649, False)],
)
def test_a_figure_holds_when_its_bars_are_cleared(rate: float, holds: bool) -> None:  # noqa: FBT001
    assert from_rounds("tokenise_1000", [a_round(rate=rate)]).holds is holds


def test_single_reveals_must_be_both_many_and_quick() -> None:
    quick = from_rounds("reveal_1", [a_round(rate=3000, took_ms=(10,))])
    slow = from_rounds("reveal_1", [a_round(rate=3000, took_ms=(10.1,))])
    few = from_rounds("reveal_1", [a_round(rate=2999, took_ms=(10,))])
    assert [figure.holds for figure in (quick, slow, few)] == [True, False, False]


def test_a_failed_request_fails_the_figure_even_without_a_bar() -> None:
    assert from_rounds("tokenise_1", [a_round()]).holds
    assert not from_rounds("tokenise_1", [a_round(failures=1)]).holds


def test_a_latency_has_no_limit_and_its_value_is_the_95th_percentile() -> None:
    figure = from_latencies("webhook_to_card", [float(each) for each in range(1, 101)], failures=0)
    assert (figure.value, figure.limit, figure.ratio, figure.holds) == (95, None, None, True)
    assert not from_latencies("webhook_to_card", [501.0], failures=0).holds
    assert not from_latencies("webhook_to_card", [1.0], failures=2).holds


def test_programs_get_plain_json_with_every_bar() -> None:
    figure = from_rounds("reveal_1000", [a_round(rate=100)])
    answer = json.loads(json.dumps(figure.for_programs()))
    assert answer["bars"] == [{"bar": "ratio ≥ 0.5", "holds": False}]
    assert answer["holds"] is False
    assert {"name", "value", "unit", "limit", "ratio", "p50_ms", "p99_ms"} <= answer.keys()


def test_the_table_names_what_was_missed() -> None:
    lines = table(
        [from_rounds("reveal_1000", [a_round(rate=100)]), from_rounds("tokenise_1", [a_round()])]
    ).splitlines()
    assert lines[1].endswith("ratio ≥ 0.5  MISSED")
    assert "MISSED" not in lines[2]


def test_an_unmeasured_bar_is_not_cleared() -> None:
    assert not Bar("ratio", 0.1).cleared(None)


def test_every_promised_figure_is_listed() -> None:
    batches = {f"{verb}_{size}" for verb in ("tokenise", "reveal") for size in (1, 100, 1000)}
    assert set(NAMES) == batches | {"reveal_1000_cold", "retokenise_1000", "webhook_to_card"}
    assert all(hasattr(from_rounds("tokenise_1", [a_round()]), bar.measure) for bars in BARS.values() for bar in bars)


def test_processor_time_is_compared_without_counting_the_limits_twice() -> None:
    assert from_rounds("reveal_1", [a_round()]).spent_ratio == pytest.approx(5 / 14)
    assert from_latencies("webhook_to_card", [1.0], failures=0).spent_ratio is None


def test_a_rival_stands_beside_the_limit_and_has_a_bar_of_its_own() -> None:
    fast, slow = (replace(a_round(rate=900), rival=rival) for rival in (600.0, 601.0))
    assert from_rounds("tokenise_1000", [fast]).holds
    assert not from_rounds("tokenise_1000", [slow]).holds
    answer = from_rounds("tokenise_1000", [fast, slow, slow]).for_programs()
    assert (answer["rival"], answer["rival_ratio"]) == (601.0, 1.5)
    assert "rival" not in from_rounds("tokenise_1000", [a_round()]).for_programs()
    assert set(RIVAL_BARS) <= set(RIVAL_NAMES) <= set(NAMES)


def test_the_rivals_processor_time_is_not_counted_as_ours() -> None:
    with_rival = replace(a_round(), spent_us=a_round().spent_us | {"rival": 50.0, "rival_engine": 9.0})
    assert from_rounds("reveal_1", [with_rival]).spent_ratio == pytest.approx(5 / 14)
