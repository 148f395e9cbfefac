"""Arrays as the database expects them, byte by byte; that it reads them so is shown beside the store's own tests."""

import struct
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pii_vault import arrays

Pack = Callable[[Sequence[object]], bytes]


def expected(element_oid: int, pieces: Sequence[bytes | None]) -> bytes:
    """`array_send` of PostgreSQL, element after element."""
    if not pieces:
        return struct.pack(">iII", 0, 0, element_oid)
    head = struct.pack(">iIIii", 1, None in pieces, element_oid, len(pieces), 1)
    return head + b"".join(
        struct.pack(">i", -1) if piece is None else struct.pack(">i", len(piece)) + piece for piece in pieces
    )


def numbers(code: str, low: int, high: int) -> st.SearchStrategy[tuple[str, list[int | None]]]:
    return st.tuples(st.just(code), st.lists(st.none() | st.integers(low, high), max_size=40))


@given(st.lists(st.none() | st.binary(min_size=16, max_size=16), max_size=40))
def test_ids(ids: list[bytes | None]) -> None:
    packed = arrays.pack_uuids(ids)
    assert packed == expected(2950, ids)
    assert arrays.read_blobs(packed) == ids


@given(st.lists(st.none() | st.binary(max_size=60), max_size=40), st.booleans())
def test_blobs(blobs: list[bytes | None], one_is_long: bool) -> None:  # noqa: FBT001
    if one_is_long:
        blobs.append(b"x" * 5000)
    packed = arrays.pack_blobs(blobs)
    assert packed == expected(17, blobs)
    assert arrays.read_blobs(packed) == blobs


@given(st.lists(st.none() | st.text(max_size=20), max_size=40))
def test_texts(texts: list[str | None]) -> None:
    packed = arrays.pack_texts(texts)
    assert packed == expected(25, [None if text is None else text.encode() for text in texts])
    assert arrays.read_texts(packed) == texts


@pytest.mark.parametrize(
    ("pack", "read", "oid", "code"),
    [
        (arrays.pack_smallints, arrays.read_smallints, 21, "h"),
        (arrays.pack_integers, arrays.read_integers, 23, "i"),
        (arrays.pack_bigints, arrays.read_bigints, 20, "q"),
        (arrays.pack_booleans, arrays.read_booleans, 16, "?"),
    ],
)
@given(st.data())
def test_numbers(pack: Pack, read: Callable[[bytes], list[object]], oid: int, code: str, data: st.DataObject) -> None:
    half = 1 << 8 * struct.calcsize(code) - 1
    one = st.booleans() if code == "?" else st.integers(-half, half - 1)
    values = data.draw(st.lists(st.none() | one, max_size=40) | st.lists(one, max_size=40))
    packed = pack(values)
    assert packed == expected(oid, [None if value is None else struct.pack(f">{code}", value) for value in values])
    assert read(packed) == values


@pytest.mark.parametrize("ids", [[b"short"], [bytes(16), b"short"], [None, b"short"], [b"x" * 15, b"x" * 17]])
def test_an_id_of_another_length_shifts_nothing_and_is_refused(ids: list[bytes | None]) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        arrays.pack_uuids(ids)


def test_a_number_that_does_not_fit_is_refused() -> None:
    with pytest.raises(struct.error):
        arrays.pack_smallints([1, 1 << 15])


def test_an_array_of_arrays_is_not_misread() -> None:
    with pytest.raises(ValueError, match="one dimension"):
        arrays.read_blobs(struct.pack(">iIIiiii", 2, 0, 17, 1, 1, 1, 1) + struct.pack(">i", 0))
