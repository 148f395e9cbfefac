"""What an officer approves is what is sent: no value changes the shape of a text."""

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from pii_vault.relay.errors import BadTemplate, UnfitValue
from pii_vault.relay.template import (
    fill,
    fill_html,
    fill_json,
    fill_line,
    fill_path,
    fill_xml,
    pointed,
    read_template,
)

MAIL: dict[str, Any] = {
    "id": "order-sent",
    "version": 1,
    "title": "Заказ отправлен",
    "purpose": "delivery",
    "destination": "mail",
    "parameters": {"number": "order_number"},
    "email": {"subject": "Заказ {{given.number}}", "text": "Здравствуйте, {{ person.name }}!"},
}
NASTY = 'И"\n<b>&../?x=1\r\nBcc: a@b.ru\x00{{person.phone}}'
VALUES = {("person", "name"): NASTY, ("given", "number"): "7"}


def read(**changes: Any) -> Any:
    return read_template({key: value for key, value in (MAIL | changes).items() if value is not None})


def test_a_template_says_whose_values_and_which_parameters_it_needs() -> None:
    template = read()
    assert template.channel == "email"
    assert template.classes == {"name", "email"}
    assert template.names("given") == {"number"}


def test_the_digest_is_of_every_letter_and_of_nothing_else() -> None:
    assert read().digest == read().digest
    reordered = dict(reversed(list(MAIL.items())))
    assert read_template(reordered).digest == read().digest
    changed = [
        read(version=2),
        read(title="Другое"),
        read(purpose="support"),
        read(destination="mail2"),
        read(email=MAIL["email"] | {"text": "Здравствуйте, {{ person.name }}."}),
        read(email=MAIL["email"] | {"html": "<p></p>"}),
    ]
    assert len({each.digest for each in changed} | {read().digest}) == len(changed) + 1


@pytest.mark.parametrize(
    "changes",
    [
        {"email": None},
        {"sms": {"text": "x"}},
        {"email": {"subject": "x", "text": "{{person.name"}},
        {"email": {"subject": "x", "text": "{{name}}"}},
        {"email": {"subject": "x", "text": "{{person.name|upper}}"}},
        {"id": "Bad Id"},
        {"version": 0},
        {"odd": 1},
        {"email": None, "api": {"path": "v1", "json": {}}},
        {"email": None, "api": {"path": "/v1"}},
        {"email": None, "api": {"path": "/v1", "json": {}, "xml": "<a/>"}},
        {"email": None, "api": {"path": "/v1", "json": {}, "answer": {"id": "keep"}}},
        {"email": None, "api": {"path": "/v1", "json": {}, "method": "GET"}},
        {"email": None, "api": {"path": "/v1/../admin", "json": {}}},
        {"email": None, "api": {"path": "/v1/.", "json": {}}},
        {"email": None, "api": {"path": "/v1\\admin", "json": {}}},
        {"consent": "marketing"},
        {"email": {"subject": "x", "text": "{{consent.link}}"}},
        {"consent": "marketing", "email": {"subject": "{{consent.link}}", "text": "x"}},
        {"consent": "marketing", "email": {"subject": "x", "text": "{{consent.link}} {{consent.code}}"}},
        {"email": None, "consent": "marketing", "api": {"path": "/{{consent.link}}", "json": {}}},
    ],
)
def test_what_is_no_template_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadTemplate) as refused:
        read(**changes)
    assert "parameters" not in refused.value.detail


def test_a_value_stays_within_its_place() -> None:
    assert fill("{{person.name}}", VALUES) == NASTY  # and is not filled a second time
    line = fill_line("Заказ {{person.name}}", VALUES)
    assert "\n" not in line
    assert "\r" not in line
    assert "<b>" not in fill_html("<p>{{person.name}}</p>", VALUES)
    xml = fill_xml('<to name="{{person.name}}">{{person.name}}</to>', VALUES)
    parsed = ET.fromstring(xml)  # noqa: S314
    assert list(parsed) == []
    assert "<b>" in str(parsed.text)
    assert fill_json({"to": ["{{person.name}}"], "{{person.name}}": 1}, VALUES) == {"to": [NASTY], "{{person.name}}": 1}
    assert json.loads(json.dumps(fill_json({"to": "{{person.name}}"}, VALUES))) == {"to": NASTY}


@pytest.mark.parametrize(
    "value",
    ["", ".", "..", "../..", "a/b", "a\\b", "%2e%2e", "100%", "a\tb", "a\nb", "a\x00b", "a\x7fb", "a\u2028b"],
)
def test_a_value_that_could_be_read_as_a_part_of_the_address_is_not_put_into_a_path(value: str) -> None:
    with pytest.raises(UnfitValue):
        fill_path("/a/{{person.name}}/b", {("person", "name"): value})


@pytest.mark.parametrize("path", ["/a/.{{given.x}}/b", "/a/{{given.x}}{{given.x}}", "/{{given.x}}./c?d=1"])
def test_values_do_not_add_up_to_a_step_back(path: str) -> None:
    with pytest.raises(UnfitValue):
        fill_path(path, {("given", "x"): "."})


def test_a_value_in_a_path_is_one_segment() -> None:
    values = {("person", "name"): "И. О?x=1&y#z"}
    path = fill_path("/a/{{person.name}}/b?q={{person.name}}", values)
    assert path == "/a/" + "%D0%98.%20%D0%9E%3Fx%3D1%26y%23z" + "/b?q=" + "%D0%98.%20%D0%9E%3Fx%3D1%26y%23z"


def test_a_message_that_asks_for_a_consent_carries_the_link() -> None:
    asks = read(consent="marketing", parameters=None, email={"subject": "Подтвердите", "text": "{{consent.link}}"})
    assert asks.classes == {"email"}
    assert fill(asks.email.text, {("consent", "link"): "https://v/1"}) == "https://v/1"
    assert asks.digest != read(parameters=None, email={"subject": "Подтвердите", "text": "https://v/1"}).digest


def test_a_placeholder_without_a_value_is_no_text() -> None:
    with pytest.raises(KeyError):
        fill("{{person.phone}}", VALUES)


def test_pointers_lead_into_an_answer_or_nowhere() -> None:
    content = {"a": [{"b/c": 1}], "": 2}
    assert pointed(content, "/a/0/b~1c") == 1
    assert pointed(content, "/") == 2
    for pointer in ("/a/1/x", "/a/-1", "/x", "/a/0/b~1c/d"):
        assert pointed(content, pointer) is None


CALL = {"path": "/calls/{{shape.phone}}", "json": {"to": "{{shape.phone}}", "who": "{{person.name}}"}}


def test_a_request_may_name_shaped_tokens_of_classes_that_have_them() -> None:
    template = read(email=None, parameters=None, api=CALL)
    assert template.values == {"name"}
    assert template.classes == {"name", "phone"}  # the policies are asked for both
    filled = fill_json(CALL["json"], {("shape", "phone"): "+72001112233", ("person", "name"): "Вера"})
    assert filled == {"to": "+72001112233", "who": "Вера"}


@pytest.mark.parametrize(
    "changes",
    [
        {"email": None, "api": {"path": "/x", "json": {"to": "{{shape.name}}"}}},
        {"email": None, "api": {"path": "/x", "json": {"to": "{{shape.snils}}"}}},
        {"email": {"subject": "x", "text": "Звоните {{shape.phone}}"}},
        {"email": None, "sms": {"text": "{{shape.phone}}"}},
    ],
)
def test_shapes_stand_nowhere_else(changes: dict[str, Any]) -> None:
    with pytest.raises(BadTemplate, match="shape"):
        read(**changes)
