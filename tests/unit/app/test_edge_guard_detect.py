"""The guard reads a text as a person would, whatever signs it is written in."""

import pytest

from app.edge_guard.detect import personal_classes, personal_classes_decoded


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+7 916 123-45-67", {"phone"}),
        ("+７９１６１２３４５６７", {"phone"}),
        ("+٧٩١٦١٢٣٤٥٦٧", {"phone"}),
        ("+7916\u200b1234567", {"phone"}),
        ("+7916\u00ad123\u20604567", {"phone"}),
        ("anna＠example.ru", {"email"}),
        ("anna\u200d@example.ru", {"email"}),
        ("Кружка «Ёж», 350 мл — 1990 ₽", set()),
    ],
)
def test_a_value_in_other_signs_is_found(text: str, expected: set[str]) -> None:
    assert personal_classes([text]) == expected
    assert personal_classes_decoded([text]) == expected
