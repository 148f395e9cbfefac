"""Cursors, ETags, sealing, and what logs keep quiet about."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from app.errors import AppError, InvalidCursor, VersionMismatch, VersionRequired, default_detail
from app.kit.cursor import decode_cursor, encode_cursor, page_of
from app.kit.etag import required_version
from app.signin.sealing import SealBroken, Sealer, read_secret

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(min_value=0, max_value=2**52).map(lambda micros: EPOCH + timedelta(microseconds=micros))


@given(MOMENTS, st.text(alphabet="abcdefghjkmn0123456789_", min_size=1, max_size=40))
def test_a_cursor_comes_back_as_it_was(at: datetime, row_id: str) -> None:
    assert decode_cursor(encode_cursor(at, row_id)) == (at, row_id)


@given(st.text(max_size=100))
def test_a_made_up_cursor_is_refused_or_harmless(text: str) -> None:
    try:
        at, row_id = decode_cursor(text)
    except InvalidCursor:
        return
    assert encode_cursor(at, row_id).rstrip("=") == text.rstrip("=")


def test_a_page_says_whether_there_is_more() -> None:
    rows = [(datetime(2026, 1, day, tzinfo=UTC), f"r{day}") for day in (3, 2, 1)]
    first = page_of(rows, limit=2, key=lambda row: row)
    assert first.next_cursor is not None
    assert decode_cursor(first.next_cursor) == rows[1]
    assert page_of(rows[:2], limit=2, key=lambda row: row).next_cursor is None


def _request(**headers: str) -> Request:
    return Request(
        {"type": "http", "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]}
    )


def test_a_change_names_the_version_it_was_decided_on() -> None:
    assert required_version(_request(if_match='"7"')) == 7
    with pytest.raises(VersionRequired):
        required_version(_request())
    for header in ("7", "*", 'W/"7"', '"x"', '"7", "8"', '"' + "9" * 20 + '"'):
        with pytest.raises(VersionMismatch):
            required_version(_request(if_match=header))


def test_what_is_sealed_opens_in_its_place_only() -> None:
    sealer = Sealer(b"s" * 32, use="a")
    sealed = sealer.seal(b"refresh", context=b"row 1")
    assert sealer.open(sealed, context=b"row 1") == b"refresh"
    assert b"refresh" not in sealed
    for other, context, text in (
        (sealer, b"row 2", sealed),
        (Sealer(b"s" * 32, use="b"), b"row 1", sealed),
        (Sealer(b"t" * 32, use="a"), b"row 1", sealed),
        (sealer, b"row 1", sealed[:-1]),
        (sealer, b"row 1", sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (sealer, b"row 1", b""),
    ):
        with pytest.raises(SealBroken):
            other.open(text, context=context)


def test_a_short_secret_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("short\n")
    with pytest.raises(ValueError, match="at least 32"):
        read_secret(path)


def _all_errors(base: type[AppError]) -> list[type[AppError]]:
    return [base, *(deeper for child in base.__subclasses__() for deeper in _all_errors(child))]


def test_every_error_has_a_code_of_its_own_and_says_what_to_do() -> None:
    errors = [error for error in _all_errors(AppError) if error.__module__.startswith("app.")]
    assert len({error.code for error in errors}) == len(errors)
    for error in errors:
        assert default_detail(error).count(".") >= 1, error
        assert 400 <= error.status_code < 600
