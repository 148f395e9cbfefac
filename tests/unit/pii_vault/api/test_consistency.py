"""Which answers are new enough: what is not known is refused, not guessed."""

import pytest

from pii_vault.api.consistency import read_after
from pii_vault.errors import InvalidRequest


@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ([], None),
        ([(b"accept", b"*/*")], None),
        ([(b"larets-consistency", b"latest")], None),
        ([(b"larets-after", b"0")], 0),
        ([(b"larets-after", b"123456789012")], 123456789012),
    ],
)
def test_what_is_said_is_understood(headers: list[tuple[bytes, bytes]], after: int | None) -> None:
    assert read_after(headers) == after


@pytest.mark.parametrize(
    "headers",
    [
        [(b"larets-consistency", b"eventual")],
        [(b"larets-consistency", b"")],
        [(b"larets-consistency", b"Latest")],
        [(b"larets-after", b"")],
        [(b"larets-after", b"-1")],
        [(b"larets-after", b"0/16B3748")],
        [(b"larets-after", "²".encode())],
        [(b"larets-after", b"1" * 19)],
        [(b"larets-after", b"1"), (b"larets-after", b"2")],
        [(b"larets-after", b"1"), (b"larets-consistency", b"latest")],
    ],
)
def test_what_is_not_is_refused_and_not_repeated(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_after(headers)
    assert "eventual" not in caught.value.detail
