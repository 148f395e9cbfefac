"""The classifier on labelled texts (tests/vectors/classify): what the issue of personal data in texts is held to."""

import pytest

from pii_vault.classify.find import find, no_witness
from pii_vault.classify.recogniser import Recogniser
from tests.support.labelled import texts
from tests.unit.pii_vault.classify.scores import Scores, measure

CLASSES = {
    "name", "phone", "email", "address", "birth_date", "passport", "inn", "snils", "card", "handle", "car_plate",
}  # fmt: skip


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser()


@pytest.fixture(scope="module", params=["dev", "held_out", "apart", "mixed", "mixed_held_out", "loose"])
def scores(request: pytest.FixtureRequest, recogniser: Recogniser) -> Scores:
    measured = measure(texts(request.param), lambda text: find(text, recogniser.people))
    print(f"\n{request.param}\n{measured}")  # noqa: T201  pytest -s shows it, and so does a failure
    return measured


def test_recall_and_precision_over_all_classes(scores: Scores) -> None:
    assert scores.whole.recall >= 0.97, str(scores)
    assert scores.whole.precision >= 0.9, str(scores)


def test_the_corpus_of_another_hand_is_large_varied_and_half_without_data() -> None:
    apart = texts("apart")
    assert len(apart) >= 500
    assert sum(not text.spans for text in apart) >= 0.3 * len(apart)
    known = {text.text for text in texts("dev") + texts("held_out")}
    assert not known & {text.text for text in apart}


def test_no_class_is_left_behind(scores: Scores) -> None:
    for class_id, score in scores.classes.items():
        assert score.recall >= 0.85, (class_id, str(scores))
        assert score.precision >= 0.85, (class_id, str(scores))


def test_the_corpus_is_large_and_half_of_it_is_hard() -> None:
    both = texts("dev") + texts("held_out")
    assert len(both) >= 400
    assert sum(not text.spans for text in both) >= 100
    assert len({text.text for text in both}) > 0.97 * len(both)
    assert {span[2] for text in both for span in text.spans} == CLASSES


def test_the_corpus_in_a_third_hand_is_as_large_and_shares_no_text() -> None:
    halves = texts("mixed"), texts("mixed_held_out")
    assert sum(map(len, halves)) >= 500
    seen = [{text.text for text in half} for half in (*halves, texts("loose"), texts("apart"), texts("dev"))]
    assert sum(map(len, seen)) == len(set().union(*seen))
    assert all({span[2] for text in half for span in text.spans} == CLASSES for half in halves)


def test_the_measure_sees_what_is_missed_and_what_is_made_up() -> None:
    labelled = texts("dev")
    nothing = measure(labelled, lambda _text: [])
    assert (nothing.whole.recall, nothing.whole.precision) == (0, 1)
    rules = measure(labelled, lambda text: find(text, no_witness))
    shifted = measure(
        labelled,
        lambda text: [span._replace(class_id="inn" if span.class_id == "name" else "name") for span in find(text)],
    )
    assert rules.whole.recall > 0.9
    assert shifted.whole.recall < 0.1
    assert shifted.whole.precision < 0.1
