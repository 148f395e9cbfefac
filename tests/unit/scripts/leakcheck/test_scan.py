"""The scanner finds what is planted, wherever the pieces of a stream are cut."""

from pathlib import Path

import pytest

from scripts.leakcheck.forms import forms_of
from scripts.leakcheck.scan import Scanner

VALUE = "canary-31ab@example.ru"


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner({"email": forms_of(VALUE), "phone": forms_of("+79160001122")})


@pytest.mark.parametrize("cut", range(1, len(VALUE) + 8))
def test_a_value_across_two_pieces_is_found(scanner: Scanner, cut: int) -> None:
    stream = b"before" + VALUE.encode() + b"after"
    hits, read = scanner.chunks([stream[:cut], stream[cut:]], channel="test", place="stream")
    assert read == len(stream)
    assert {(hit.canary, hit.offset) for hit in hits if hit.form == "plain"} == {("email", len(b"before"))}


def test_a_clean_stream_gives_nothing(scanner: Scanner) -> None:
    assert scanner.chunks([b"tok_phone_" * 1000] * 3, channel="test", place="stream")[0] == []


def test_a_hit_does_not_hold_the_value(scanner: Scanner) -> None:
    hit = scanner.bytes(VALUE.encode(), channel="log", place="app.log")[0]
    assert VALUE not in repr(hit)


def test_a_file_is_read_in_pieces(scanner: Scanner, tmp_path: Path) -> None:
    path = tmp_path / "wal"
    path.write_bytes(b"\0" * (8 * 1024**2 - 3) + VALUE.encode())
    hits, _ = scanner.file(path, channel="wal", place=path.name)
    assert {hit.canary for hit in hits} == {"email"}
