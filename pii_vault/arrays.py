"""Arrays as parameters, packed at once into PostgreSQL's binary format (`array_recv` in its arrayfuncs.c).

asyncpg asks every element through abstract base classes whether it is an array itself: four tenths of a microsecond
each, as much as opening a sealed value. A batch has thousands of elements, so their arrays are packed here, by a few
calls whatever their length. What comes back from the database in such a type is read here too.
"""

import struct
from collections.abc import Callable, Sequence
from typing import Any, Final

import asyncpg

Elements = Sequence[Any]
_HEAD: Final = struct.Struct(">iIIii")  # dimensions (0 or 1), whether it has nulls, type of elements, how many, first
_SIZE: Final = struct.Struct(">i")
_EMPTY_BYTES: Final = 12  # a head without dimensions
_NULL: Final = _SIZE.pack(-1)
_SIZES: Final = [_SIZE.pack(size) for size in range(4096)]
_UUID_BYTES: Final = 16


def _array(element_oid: int, count: int, packed: bytes | bytearray, *, nulls: bool = False) -> bytes:
    if not count:
        return _HEAD.pack(0, 0, element_oid, 0, 0)[:_EMPTY_BYTES]
    return _HEAD.pack(1, nulls, element_oid, count, 1) + packed


def _one_by_one(element_oid: int, values: Elements, pack: Callable[[Any], bytes]) -> bytes:
    """Where some are null or odd: each element for itself."""
    pieces = [_NULL if value is None else _prefixed(pack(value)) for value in values]
    return _array(element_oid, len(pieces), b"".join(pieces), nulls=any(value is None for value in values))


def _prefixed(packed: bytes) -> bytes:
    return _SIZE.pack(len(packed)) + packed


def _boolean(value: object) -> bytes:
    return b"\x01" if value else b"\x00"


def pack_uuids(values: Elements) -> bytes:
    """`uuid[]` of ids of 16 bytes, or None. Raises ValueError when one is longer or shorter."""
    size = _SIZES[_UUID_BYTES]
    try:
        lengths, nulls = {*map(len, values)}, False
        packed = b"".join([size, size.join(values)])
    except TypeError:  # a null among them
        lengths, nulls = {len(value) for value in values if value is not None}, True
        packed = b"".join([_NULL if value is None else size + value for value in values])
    if lengths - {_UUID_BYTES}:
        raise ValueError("an id has 16 bytes")
    return _array(2950, len(values), packed, nulls=nulls)


def pack_blobs(values: Elements, *, element_oid: int = 17) -> bytes:
    """`bytea[]`, or an array of what is sent as its bytes."""
    try:
        pieces: list[Any] = [None] * (2 * len(values))
        pieces[::2] = map(_SIZES.__getitem__, map(len, values))
        pieces[1::2] = values
        return _array(element_oid, len(values), b"".join(pieces))
    except (IndexError, TypeError):  # a long one, or a null
        return _one_by_one(element_oid, values, bytes)


def pack_texts(values: Elements) -> bytes:
    """`text[]`."""
    return pack_blobs([value if value is None else value.encode() for value in values], element_oid=25)


def read_texts(data: bytes) -> list[Any]:
    return [value if value is None else value.decode() for value in read_blobs(data)]


def _fixed(element_oid: int, code: str) -> tuple[Callable[[Elements], bytes], Callable[[bytes], list[Any]]]:
    """Packs and reads numbers of one width. `code` is that of the `struct` module."""
    width, one = struct.calcsize(code), struct.Struct(f">{code}").pack
    step = _SIZE.size + width
    blank = _SIZES[width] + bytes(width)

    def pack(values: Elements) -> bytes:
        try:
            dense = struct.pack(f">{len(values)}{code}", *values)
        except struct.error:  # a null, or a number that does not fit
            return _one_by_one(element_oid, values, one)
        packed = bytearray(blank * len(values))
        for place in range(width):
            packed[_SIZE.size + place :: step] = dense[place::width]
        return _array(element_oid, len(values), packed)

    def read(data: bytes) -> list[Any]:
        count = (len(data) - _HEAD.size) // step
        if len(data) < _HEAD.size or _HEAD.unpack_from(data)[:2] != (1, 0):
            return [None if each is None else struct.unpack(f">{code}", each)[0] for each in read_blobs(data)]
        dense = bytearray(width * count)
        for place in range(width):
            dense[place::width] = data[_HEAD.size + _SIZE.size + place :: step]
        return list(struct.unpack(f">{count}{code}", dense))

    return pack, read


def read_blobs(data: bytes) -> list[Any]:
    """The elements of an array as bytes, None for null. Raises ValueError when it has several dimensions."""
    if len(data) == _EMPTY_BYTES:
        return []
    if _HEAD.unpack_from(data)[0] != 1:
        raise ValueError("an array of one dimension was expected")
    found: list[Any] = []
    at = _HEAD.size
    while at < len(data):
        (size,) = _SIZE.unpack_from(data, at)
        at += _SIZE.size
        found.append(None if size < 0 else data[at : at + size])
        at += max(0, size)
    return found


pack_smallints, read_smallints = _fixed(21, "h")
pack_integers, read_integers = _fixed(23, "i")
pack_bigints, read_bigints = _fixed(20, "q")
_pack_bytes, read_booleans = _fixed(16, "?")


def pack_booleans(values: Elements) -> bytes:
    """`bool[]`. To `struct` a null would be false."""
    return _one_by_one(16, values, _boolean) if None in values else _pack_bytes(values)


# Type ids of arrays in pg_catalog; they are the same in every PostgreSQL (src/include/catalog/pg_type.dat).
_CODECS: Final = (
    (2951, "_uuid", pack_uuids, read_blobs),
    (1001, "_bytea", pack_blobs, read_blobs),
    (1009, "_text", pack_texts, read_texts),
    (1005, "_int2", pack_smallints, read_smallints),
    (1007, "_int4", pack_integers, read_integers),
    (1016, "_int8", pack_bigints, read_bigints),
    (1000, "_bool", pack_booleans, read_booleans),
)


class ArrayConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection whose arrays are packed here."""

    __slots__ = ()

    def pack_arrays(self) -> None:
        """To be called once, after the codecs of elements are set.

        `set_type_codec` takes no array types, although what it calls does; the driver is pinned, and
        tests/integration/pii_vault/test_arrays.py tells when it changes.
        """
        settings = self._protocol.get_settings()
        for oid, name, pack, read in _CODECS:
            settings.add_python_codec(oid, name, "pg_catalog", [], "scalar", pack, read, "binary")
        self._drop_local_statement_cache()
