"""Rows in one field: what stands where, and that no row is taken for another."""

import os

from pii_vault.packed import HEAD, PackedRows, group_of, read_packed

ANNA, BORIS, NOBODY = b"a" * 16, b"b" * 16, b"n" * 16
PERSONS = ANNA + b"a" + (5).to_bytes(8, "big") + BORIS + b"b" + (-1).to_bytes(8, "big", signed=True)


def row(subject: bytes, class_key: int, token: bytes, blob: bytes, *, group: int = 0) -> bytes:
    return HEAD.pack(group.to_bytes(2, "big") + subject, class_key, token, len(blob)) + blob


def test_rows_come_as_they_were_packed() -> None:
    tokens = [os.urandom(16) for _ in range(3)]
    data = row(ANNA, 1, tokens[0], b"") + row(BORIS, 2, tokens[1], b"sealed", group=1) + row(ANNA, 3, tokens[2], b"x")
    rows = read_packed([(data, PERSONS)])
    assert list(rows) == [
        (tokens[0], ANNA, 1, 0, b"a", b""),
        (tokens[1], BORIS, 2, 1, b"b", b"sealed"),
        (tokens[2], ANNA, 3, 0, b"a", b"x"),
    ]
    assert rows.person(ANNA) == (b"a", 5)
    assert rows.person(BORIS) == (b"b", -1)
    assert group_of(data[HEAD.size :]) == 1


def test_a_row_without_its_person_is_none() -> None:
    rows = read_packed([(row(NOBODY, 1, bytes(16), b"x") + row(ANNA, 1, ANNA, b"y"), PERSONS)])
    assert rows.person(NOBODY) == (b"", 0)
    assert [each[0] for each in rows] == [ANNA]


def test_nothing_found_is_no_row() -> None:
    assert list(read_packed([])) == []
    assert read_packed([]).are_all(b"a")


def test_states_are_told_together() -> None:
    assert not read_packed([(b"", PERSONS)]).are_all(b"a")
    assert read_packed([(b"", PERSONS[:25])]).are_all(b"a")


def test_some_of_them_and_two_together() -> None:
    first, second = (row(ANNA, 1, token, b"x") for token in (ANNA, BORIS))
    rows = PackedRows(first + second, {ANNA: b"a" + bytes(8)})
    found = rows.by_token()
    assert found == {ANNA: first, BORIS: second}
    assert rows.of([found[BORIS]]).data == second
    later = PackedRows(row(BORIS, 2, NOBODY, b"z"), {ANNA: b"e" + bytes(8), BORIS: b"a" + bytes(8)})
    joined = rows.joined(later)
    assert [each[0] for each in joined] == [ANNA, BORIS, NOBODY]
    assert joined.person(ANNA)[0] == b"e"  # what was known later
