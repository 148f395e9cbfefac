"""Files in chunks: any range opens, nothing that was changed does."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pii_vault.core.chunks import CHUNK_BYTES, SEALED_CHUNK_BYTES, ChunkOpener, ChunkSealer, chunk_count, sealed_size
from pii_vault.core.primitives import TAG_BYTES, new_key
from pii_vault.errors import TamperedFile

KEY = new_key()
SIZES = (0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 5)


def sealed(plain: bytes, *, key: bytes = KEY, piece: int = 50_000) -> bytes:
    sealer = ChunkSealer(key)
    parts = [sealer.add(plain[at : at + piece]) for at in range(0, len(plain), piece)]
    return b"".join([*parts, sealer.finish()])


def opened(
    stored: bytes, size: int, *, start: int = 0, stop: int | None = None, key: bytes = KEY, piece: int = 70_000
) -> bytes:
    opener = ChunkOpener(key, size=size, start=start, stop=size if stop is None else stop)
    wanted = stored[opener.sealed_start : opener.sealed_stop]
    parts = [opener.add(wanted[at : at + piece]) for at in range(0, len(wanted), piece)]
    return b"".join([*parts, opener.finish()])


@pytest.mark.parametrize("size", SIZES)
def test_a_file_comes_back_whole(size: int) -> None:
    plain = os.urandom(size)
    stored = sealed(plain)
    assert len(stored) == sealed_size(size)
    assert opened(stored, size) == plain


@settings(max_examples=60, deadline=None)
@given(
    size=st.sampled_from(SIZES),
    ends=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    pieces=st.tuples(st.integers(1000, 200_000), st.integers(1000, 200_000)),
)
def test_any_range_in_any_pieces_is_what_stood_there(
    size: int, ends: tuple[float, float], pieces: tuple[int, int]
) -> None:
    plain = os.urandom(size)
    start, stop = sorted(int(end * size) for end in ends)
    stored = sealed(plain, piece=pieces[0])
    assert opened(stored, size, start=start, stop=stop, piece=pieces[1]) == plain[start:stop]


SIZE = 2 * CHUNK_BYTES + 100
PLAIN = os.urandom(SIZE)
STORED = sealed(PLAIN)
FIRST, SECOND = STORED[:SEALED_CHUNK_BYTES], STORED[SEALED_CHUNK_BYTES : 2 * SEALED_CHUNK_BYTES]
LAST = STORED[2 * SEALED_CHUNK_BYTES :]


@pytest.mark.parametrize(
    ("stored", "size"),
    [
        pytest.param(SECOND + FIRST + LAST, SIZE, id="chunks in another order"),
        pytest.param(FIRST + FIRST + LAST, SIZE, id="a chunk twice"),
        pytest.param(FIRST + SECOND, 2 * CHUNK_BYTES, id="cut after a whole chunk, and the size with it"),
        pytest.param(FIRST + SECOND, SIZE, id="cut after a whole chunk"),
        pytest.param(STORED[:-1], SIZE - 1, id="one byte shorter"),
        pytest.param(STORED + b"\0", SIZE + 1, id="one byte longer"),
        pytest.param(STORED + sealed(b"more"), SIZE + 4, id="another file behind it"),
        pytest.param(bytes([STORED[0] ^ 1]) + STORED[1:], SIZE, id="one bit in the first chunk"),
        pytest.param(STORED[:-1] + bytes([STORED[-1] ^ 1]), SIZE, id="one bit in the last tag"),
        pytest.param(sealed(PLAIN, key=new_key()), SIZE, id="sealed under another key"),
        pytest.param(b"", SIZE, id="nothing"),
    ],
)
def test_what_was_changed_does_not_open(stored: bytes, size: int) -> None:
    with pytest.raises(TamperedFile):
        opened(stored, size)


def test_a_range_of_a_shortened_file_does_not_pass_for_its_end() -> None:
    with pytest.raises(TamperedFile):
        opened(FIRST + SECOND, 2 * CHUNK_BYTES, start=CHUNK_BYTES)


def test_an_empty_file_has_one_chunk_that_is_the_last() -> None:
    assert chunk_count(0) == 1
    assert len(sealed(b"")) == TAG_BYTES
    with pytest.raises(TamperedFile):
        opened(b"", 0)


def test_the_sealer_keeps_no_more_than_a_chunk_waiting() -> None:
    sealer = ChunkSealer(KEY)
    for _ in range(50):
        sealer.add(os.urandom(CHUNK_BYTES // 3))
        assert len(sealer._waiting) <= CHUNK_BYTES
