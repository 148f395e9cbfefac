"""Requests: what is refused, and that no refusal repeats what was sent."""

import msgspec
import pytest

from pii_vault.api.schemas import MAX_ITEMS, RevealRequest, TokeniseRequest, decode
from pii_vault.errors import BodyTooLarge, BrokenRequest, InvalidFields, InvalidRequest

CANARY = "Канарейка"
_tokenise = msgspec.json.Decoder(TokeniseRequest)
_reveal = msgspec.json.Decoder(RevealRequest)


def fields(body: str) -> list[tuple[str, str]]:
    with pytest.raises(InvalidFields) as caught:
        decode(_tokenise, body.encode())
    assert CANARY not in f"{caught.value}{caught.value.fields}{caught.value.__cause__!r}"
    return list(caught.value.fields)


def test_a_request_is_read() -> None:
    request = decode(_tokenise, '{"items":[{"class":"name","value":"Анна","kind":"deterministic"}]}'.encode())
    assert request.items[0].class_id == "name"
    assert request.items[0].kind == "deterministic"


def test_the_place_of_a_bad_field_is_told_and_the_field_is_not() -> None:
    assert fields('{"items":[{"class":"name","value":7}]}') == [("/items/0/value", "Expected `str`, got `int`")]
    assert fields(f'{{"items":[{{"class":"name","value":"x","{CANARY}":1}}]}}') == [("/items/0", "unknown field")]
    assert fields(f'{{"items":[{{"class":"name","value":"x","kind":"{CANARY}"}}]}}') == [
        ("/items/0/kind", "not one of the values allowed here")
    ]
    assert fields(f'{{"{CANARY}":[]}}')[0][1] in ("unknown field", "Object missing required field `items`")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'"\xff"', b"[" * 100_000, b'{"items":[]}{'])
def test_what_is_not_json_is_broken(body: bytes) -> None:
    with pytest.raises((BrokenRequest, InvalidRequest)):
        decode(_tokenise, body)


def test_the_number_of_items_is_bounded_on_both_sides() -> None:
    items = [{"token": "x"}] * MAX_ITEMS
    assert len(decode(_reveal, msgspec.json.encode({"purpose": "p", "items": items})).items) == MAX_ITEMS
    with pytest.raises(BodyTooLarge):
        decode(_reveal, msgspec.json.encode({"purpose": "p", "items": [*items, {"token": "x"}]}))
    with pytest.raises(InvalidRequest):
        decode(_reveal, b'{"purpose":"p","items":[]}')
