"""The classifier on labelled texts (tests/vectors/classify): what the issue of personal data in texts is held to."""

import pytest

from pii_vault.classify.find import find, no_witness
from pii_vault.classify.recogniser import Recogniser
from tests.support.labelled import texts
from tests.unit.pii_vault.classify.scores import Scores, measure


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser()


@pytest.fixture(scope="module", params=["dev", "held_out"])
def scores(request: pytest.FixtureRequest, recogniser: Recogniser) -> Scores:
    measured = measure(texts(request.param), lambda text: find(text, recogniser.people))
    print(f"\n{request.param}\n{measured}")  # noqa: T201  pytest -s shows it, and so does a failure
    return measured


def test_recall_and_precision_over_all_classes(scores: Scores) -> None:
    assert scores.whole.recall >= 0.97, str(scores)
    assert scores.whole.precision >= 0.9, str(scores)


def test_no_class_is_left_behind(scores: Scores) -> None:
    for class_id, score in scores.classes.items():
        assert score.recall >= 0.85, (class_id, str(scores))
        assert score.precision >= 0.85, (class_id, str(scores))


def test_the_corpus_is_large_and_half_of_it_is_hard() -> None:
    both = texts("dev") + texts("held_out")
    assert len(both) >= 400
    assert sum(not text.spans for text in both) >= 100
    assert len({text.text for text in both}) > 0.97 * len(both)
    assert {span[2] for text in both for span in text.spans} == {
        "name", "phone", "email", "address", "birth_date", "passport", "inn", "snils", "card", "handle", "car_plate",
    }  # fmt: skip


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
