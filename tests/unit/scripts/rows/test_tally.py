"""Rows and errors of an answer, however it comes in pieces."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.rows.tally import Tally


def counted(tally: Tally, content: bytes, cuts: list[int]) -> bytes:
    out = b""
    at = 0
    for cut in [*sorted(cut % (len(content) + 1) for cut in cuts), len(content)]:
        out += tally.add(content[at:cut])
        at = cut
    return out


ROWS = st.lists(st.tuples(st.text(alphabet='aя,"\n', max_size=6), st.sampled_from(["", "a: mask"])), max_size=20)


@given(rows=ROWS, cuts=st.lists(st.integers(0, 500)), delimiter=st.sampled_from([",", ";", "\t"]), names=st.booleans())
def test_a_table(rows: list[tuple[str, str]], cuts: list[int], delimiter: str, names: bool) -> None:  # noqa: FBT001
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(["a", "error"])
    head = text.getvalue().encode()
    writer.writerows(rows)
    content = text.getvalue().encode()
    tally = Tally(table=True, names=names)
    assert counted(tally, content, cuts) == (content if names else content.removeprefix(head))
    assert (tally.rows, tally.errors) == (len(rows), sum(1 for row in rows if row[1]))


@given(values=st.lists(st.sampled_from(['{"row":1,"a":"\\"error\\":"}', '{"row":2,"error":"x"}']), max_size=20),
       cuts=st.lists(st.integers(0, 500)))  # fmt: skip
def test_objects_without_their_sum(values: list[str], cuts: list[int]) -> None:
    rows = "".join(value + "\n" for value in values).encode()
    tally = Tally(table=False)
    assert counted(tally, rows + b'{"done":{"rows":2,"errors":0}}\n', cuts) == rows
    assert (tally.rows, tally.errors) == (len(values), sum(1 for value in values if 'row":2' in value))
    assert tally.complete


@pytest.mark.parametrize(("end", "stopped"), [(b'{"stopped":"busy","rows":1}\n', "busy"), (b"", "")])
def test_objects_that_break_off_are_not_complete(end: bytes, stopped: str) -> None:
    tally = Tally(table=False)
    assert tally.add(b'{"row":1}\n' + end) == b'{"row":1}\n'
    assert (tally.complete, tally.stopped, tally.rows) == (False, stopped, 1)
