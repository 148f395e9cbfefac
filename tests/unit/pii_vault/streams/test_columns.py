"""The list of columns: what is not named does not pass."""

import pytest

from pii_vault.streams.columns import ColumnMap, parse_columns
from pii_vault.streams.errors import BadColumns
from pii_vault.streams.formats import Csv, NdJson

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
            Csv(parse("phone:phone")).read([header])


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_is_read_by_its_own_separator_and_written_with_it(delimiter: str) -> None:
    form = Csv(parse("phone:phone,city:keep"))
    lines = ["city;phone;extra", 'Тула;"+7; 1";x'] if delimiter == ";" else ["city,phone,extra", 'Тула,"+7, 1",x']
    if delimiter == "\t":
        lines = ["city\tphone\textra", 'Тула\t"+7\t 1"\tx']
    (row,) = form.read([line.encode() for line in lines])
    assert row is not None
    assert row["city"] == "Тула"
    assert row["phone"].startswith("+7")
    assert (
        form.write([{"phone": "tok", "city": "Тула"}]).decode().split("\r\n")[0]
        == f"phone{delimiter}city{delimiter}error"
    )


@pytest.mark.parametrize("line", [b"one", b"a,b,c", b"\xff,b", None, b'"a"b,c'])
def test_a_row_that_is_none_is_told(line: bytes | None) -> None:
    form = Csv(parse("phone:phone"))
    assert form.read([b"city,phone", line]) == [None]


@pytest.mark.parametrize("line", [b"[]", b"{", b"1", b'{"a": {}}', b"\xff", None, b'{"a":' + b"[" * 5000])
def test_an_object_that_is_none_is_told(line: bytes | None) -> None:
    assert NdJson().read([line]) == [None]


def test_a_number_is_a_text_and_null_is_nothing() -> None:
    assert NdJson().read([b'{"phone": 79001112233, "city": null}']) == [{"phone": "79001112233"}]
