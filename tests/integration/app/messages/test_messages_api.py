"""Messages over the API."""

from typing import Any

import httpx
import pytest

from pii_vault.client import OfferedParameter, VaultRefused
from pii_vault.core.kinds import EXPECTED
from tests.integration.app.support import KINDS, OTHER, Call, FakeIssuer, FakeRelay, Take, party, staff, template

KEY = {"idempotency-key": "message-1"}


async def body(take: Take, call: Call, **changes: Any) -> dict[str, Any]:
    order = (await take()).order
    contact = (await call("GET", f"/orders/{order}")).json()["contact_id"]
    stated = {"template": "order-sent", "version": 1, "contact_id": contact, "order_id": order}
    return stated | {"parameters": {"number": "1001"}} | changes


async def test_sent_once_under_one_key_and_listed(take: Take, call: Call, relay: FakeRelay, issuer: FakeIssuer) -> None:
    asked = await body(take, call)
    seller = KEY | {"authorization": f"Bearer {issuer.access(staff())}"}  # `call` is somebody else each time
    first, again = [await call("POST", "/messages", role=None, json=asked, headers=seller) for _ in range(2)]
    assert (first.status_code, first.json()["state"]) == (202, "queued")
    assert again.json()["id"] == first.json()["id"]
    assert list(relay.sent) == [first.json()["id"]]
    for query in ({"order": asked["order_id"]}, {"contact": asked["contact_id"]}):
        listed = (await call("GET", "/messages", params=query)).json()["data"]
        assert [each["id"] for each in listed] == [first.json()["id"]]
    other = asked | {"parameters": {"number": "1002"}}
    assert (await call("POST", "/messages", role=None, json=other, headers=seller)).status_code == 422


async def test_what_is_offered_has_no_text_and_no_digest(call: Call) -> None:
    [offered] = (await call("GET", "/messages/templates")).json()["data"]
    assert set(offered) == {"id", "version", "title", "purpose", "channel", "parameters", "kinds", "consent_needed"}
    assert offered["kinds"] == {"number": {"kind": "order_number", "words": [], "starts": []}}
    assert (await call("GET", "/messages/templates", role="warehouse")).json()["data"] == []


async def test_a_refusal_is_answered_with_its_code(take: Take, call: Call, relay: FakeRelay) -> None:
    relay.fails = VaultRefused(403, "consent_missing", "x")
    answer = (await call("POST", "/messages", json=await body(take, call), headers=KEY)).json()
    assert (answer["state"], answer["failure"]) == ("refused", "consent_missing")


@pytest.mark.parametrize(
    ("changes", "headers", "status"),
    [
        ({}, {}, 422),
        ({"version": 2}, KEY, 404),
        ({"template": "other"}, KEY, 404),
        ({"contact_id": "cnt_none"}, KEY, 404),
        ({"order_id": "ord_none"}, KEY, 404),
        ({"parameters": {}}, KEY, 422),
        ({"parameters": {"number": "1", "extra": "2"}}, KEY, 422),
        ({"parameters": {"number": "+7 916 123-45-67"}}, KEY, 422),
        ({"parameters": {"number": "Анне Петровой"}}, KEY, 422),
        ({"parameters": {"number": "Anna"}}, KEY, 422),
        ({"parameters": {"number": "1", "Анна Петрова": "2"}}, KEY, 422),
        ({"recipient": "somebody"}, KEY, 422),
    ],
)
async def test_what_is_not_sent(
    take: Take, call: Call, relay: FakeRelay, *, changes: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    answer = await call("POST", "/messages", json=await body(take, call, **changes), headers=headers)
    assert answer.status_code == status, answer.text
    assert not [value for value in ("123-45-67", "Анн", "Anna") if value in answer.text]
    assert relay.sent == {}


async def test_a_parameter_is_refused_by_its_name(take: Take, call: Call, relay: FakeRelay) -> None:
    relay.offers = [template(parameters=["day", "number"], kinds=KINDS | {"day": OfferedParameter("date")})]
    asked = await body(take, call, parameters={"number": "Anna", "extra": "1"})
    answer = (await call("POST", "/messages", json=asked, headers=KEY)).json()
    assert answer["errors"] == [
        {"pointer": "/parameters/day", "detail": f"it is missing; expected is {EXPECTED['date']}"},
        {"pointer": "/parameters/extra", "detail": "the template declares none of this name"},
        {"pointer": "/parameters/number", "detail": f"expected is {EXPECTED['order_number']}"},
    ]


async def test_what_takes_parameters_of_no_kind_is_not_offered(call: Call, relay: FakeRelay) -> None:
    """A vault of the version before says none."""
    relay.offers = [template(kinds={}), template("plain", parameters=[], kinds={})]
    found = (await call("GET", "/messages/templates")).json()["data"]
    assert [each["id"] for each in found] == ["plain"]


async def test_who_may_not(take: Take, call: Call, relay: FakeRelay) -> None:
    asked = await body(take, call)
    for role, status in ((None, 401), ("warehouse", 404), ("marketer", 404)):  # the template is not theirs
        assert (await call("POST", "/messages", json=asked, role=role, headers=KEY)).status_code == status
    foreign = (await take(tenant=OTHER, contact=party(7, tenant=OTHER))).order
    assert (await call("GET", "/messages", params={"order": foreign})).status_code == httpx.codes.NOT_FOUND
    assert (await call("GET", "/messages")).status_code == 422
    assert relay.sent == {}
