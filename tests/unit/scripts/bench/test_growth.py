"""The arithmetic of growth, and the sample that stands for all rows."""

import pytest

from pii_vault.core.tokens import parse_token
from scripts.bench.growth import Cost, Filler, grown


def test_growth_compares_the_largest_with_the_smallest() -> None:
    costs = [Cost(100, 20, 10, 1, 1), Cost(1000, 90, 90, 1, 1), Cost(10_000, 36, 15, 1, 1)]
    answer = grown(costs)
    assert (answer["tokenise"], answer["reveal"], answer["holds"]) == (1.8, 1.5, True)


@pytest.mark.parametrize("dear", [Cost(10, 36.1, 10, 1, 1), Cost(10, 20, 18.1, 1, 1)])
def test_one_verb_that_grew_too_dear_is_enough_to_fail(dear: Cost) -> None:
    assert not grown([Cost(1, 20, 10, 1, 1), dear])["holds"]


def test_the_sample_is_spread_over_all_rows_and_its_tokens_are_real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.bench.growth.SAMPLE", 100)
    filler = Filler("demo", 1, None)  # type: ignore[arg-type]
    for chunk in range(10):
        filler._keep([(b"", 2, bytes((chunk, row)) + bytes(14)) for row in range(200)])
    assert len(filler.sample) == 100
    assert len({token[0] for _, token in filler.sample}) >= 8
    assert filler.filled == 2000
    assert {parse_token(text, tenant="demo").class_id for text in filler.tokens()} == {"phone"}
