"""The list of columns: what is not named does not pass."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pii_vault.streams.columns import ColumnMap, parse_columns
from pii_vault.streams.errors import BadColumns
from pii_vault.streams.formats import Csv, NdJson
from pii_vault.streams.lines import Lines
from pii_vault.streams.table import Table

CLASSES = {"phone", "name"}


def parse(text: str) -> ColumnMap:
    return parse_columns(text, is_class=CLASSES.__contains__)


def test_each_column_is_what_the_list_says() -> None:
    columns = parse("phone:phone,%D0%A4%D0%98%D0%9E:name,city:keep,id:subject,a%2Cb%3Ac:keep")
    assert columns.values == {"phone": "phone", "ФИО": "name"}
    assert columns.kept == ("city", "a,b:c")
    assert columns.subject == "id"


@pytest.mark.parametrize(
    "text",
    ["", "phone", "phone:", ":phone", "phone:nonsense", "city:keep", "phone:phone,phone:name", "a:subject,b:subject",
     "error:phone", "row:keep", ",".join(f"c{at}:phone" for at in range(101))],
)  # fmt: skip
def test_a_list_that_is_none_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(BadColumns) as caught:
        parse(text)
    assert "nonsense" not in caught.value.detail


def test_a_column_that_is_not_in_the_file_is_refused() -> None:
    for header in (b"city,name", b"phone,phone"):
        with pytest.raises(BadColumns):
            Csv(parse("phone:phone")).read([header], 1)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_is_read_by_its_own_separator_and_written_with_it(delimiter: str) -> None:
    form = Csv(parse("phone:phone,city:keep"))
    lines = ["city;phone;extra", 'Тула;"+7; 1";x'] if delimiter == ";" else ["city,phone,extra", 'Тула,"+7, 1",x']
    if delimiter == "\t":
        lines = ["city\tphone\textra", 'Тула\t"+7\t 1"\tx']
    rows = form.read([line.encode() for line in lines], 1)
    assert list(rows.columns["city"]) == ["Тула"]
    assert rows.values("phone")[0].startswith("+7")
    written = form.write(Table(1, 1, {"phone": ["tok"], "city": [f"Ту{delimiter}ла"]}, {0: "phone: mask"})).decode()
    assert written.split("\r\n") == [
        f"phone{delimiter}city{delimiter}error", f'tok{delimiter}"Ту{delimiter}ла"{delimiter}phone: mask', "",
    ]  # fmt: skip


@pytest.mark.parametrize("line", [b"one", b"a,b,c", b"\xff,b", None, b'"a"b,c'])
def test_a_row_that_is_none_is_told(line: bytes | None) -> None:
    form = Csv(parse("phone:phone,city:keep"))
    rows = form.read([b"city,phone", b"a,1", line, b"b,2"], 5)
    assert (rows.first, rows.size, rows.errors) == (5, 3, {1: "invalid_row"})
    assert rows.columns == {"phone": ["1", None, "2"], "city": ["a", None, "b"]}


@pytest.mark.parametrize(
    "line", [b"[]", b"{", b"1", b'{"a": {}}', b"\xff", None, b'{"a":' + b"[" * 5000, b"{} {}", b" "]
)
def test_an_object_that_is_none_is_told(line: bytes | None) -> None:
    rows = NdJson(parse("a:phone")).read([b'{"a": "1"}', line, b'{"b": 1}'], 1)
    assert rows.errors == {1: "invalid_row"}
    assert rows.columns == {"a": ["1", None, ""]}


def test_a_number_is_a_text_and_null_is_nothing() -> None:
    rows = NdJson(parse("phone:phone,city:keep")).read([b'{"phone": 79001112233, "city": null}'], 1)
    assert rows.columns == {"phone": ["79001112233"], "city": [""]}


@pytest.mark.parametrize("line", [b'{"a": "1"} {"a": "2"}', b" ", b'{"a": "1"'])
def test_no_line_takes_the_place_of_another(line: bytes) -> None:
    """Read together they would be as many rows as lines."""
    rows = NdJson(parse("a:phone")).read([line, b"\t", b'{"a": "3"}'], 1)
    assert rows.columns["a"][-1] == "3"
    assert sorted(rows.errors) == [0, 1]


def test_what_nobody_named_is_not_kept_whatever_it_is() -> None:
    rows = NdJson(parse("a:phone")).read([b'{"a": "1", "b": {"c": ["secret"]}}'], 1)
    assert "secret" not in str(rows.columns)


def test_an_object_is_written_with_what_it_has() -> None:
    form = NdJson(parse("a:phone,b:keep"), written=("b", "a", "subject"))
    rows = Table(7, 2, {"b": ['x"', None], "a": ["tok", None], "subject": ["sub", None]}, {1: "invalid_row"})
    assert form.write(rows) == b'{"row":7,"b":"x\\"","a":"tok","subject":"sub"}\n{"row":8,"error":"invalid_row"}\n'


@given(
    cells=st.lists(st.lists(st.text(alphabet='aя",;\n\r', max_size=5), min_size=2, max_size=2), min_size=1, max_size=9)
)
def test_a_table_is_written_as_it_was_read(cells: list[list[str]]) -> None:
    columns = parse("a:phone,b:keep")
    one, two = (list(column) for column in zip(*cells, strict=True))
    written = Csv(columns).write(Table(1, len(cells), {"a": one, "b": two}))
    lines = Lines(quoted=True)
    read = Csv(parse("a:phone,b:keep")).read([*lines.add(written), *lines.finish()], 1)
    assert [list(read.columns["a"]), list(read.columns["b"])] == [one, two]
