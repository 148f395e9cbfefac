"""Reconciling the shop's tokens with those stored: a pure decision."""

from hypothesis import given
from hypothesis import strategies as st

from app.intake.persons import reconcile
from app.intake.repository import TokenRow

CLASSES = st.sampled_from(["name", "phone", "email"])
TOKENS = st.sampled_from([f"t{number}" for number in range(6)])
WANTED = st.dictionaries(CLASSES, st.lists(TOKENS, max_size=3), max_size=3)
STORED = st.lists(
    st.builds(TokenRow, CLASSES, TOKENS, st.sampled_from(["shop", "staff"])),
    max_size=6,
    unique_by=lambda row: row.token,
)


def _wanted(mapping: dict[str, list[str]]) -> dict[str, list[str]]:
    """As the vault issues them: a token has one class."""
    return {class_id: [f"{class_id}-{token}" for token in tokens] for class_id, tokens in mapping.items()}


def _rows(rows: list[TokenRow]) -> list[TokenRow]:
    return [TokenRow(row.class_id, f"{row.class_id}-{row.token}", row.origin) for row in rows]


def _after(stored: list[TokenRow], wanted: dict[str, list[str]], *, whole: bool) -> list[TokenRow]:
    change = reconcile(stored, wanted, whole=whole)
    left = [row for row in stored if row.token not in change.gone]
    return left + [TokenRow(class_id, token, "shop") for class_id, token, _ in change.fresh]


@given(STORED, WANTED)
def test_what_staff_corrected_stays(stored: list[TokenRow], wanted: dict[str, list[str]]) -> None:
    rows = _rows(stored)
    after = _after(rows, _wanted(wanted), whole=True)
    assert [row for row in after if row.origin == "staff"] == [row for row in rows if row.origin == "staff"]


@given(STORED, WANTED)
def test_every_wanted_token_is_there_once(stored: list[TokenRow], wanted: dict[str, list[str]]) -> None:
    after = [row.token for row in _after(_rows(stored), _wanted(wanted), whole=True)]
    assert len(after) == len(set(after))
    assert {token for tokens in _wanted(wanted).values() for token in tokens} <= set(after)


@given(STORED, WANTED)
def test_the_same_again_changes_nothing(stored: list[TokenRow], wanted: dict[str, list[str]]) -> None:
    once = _after(_rows(stored), _wanted(wanted), whole=True)
    assert not reconcile(once, _wanted(wanted), whole=True).needed


def test_a_class_that_is_not_sent_stays_with_the_contact_and_leaves_the_order() -> None:
    stored = [TokenRow("email", "e1", "shop")]
    assert not reconcile(stored, {"phone": []}, whole=False).needed
    assert reconcile(stored, {"phone": []}, whole=True).gone == ("e1",)


def test_a_new_order_of_tokens_is_a_change() -> None:
    stored = [TokenRow("phone", "p1", "shop"), TokenRow("phone", "p2", "shop")]
    assert reconcile(stored, {"phone": ["p2", "p1"]}, whole=True).fresh == (("phone", "p2", 0), ("phone", "p1", 1))
