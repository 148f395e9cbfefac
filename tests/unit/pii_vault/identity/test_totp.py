"""One-time codes: RFC 6238's own vectors, the window, and replay."""

from datetime import UTC, datetime

import pytest

from pii_vault.identity import totp

# RFC 6238, appendix B: the ASCII secret 12345678901234567890, SHA-1; the last six of its eight digits.
RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
VECTORS = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(("seconds", "code"), VECTORS)
def test_vectors_of_the_standard(seconds: int, code: str) -> None:
    assert totp.accepted_step(RFC_SECRET, code, last_step=None, now=at(seconds)) == seconds // 30


@pytest.mark.parametrize(("offset", "accepted"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_window_is_one_step_to_each_side(offset: int, accepted: bool) -> None:  # noqa: FBT001
    found = totp.accepted_step(RFC_SECRET, "005924", last_step=None, now=at(1234567890 + offset))
    assert (found is not None) is accepted


def test_code_is_not_accepted_twice_nor_an_older_one_after_it() -> None:
    now = at(1234567890)
    step = totp.accepted_step(RFC_SECRET, "005924", last_step=None, now=now)
    assert step is not None
    assert totp.accepted_step(RFC_SECRET, "005924", last_step=step, now=now) is None
    assert totp.accepted_step(RFC_SECRET, "005924", last_step=step + 1, now=now) is None
    assert totp.accepted_step(RFC_SECRET, "005924", last_step=step - 1, now=now) == step


@pytest.mark.parametrize("code", ["", "00592", "0059244", "00592x", "٠٠٥٩٢٤", "-05924", "005 924 1", "None"])
def test_anything_but_six_digits_is_refused(code: str) -> None:
    assert totp.accepted_step(RFC_SECRET, code, last_step=None, now=at(1234567890)) is None


def test_spaces_in_a_code_are_forgiven() -> None:
    assert totp.accepted_step(RFC_SECRET, " 005 924 ", last_step=None, now=at(1234567890)) is not None


def test_secret_is_long_and_fresh() -> None:
    assert len({totp.new_secret() for _ in range(50)}) == 50
    assert len(totp.new_secret()) == 32  # 160 bits


def test_enrolment_is_drawn_in_place() -> None:
    uri = totp.provisioning_uri(RFC_SECRET, label="Shop: Seller 7")
    assert uri.startswith("otpauth://totp/Larets:")
    assert totp.qr_data_uri(uri).startswith("data:image/svg+xml")
