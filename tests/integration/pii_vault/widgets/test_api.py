"""The frames' own API over HTTP: who is refused, and how."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from pii_vault.classify.setting import switch
from pii_vault.core.mixed import is_mixed
from pii_vault.operations.parts import SearchPlans
from pii_vault.operations.plan import switch as plan_part
from pii_vault.vault import Vault
from tests.integration.pii_vault.widgets.stage import SESSION, FakeSessions, Stage
from tests.support.persons import person
from tests.support.postgres import Database
from tests.support.vault import rows, staff

ANNA = person(7)
VAULT = "http://vault.larets.localhost:8200"
CRM = "http://crm.larets.localhost:8100"
OWN = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "origin": VAULT}
COOKIE = {"cookie": f"__Host-larets_vault={SESSION}"}
VERBS = ("mask", "reveal", "search", "tokenise")


@pytest.fixture
async def stage(vault: Vault) -> Stage:
    return Stage(vault, FakeSessions(), vault_origin=VAULT, crm_origin=CRM)


@pytest.fixture
async def client(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(stage.vault_app())
    async with httpx.AsyncClient(transport=transport, base_url=VAULT, headers=OWN | COOKIE) as opened:
        yield opened


def body(stage: Stage, verb: str) -> dict[str, Any]:
    if verb == "search":
        return {"purpose": "order_processing", "class": "phone", "value": ANNA.phone}
    if verb == "tokenise":
        return {"items": [{"class": "phone", "value": ANNA.phone}]}
    return {"purpose": "order_processing", "items": [{"token": stage.tokens["phone"]}]}


async def call(
    client: httpx.AsyncClient, stage: Stage, verb: str, *, json: Any = None, headers: dict[str, str] | None = None
) -> httpx.Response:
    headers = {"idempotency-key": "key-of-the-test", **(headers or {})}
    return await client.post(f"/frames/api/{verb}", json=json or body(stage, verb), headers=headers)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "same-site", "origin": CRM},
        {"sec-fetch-site": "cross-site", "origin": "https://elsewhere.example"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "same-origin", "origin": CRM},
    ],
)
async def test_requests_of_other_origins_are_refused(
    client: httpx.AsyncClient, stage: Stage, verb: str, headers: dict[str, str]
) -> None:
    await stage.store(phone=ANNA.phone)
    answer = await call(client, stage, verb, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")


@pytest.mark.parametrize("verb", VERBS)
async def test_nobody_is_signed_in(client: httpx.AsyncClient, stage: Stage, verb: str) -> None:
    await stage.store(phone=ANNA.phone)
    stage.sessions.role = None
    answer = await call(client, stage, verb)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert ANNA.phone not in answer.text


@pytest.mark.parametrize("verb", VERBS)
async def test_body_must_be_json_of_the_known_shape(client: httpx.AsyncClient, stage: Stage, verb: str) -> None:
    await stage.store(phone=ANNA.phone)
    key = {"idempotency-key": "key-of-the-test"}
    form = await client.post(f"/frames/api/{verb}", content=b"{}", headers={"content-type": "text/plain", **key})
    broken = await client.post(f"/frames/api/{verb}", content=b"{", headers={"content-type": "application/json", **key})
    more = await call(client, stage, verb, json={**body(stage, verb), "tenant": "other"})
    assert [form.status_code, broken.status_code, more.status_code] == [422, 400, 422]


@pytest.mark.parametrize(
    ("role", "outcome"), [("sales", "value"), ("owner", "value"), ("marketer", "mask"), ("officer", "mask")]
)
async def test_phone_by_role(client: httpx.AsyncClient, stage: Stage, role: str, outcome: str) -> None:
    await stage.store(phone=ANNA.phone)
    stage.sessions.role = role
    (item,) = (await call(client, stage, "reveal")).json()["items"]
    assert list(item) == [outcome]
    assert (item.get("value") == ANNA.phone) is (outcome == "value")


async def test_warehouse_is_denied_the_phone(client: httpx.AsyncClient, stage: Stage) -> None:
    await stage.store(phone=ANNA.phone)
    stage.sessions.role = "warehouse"
    answer = await call(client, stage, "reveal")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    drawn = (await call(client, stage, "mask")).json()
    assert drawn["items"][0]["error"] == "denied"
    assert drawn["purposes"] == []


async def test_other_shop_gets_nothing(client: httpx.AsyncClient, stage: Stage) -> None:
    await stage.store(phone=ANNA.phone)
    stage.sessions.tenant = "other"
    for verb in ("mask", "reveal"):
        (item,) = (await call(client, stage, verb)).json()["items"]
        assert set(item) == {"error"}
    assert (await call(client, stage, "search")).json() == {"subjects": []}


async def test_old_second_factor_gives_a_mask_instead_of_the_value(client: httpx.AsyncClient, stage: Stage) -> None:
    await stage.store(phone=ANNA.phone)
    stage.sessions.principal = staff("sales", second_factor_age=None)
    (item,) = (await call(client, stage, "reveal")).json()["items"]
    assert "value" not in item


async def test_mask_offers_the_purposes_that_could_open_each_class(client: httpx.AsyncClient, stage: Stage) -> None:
    await stage.store(phone=ANNA.phone)
    stage.sessions.role = "warehouse"
    await stage.store(name=ANNA.name)
    stage.tokens["phone"] = stage.tokens["name"]
    drawn = (await call(client, stage, "mask")).json()
    assert [(each["id"], each["classes"]) for each in drawn["purposes"]] == [("delivery", ["name"])]


async def test_reveal_takes_no_list_in_bulk(client: httpx.AsyncClient, stage: Stage) -> None:
    await stage.store(phone=ANNA.phone)
    items = [{"token": stage.tokens["phone"]}] * 21
    answer = await call(client, stage, "reveal", json={"purpose": "support", "items": items})
    assert answer.status_code == 422


async def test_form_is_stored_whole_or_not_at_all(client: httpx.AsyncClient, stage: Stage) -> None:
    items = [{"class": "name", "value": ANNA.name}, {"class": "email", "value": "nowhere"}]
    answer = await call(client, stage, "tokenise", json={"items": items})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_value")
    assert [each["pointer"] for each in answer.json()["errors"]] == ["/items/1/value"]
    assert "nowhere" not in answer.text
    assert (await call(client, stage, "search", json=body(stage, "search"))).json() == {"subjects": []}


async def test_repeated_submit_gives_the_same_tokens(client: httpx.AsyncClient, stage: Stage) -> None:
    first = await call(client, stage, "tokenise")
    again = await call(client, stage, "tokenise")
    assert first.json() == again.json()
    without = await client.post("/frames/api/tokenise", json=body(stage, "tokenise"))
    assert without.status_code == 422


async def test_unknown_purpose_and_class_are_refused(client: httpx.AsyncClient, stage: Stage) -> None:
    await stage.store(phone=ANNA.phone)
    purpose = await call(client, stage, "mask", json={**body(stage, "mask"), "purpose": "curiosity"})
    classes = await call(client, stage, "tokenise", json={"items": [{"class": "shoe", "value": "42"}]})
    assert (purpose.status_code, purpose.json()["code"]) == (422, "unknown_purpose")
    assert (classes.status_code, classes.json()["code"]) == (422, "unknown_class")


@pytest.mark.parametrize("kind", ["reveal", "search", "collect"])
async def test_documents_may_be_framed_by_the_crm_alone(client: httpx.AsyncClient, kind: str) -> None:
    answer = await client.get(f"/frames/{kind}", headers={"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate"})
    policy = answer.headers["content-security-policy"]
    assert answer.status_code == 200
    assert f"frame-ancestors {CRM};" in policy
    assert "form-action 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["origin-agent-cluster"] == "?1"
    assert "x-frame-options" not in answer.headers


async def test_no_frame_of_another_name(client: httpx.AsyncClient) -> None:
    answer = await client.get("/frames/export", headers={"sec-fetch-mode": "navigate"})
    assert answer.status_code == 422


async def test_a_form_with_a_class_that_is_denied_stores_nothing(
    client: httpx.AsyncClient, stage: Stage, vault_database: Database
) -> None:
    fields = [{"class": "name", "value": ANNA.name}, {"class": "passport", "value": "45 01 123456"}]
    answer = await call(client, stage, "tokenise", json={"items": fields})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert rows(vault_database, "SELECT count(*) FROM pii_value") == [(0,)]
    assert rows(vault_database, "SELECT verb, decision FROM audit_detail") == [("tokenise", "forbidden")]


async def test_a_refused_body_is_not_repeated(client: httpx.AsyncClient, stage: Stage) -> None:
    await stage.store(phone=ANNA.phone)
    answer = await call(client, stage, "search", json={**body(stage, "search"), ANNA.phone: 1})
    assert answer.status_code == 422
    assert ANNA.phone not in answer.text


@pytest.mark.parametrize("on", [False, True])
async def test_a_note_leaves_with_tokens_in_place_only_where_the_officer_let_it(
    client: httpx.AsyncClient, stage: Stage, *, on: bool
) -> None:
    if on:
        await switch(stage.vault, staff("officer"), class_id="text", on=True, request_id="r")
    note = {"class": "text", "value": f"звонила {ANNA.name}, просит перезвонить на {ANNA.phone}"}
    first = (await call(client, stage, "tokenise", json={"items": [note]})).json()
    assert set(first) == ({"subject", "tokens", "mixed"} if on else {"subject", "tokens"})
    assert first == (await call(client, stage, "tokenise", json={"items": [note]})).json()
    if on:
        assert is_mixed(first["mixed"]["text"])
        assert first["mixed"]["text"].startswith("звонила tok_name_")
        assert ANNA.phone not in first["mixed"]["text"]


async def test_without_a_classifier_a_note_stays_whole(client: httpx.AsyncClient, stage: Stage) -> None:
    await switch(stage.vault, staff("officer"), class_id="text", on=True, request_id="r")
    stage.classifier.away = True
    note = {"class": "text", "value": f"звонила {ANNA.name}"}
    assert "mixed" not in (await call(client, stage, "tokenise", json={"items": [note]})).json()


@pytest.mark.parametrize(("role", "count"), [("sales", 6), ("owner", 6), ("marketer", 0), ("warehouse", 0)])
async def test_ways_to_search_are_those_of_the_matrix_and_the_plan(
    client: httpx.AsyncClient, stage: Stage, role: str, count: int
) -> None:
    await plan_part(stage.vault, "demo", "phone", "last4", on=True)
    stage.vault.search_plans = SearchPlans(stage.vault.pool)
    stage.sessions.role = role
    answer = await call(client, stage, "ways", json={"purpose": "order_processing"})
    ways = {(way["class"], way["match"]): way["on"] for way in answer.json()["ways"]}
    assert len(ways) == count
    if count:
        assert ways["phone", "last4"]
        assert ways["phone", "exact"]
        assert not ways["name", "prefix"]
    unknown = await call(client, stage, "ways", json={"purpose": "curiosity"})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_purpose")
