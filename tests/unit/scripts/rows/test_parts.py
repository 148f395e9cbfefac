"""The parts of a file are the file: every row in one of them, whole, under its own number."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pii_vault.streams.lines import Lines
from pii_vault.streams.records import Line
from scripts.rows.parts import Part, put_together, split

CELLS = st.lists(st.lists(st.text(alphabet='aя1,"\n', max_size=8), min_size=2, max_size=2), min_size=1, max_size=40)
ENDS = st.sampled_from(["\n", "\r\n"])


def sent(path: Path, part: Part) -> bytes:
    return b"".join(part.pieces(path))


def table(rows: list[list[str]], end: str) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([["one", "two"], *rows])
    return text.getvalue().encode()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rows") / "file"


@given(rows=CELLS, end=ENDS, count=st.integers(1, 5))
def test_a_table_in_parts_has_the_same_rows(path: Path, rows: list[list[str]], end: str, count: int) -> None:
    path.write_bytes(table(rows, end))
    found: list[list[str]] = []
    for part in split(path, count=count, table=True, least=1):
        content = (sent(path, part)).decode()
        head, *read = csv.reader(io.StringIO(content, newline=""), strict=True)
        assert head == ["one", "two"]
        found += read
    assert found == rows


@given(lines=st.lists(st.text(alphabet="aя{}", max_size=6), max_size=40), end=ENDS, count=st.integers(1, 5))
def test_lines_in_parts_keep_their_numbers(path: Path, lines: list[str], end: str, count: int) -> None:
    """Empty ones are no rows, as in the vault."""
    content = end.join(lines).encode()
    path.write_bytes(content)
    whole = Lines()
    expected = [*whole.add(content), *whole.finish()]
    found: list[Line] = []
    for part in split(path, count=count, table=False, least=1):
        assert part.first == len(found) + 1
        read = Lines()
        found += [*read.add(sent(path, part)), *read.finish()]
    assert found == expected


INCHES = st.lists(st.sampled_from(["кружка", 'монитор 24"', '"a\nb"', '"24 дюйма', "", '"x" y']), max_size=40)


@given(cells=INCHES, end=ENDS, count=st.integers(1, 5))
def test_a_table_with_stray_quotes_keeps_its_rows(path: Path, cells: list[str], end: str, count: int) -> None:
    content = end.join(["one,two", *(f"{at},{cell}" for at, cell in enumerate(cells))]).encode()
    path.write_bytes(content)
    whole = Lines(quoted=True)
    _, *expected = [*whole.add(content), *whole.finish()]
    found: list[Line] = []
    for part in split(path, count=count, table=True, least=1):
        assert part.first == len(found) + 1
        read = Lines(quoted=True)
        _, *rows = [*read.add(sent(path, part)), *read.finish()]
        found += rows
    assert found == expected


def test_a_byte_order_mark_is_no_row(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf\n" + b"{}\n" * 10)
    assert [part.first for part in split(path, count=2, table=False, least=1)] == [1, 6]


def test_the_parts_are_about_the_same_size_and_always_the_same(path: Path) -> None:
    path.write_bytes(b"".join(b'{"a":%d}\n' % at for at in range(10_000)))
    parts = split(path, count=4, table=False, least=1)
    assert max(part.size for part in parts) - min(part.size for part in parts) < 100
    assert parts == split(path, count=4, table=False, least=1)


def test_a_small_file_is_one_part(path: Path) -> None:
    path.write_bytes(b"a,b\n" + b"1,2\n" * 1000)
    assert split(path, count=4, table=True) == [Part(0, path.stat().st_size)]


def test_answers_are_put_together_in_order(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one", "two", "three")]
    for file in files:
        file.write_text(f"{file.name}\n")
    put_together(files, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "one\ntwo\nthree\n"
    assert [each.name for each in tmp_path.iterdir()] == ["out"]
