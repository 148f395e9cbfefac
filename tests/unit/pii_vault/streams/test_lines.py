"""Any way of cutting bytes into pieces gives the same lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pii_vault.streams.lines import Lines
from pii_vault.streams.records import MAX_LINE_BYTES, Line

LINES = st.lists(st.text(alphabet="aя1,;", min_size=1, max_size=30), max_size=20)


def split(content: bytes, cuts: list[int], *, quoted: bool = False) -> list[Line]:
    lines = Lines(quoted=quoted)
    found: list[Line] = []
    at = 0
    for cut in [*sorted(cut % (len(content) + 1) for cut in cuts), len(content)]:
        found += lines.add(content[at:cut])
        at = cut
    return found + lines.finish()


@given(lines=LINES, cuts=st.lists(st.integers(0, 1000)), end=st.sampled_from(["\n", "\r\n"]), last=st.booleans())
def test_lines_are_those_that_were_joined(lines: list[str], cuts: list[int], end: str, last: bool) -> None:  # noqa: FBT001
    content = (end.join(lines) + (end if last else "")).encode()
    assert split(content, cuts) == [line.encode() for line in lines]


CELLS = st.lists(st.lists(st.text(alphabet='a"\n,;я', max_size=12), min_size=2, max_size=3), max_size=10)


@given(cells=CELLS, cuts=st.lists(st.integers(0, 500)))
def test_a_line_feed_within_quotes_ends_no_record(cells: list[list[str]], cuts: list[int]) -> None:
    records = [",".join('"' + cell.replace('"', '""') + '"' for cell in row).encode() for row in cells]
    assert split(b"".join(record + b"\r\n" for record in records), cuts, quoted=True) == records


def test_a_byte_order_mark_is_left_out() -> None:
    assert split(b"\xef\xbb\xbfphone\n1\n", [1, 2]) == [b"phone", b"1"]


@pytest.mark.parametrize("piece", [1000, MAX_LINE_BYTES * 3])
@pytest.mark.parametrize("quoted", [False, True])
def test_a_line_that_is_too_long_is_told_once_and_the_next_is_read(piece: int, quoted: bool) -> None:  # noqa: FBT001
    content = b"one\n" + b"x" * (MAX_LINE_BYTES * 2 + 5) + b"\ntwo\n"
    assert split(content, list(range(0, len(content), piece)), quoted=quoted) == [b"one", None, b"two"]


@pytest.mark.parametrize(
    ("content", "records"),
    [
        ('a,b\n1,24"\n2,x\n3,55" и 32"\n', ["a,b", '1,24"', "2,x", '3,55" и 32"']),  # inches
        ('a;b\n1;"x, ""y""\nz"\n2;","\n', ["a;b", '1;"x, ""y""\nz"', '2;","']),
        ('a\tb\n"1"\t"x\r\ny"\r\n2\tz\r\n', ["a\tb", '"1"\t"x\r\ny"', "2\tz"]),
        ('a,b\n"c,d\n1,2\n', ["a,b", '"c,d', "1,2"]),  # never closed: what is wrong is one row
        ('a,b\n"c,d\n1,2\n3,"e"\n4,5\n', ["a,b", '"c,d', "1,2", '3,"e"', "4,5"]),  # closed within another's cell
        ('a,b\n"c,d\n' + "1,2\n" * 20_000, ["a,b", '"c,d', *["1,2"] * 20_000]),  # never closed, and no end of it
        ('"a","b"\n\n1,2\n', ['"a","b"', "1,2"]),
    ],
)
@pytest.mark.parametrize("piece", [7, 10**6])
def test_as_many_rows_come_out_as_went_in(content: str, records: list[str], piece: int) -> None:
    read = content.encode()
    assert split(read, list(range(0, len(read), piece)), quoted=True) == [record.encode() for record in records]


def test_little_is_held_whatever_comes() -> None:
    lines = Lines(quoted=True)
    for _ in range(100):
        lines.add(b'"' + b"x" * 50_000)
        assert lines._table is not None
        assert len(lines._rest) + sum(map(len, lines._table._held)) <= 3 * MAX_LINE_BYTES
