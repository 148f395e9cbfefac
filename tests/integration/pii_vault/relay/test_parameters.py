"""Parameters of a message are of the kinds that were approved; what was approved without kinds sends nothing."""

import json
from typing import Any

import pytest

from pii_vault.relay.errors import NothingToDecide, UntypedTemplate
from pii_vault.relay.template import Template, read_template
from pii_vault.relay.templates import approve, propose
from tests.integration.pii_vault.relay.conftest import SMS, Shop
from tests.support.outside import WebService
from tests.support.vault import rows, staff

TOLD: dict[str, Any] = SMS | {
    "id": "told",
    "sms": {"text": "{{given.number}}, {{given.day}}, {{given.how}}, {{given.track}}"},
    "parameters": {
        "number": "order_number",
        "day": "date",
        "how": {"kind": "choice", "words": ["курьером", "почтой"]},
        "track": {"kind": "link", "starts": ["https://www.post.example/t/"]},
    },
}
GIVEN = {"number": "№ 7001", "day": "29.11", "how": "почтой", "track": "https://www.post.example/t/RA123456785RU"}


def untyped(shop: Shop, template: str) -> None:
    """As it was approved by the version before: without kinds, and with the digest of that content."""
    rows(shop.database, "UPDATE relay_template SET content = content - 'parameters' WHERE id = %s", template)
    [(content,)] = rows(shop.database, "SELECT content::text FROM relay_template WHERE id = %s", template)
    shop.digests[template] = Template.model_validate(json.loads(str(content))).digest
    rows(shop.database, "UPDATE relay_template SET digest = %s WHERE id = %s", shop.digests[template], template)


async def test_values_of_their_kinds_go_out_as_they_were_given(shop: Shop, web: WebService) -> None:
    await shop.approve(TOLD)
    offered = {each["id"]: each for each in (await shop.api.get("/v1/relay/templates")).json()["templates"]}
    assert offered["told"]["parameters"] == ["day", "how", "number", "track"]
    assert offered["told"]["kinds"]["how"] == {"kind": "choice", "words": ["курьером", "почтой"], "starts": []}
    assert offered["parcel"]["kinds"] == {}
    assert (await shop.sent("told", parameters=GIVEN))["state"] == "sent"
    assert json.loads(web.requests[-1][3])["text"] == ", ".join(GIVEN.values())


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"number": "Анна"}, "number"),
        ({"number": "79001112233"}, "number"),
        ({"day": "12.03.1985"}, "day"),
        ({"how": "Анне Петровой"}, "how"),
        ({"track": "https://evil.example/t/RA123456785RU"}, "track"),
        ({"track": "https://www.post.example/t/anna@example.ru"}, "track"),
        ({"extra": "1"}, "extra"),
        ({"how": None}, "how"),
    ],
)
async def test_another_is_refused_by_its_name_and_never_by_its_value(
    shop: Shop, changes: dict[str, str | None], named: str
) -> None:
    await shop.approve(TOLD)
    given = {name: value for name, value in (GIVEN | changes).items() if value is not None}
    answer = await shop.order("told", parameters=given)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_parameters")
    assert f"{named}:" in answer.json()["detail"]
    assert not [value for value in changes.values() if value and value != "1" and value in answer.text]
    assert rows(shop.database, "SELECT count(*) FROM relay_dispatch") == [(0,)]


async def test_what_was_approved_without_kinds_is_neither_offered_nor_sent(shop: Shop, web: WebService) -> None:
    waiting = (await shop.order("sms-sent", key="order-waiting")).json()["dispatch"]
    untyped(shop, "sms-sent")
    assert "sms-sent" not in (await shop.api.get("/v1/relay/templates")).text
    refused = await shop.order("sms-sent", key="order-later")
    assert (refused.status_code, refused.json()["code"]) == (422, "untyped_template")
    await shop.sender.once()
    state = await shop.state(waiting)
    assert (state["state"], state["failure"]) == ("refused", "untyped_template")
    assert web.requests == []
    await shop.approve(SMS | {"version": 2})
    assert (await shop.sent("sms-sent", key="order-anew", version=2))["state"] == "sent"


async def test_a_proposal_without_kinds_is_not_approved(shop: Shop) -> None:
    await propose(shop.vault, staff("owner"), read_template(SMS | {"id": "older"}), request_id="1")
    untyped(shop, "older")
    place: Any = {"template": "older", "version": 1, "digest": shop.digests["older"], "request_id": "2"}
    with pytest.raises(UntypedTemplate):
        await approve(shop.vault, staff("officer"), **place)
    with pytest.raises(NothingToDecide):  # nor is anything told of one that is not there
        await approve(shop.vault, staff("officer"), **(place | {"version": 2}))
    assert rows(shop.database, "SELECT approved FROM relay_template WHERE id = 'older'") == [(None,)]
    found = rows(shop.database, "SELECT decision FROM audit_detail WHERE verb = 'relay_approve' ORDER BY idx")
    assert [row[0] for row in found][-2:] == ["untyped_template", "nothing_to_decide"]


async def test_what_waits_with_a_value_of_an_older_rule_is_refused(shop: Shop, web: WebService) -> None:
    waiting = (await shop.order("sms-sent")).json()["dispatch"]
    rows(shop.database, """UPDATE relay_dispatch SET parameters = '{"number": "Anna"}'""")
    await shop.sender.once()
    state = await shop.state(waiting)
    assert (state["state"], state["failure"]) == ("refused", "bad_parameters")
    assert web.requests == []
