"""A shop's dictionary file."""

import pytest

from pii_vault.gateway.dictionary import Entry, parse_dictionary
from pii_vault.gateway.errors import BrokenDictionary


def test_all_kinds_are_read() -> None:
    text = (
        "kind,code,title\ngoods,501,Кружка\nsku,CUP BLUE,Кружка\npayment,sbp,СБП\ndelivery,cdek,СДЭК\nstatus,packed,x\n"
    )
    assert parse_dictionary("\ufeff" + text)[2] == Entry("payment", "sbp", "СБП")
    assert len(parse_dictionary(text)) == 5


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("goods,0501,Кружка", "no code of kind goods"),
        ("goods,79161234567,Кружка", "no code of kind goods"),
        ("person,1,Кружка", "kind must be one of"),
        ("payment,к оплате,Наличные", "no code of kind payment"),
        ("sku,X,", "a title has"),
        ("sku,X", "three columns"),
        ("sku,X,a,b", "three columns"),
        ("goods,5,Позвонить +7 916 745-31-86", "personal data"),
        ("sku,a@example.ru,Кружка", "personal data"),
    ],
)
def test_a_wrong_row_is_named_and_nothing_is_taken(row: str, complaint: str) -> None:
    with pytest.raises(BrokenDictionary, match=complaint) as refused:
        parse_dictionary(f"kind,code,title\ngoods,1,Чай\n{row}\n")
    assert "row 3" in refused.value.detail
    assert "745" not in refused.value.detail


@pytest.mark.parametrize("text", ["", "code,title\n1,2\n", 'kind,code,title\n"sku,1,2'])
def test_what_is_no_such_file_is_refused(text: str) -> None:
    with pytest.raises(BrokenDictionary):
        parse_dictionary(text)
