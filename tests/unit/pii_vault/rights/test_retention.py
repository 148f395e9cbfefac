"""Terms: which values of a buyer are kept by law, and until when."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pii_vault.errors import PolicyError
from pii_vault.rights.retention import OTHER, STATUTORY, Retention, load_retention

POLICY = Path("policies/retention.yaml")
CLASSES = ("name", "address", "inn", "phone", "email")


def load(path: Path = POLICY) -> Retention:
    return load_retention(path, classes=CLASSES)


def test_the_buyers_requisites_are_kept_and_the_rest_is_not() -> None:
    groups = {class_id: load().buyer_group(class_id) for class_id in CLASSES}
    assert groups == {"name": STATUTORY, "address": STATUTORY, "inn": STATUTORY, "phone": OTHER, "email": OTHER}


@pytest.mark.parametrize(
    ("last", "until"),
    [
        (datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2031, 12, 31, 21, tzinfo=UTC)),
        (datetime(2026, 12, 31, 20, 59, tzinfo=UTC), datetime(2031, 12, 31, 21, tzinfo=UTC)),
        (datetime(2026, 12, 31, 21, 0, tzinfo=UTC), datetime(2032, 12, 31, 21, tzinfo=UTC)),  # next year in Moscow
    ],
)
def test_the_term_begins_with_the_year_of_the_last_order_in_moscow(last: datetime, until: datetime) -> None:
    assert load().kept_until(last) == until


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[name, address, inn]", "[name, horoscope]"),
        ("trim_days: 30", "trim_days: 181"),  # longer than the law gives for backups
        ("documents_years: 3", "documents_years: 2"),  # shorter than the order demands
        ("key: 1", "key: 2"),
    ],
)
def test_terms_that_the_law_does_not_allow_stop_the_vault(tmp_path: Path, old: str, new: str) -> None:
    text = POLICY.read_text("utf-8")
    assert old in text
    path = tmp_path / "retention.yaml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(PolicyError):
        load(path)


def test_an_unconfirmed_norm_is_shown_as_such() -> None:
    assert load().confirmed_by == ""
