"""The public service's credentials over every verb of the relay: what it is told, and what it is never told."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pii_vault.access.principal import Principal
from pii_vault.relay.template import read_template
from pii_vault.relay.templates import propose, retire
from tests.integration.pii_vault.relay.conftest import EMAIL, MAIL, PHONE, SMS, Shop
from tests.support.vault import rows, staff

ERP = Principal(kind="service", id="erp", tenant="demo", roles=("public_service",), contour="public")
GATEWAY = Principal(kind="service", id="crm", tenant="demo", roles=("witness",), contour="public")


async def test_the_templates_on_offer_come_without_a_text(shop: Shop) -> None:
    await shop.approve(SMS | {"id": "offer", "purpose": "marketing"})
    shop.vault.clock = lambda: datetime(2026, 11, 20, 19, tzinfo=UTC)  # at night it is still there to be chosen
    answer = await shop.api.get("/v1/relay/templates")
    found = {each["id"]: each for each in answer.json()["templates"]}
    assert found["order-sent"] == {
        "id": "order-sent", "version": 1, "digest": shop.digests["order-sent"], "title": "Заказ отправлен",
        "purpose": "delivery", "channel": "email", "parameters": ["number"], "consent_needed": False, "asks_for": None,
        "kinds": {"number": {"kind": "order_number", "words": [], "starts": []}},
    }  # fmt: skip
    assert found["offer"]["consent_needed"]
    for text in ("в пути", "person", "{{", "example.ru", "127.0.0.1"):
        assert text not in answer.text


async def test_only_the_newest_approved_version_is_offered(shop: Shop) -> None:
    await propose(shop.vault, staff("owner"), read_template(MAIL | {"version": 3}), request_id="1")
    await shop.approve(MAIL | {"version": 2})
    await retire(shop.vault, staff("officer"), template="sms-sent", version=1, request_id="1")
    rows(
        shop.database, "UPDATE relay_template SET content = jsonb_set(content, '{title}', '\"x\"') WHERE id = 'parcel'"
    )
    offered = (await shop.api.get("/v1/relay/templates")).json()["templates"]
    assert [(each["id"], each["version"]) for each in offered] == [("order-sent", 2)]


async def test_what_is_told_is_recorded_and_told_to_nobody_else(shop: Shop) -> None:
    state = await shop.sent()
    assert (await shop.api.get(f"/v1/relay/{state['id']}")).status_code == 200
    await shop.api.get("/v1/relay/templates")
    shop.callers.principal = ERP  # another program of the same shop: of this dispatch it knows nothing
    assert (await shop.api.get(f"/v1/relay/{state['id']}")).status_code == 404
    shop.callers.principal = GATEWAY
    for path in (f"/v1/relay/{state['id']}", "/v1/relay/templates", f"/v1/consents/{shop.buyer}?purpose=marketing"):
        assert (await shop.api.get(path)).status_code == 403
    found = rows(
        shop.database,
        "SELECT principal, verb, decision, cardinality(subjects) FROM audit_detail"
        " WHERE verb IN ('relay_status', 'relay_templates', 'consent_status') ORDER BY idx",
    )
    assert [tuple(row) for row in found] == [
        ("crm", "relay_status", "allow", 1),
        ("crm", "relay_status", "allow", 1),
        ("crm", "relay_templates", "allow", 0),
        ("erp", "relay_status", "unknown_dispatch", 0),
        ("crm", "relay_status", "forbidden", 0),
        ("crm", "relay_templates", "forbidden", 0),
        ("crm", "consent_status", "forbidden", 0),
    ]


async def test_no_verb_tells_a_value_an_address_or_a_text(shop: Shop) -> None:
    state = await shop.sent()
    told: list[Any] = [
        await shop.api.get("/v1/relay/templates"),
        await shop.api.get(f"/v1/relay/{state['id']}"),
        await shop.api.get(f"/v1/consents/{shop.buyer}", params={"purpose": "marketing", "channel": "email"}),
        await shop.order(key="order-0002", parameters={"number": EMAIL}),
        await shop.api.post(
            f"/v1/subjects/{shop.buyer}/consents/ask", json={"purpose": "marketing", "channel": "email"}
        ),
    ]
    bodies = [answer.text for answer in told] + [json.dumps(shop.told())]
    assert told[-1].status_code == 403  # to have the vault ask is the private contour's; a template asks for it
    for body in bodies:
        for value in (EMAIL, PHONE, "Вера", "в пути", "/consent/"):
            assert value not in body


@pytest.mark.parametrize("path", ["/v1/relay/dsp_none", "/v1/relay/dsp_" + "0" * 26])
async def test_an_unknown_dispatch_is_unknown(shop: Shop, path: str) -> None:
    assert (await shop.api.get(path)).json()["code"] == "unknown_dispatch"
