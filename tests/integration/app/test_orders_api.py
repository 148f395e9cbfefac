"""Orders over the API: anonymous, wrong tenant, wrong role, happy; pages, versions and repeated requests."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.kit.idempotency import _digest
from app.services import AppServices
from tests.integration.app.support import (
    NOW,
    OTHER,
    Call,
    Clock,
    FakeIssuer,
    Take,
    ids,
    order_event,
    party,
    staff,
    token,
)
from tests.support.persons import person

ENDPOINTS = (
    ("GET", "/orders", None),
    ("GET", "/orders/{id}", None),
    ("PATCH", "/orders/{id}", {"status": "completed"}),
    ("POST", "/orders/{id}/notes", {"token": token("text", 5)}),
)
WRITES = ENDPOINTS[2:]
READERS = ("marketer", "warehouse", "officer")


@pytest.mark.parametrize(("method", "path", "body"), ENDPOINTS)
async def test_anonymous_is_refused(call: Call, take: Take, method: str, path: str, body: Any) -> None:
    order = (await take()).order
    answer = await call(method, path.format(id=order), role=None, json=body)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("method", "path", "body"), ENDPOINTS[1:])
async def test_another_shops_order_is_not_found(call: Call, take: Take, method: str, path: str, body: Any) -> None:
    order = (await take(tenant=OTHER)).order
    answer = await call(method, path.format(id=order), json=body, headers={"if-match": '"1"'})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_another_shops_orders_are_not_listed(call: Call, take: Take) -> None:
    await take(tenant=OTHER)
    assert (await call("GET", "/orders")).json() == {"data": [], "next_cursor": None}


@pytest.mark.parametrize("role", READERS)
@pytest.mark.parametrize(("method", "path", "body"), WRITES)
async def test_readers_may_not_change(call: Call, take: Take, *, role: str, method: str, path: str, body: Any) -> None:
    order = (await take()).order
    answer = await call(method, path.format(id=order), role=role, json=body, headers={"if-match": '"1"'})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("role", ["owner", "sales", *READERS])
async def test_every_role_reads(call: Call, take: Take, role: str) -> None:
    order = (await take()).order
    assert ids((await call("GET", "/orders", role=role)).json()["data"]) == [order]
    assert (await call("GET", f"/orders/{order}", role=role)).status_code == 200


async def test_a_card_holds_tokens_and_decimal_strings(call: Call, take: Take) -> None:
    order = (await take()).order
    answer = await call("GET", f"/orders/{order}")
    card = answer.json()
    assert answer.headers["etag"] == '"1"'
    assert (card["total"], card["items"][0]["price"]) == ("3980.00", "1845.00")
    assert card["contact_tokens"]["phone"] == [token("phone", 1)]
    assert card["payment_method"] == {"code": "sbp", "title": "СБП"}


async def test_an_unchanged_card_is_not_sent_again(call: Call, take: Take) -> None:
    order = (await take()).order
    answer = await call("GET", f"/orders/{order}", headers={"if-none-match": '"1"'})
    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize("role", ["owner", "sales"])
async def test_a_status_is_changed_with_history(call: Call, take: Take, role: str) -> None:
    order = (await take()).order
    answer = await call(
        "PATCH", f"/orders/{order}", role=role, json={"status": "completed"}, headers={"if-match": '"1"'}
    )
    assert (answer.status_code, answer.json()["status"], answer.headers["etag"]) == (200, "completed", '"2"')
    contact = answer.json()["contact_id"]
    history = (await call("GET", f"/contacts/{contact}/timeline")).json()["data"]
    change = next(event for event in history if event["kind"] == "status_changed")
    assert change["data"] == {"from": "processing", "to": "completed"}
    assert change["actor_alias"] == f"{role} 1"


async def test_a_change_must_name_its_version(call: Call, take: Take) -> None:
    order = (await take()).order
    unnamed = await call("PATCH", f"/orders/{order}", json={"status": "completed"})
    assert (unnamed.status_code, unnamed.json()["code"]) == (428, "version_required")
    old = await call("PATCH", f"/orders/{order}", json={"status": "completed"}, headers={"if-match": '"9"'})
    assert (old.status_code, old.json()["code"]) == (412, "version_mismatch")
    weak = await call("PATCH", f"/orders/{order}", json={"status": "completed"}, headers={"if-match": 'W/"1"'})
    assert weak.status_code == 412


@pytest.mark.parametrize("body", [{"status": "no-such"}, {}, {"status": "completed", "extra": 1}, {"status": 7}])
async def test_a_wrong_body_is_refused(call: Call, take: Take, body: Any) -> None:
    order = (await take()).order
    answer = await call("PATCH", f"/orders/{order}", json=body, headers={"if-match": '"1"'})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"]


async def test_an_unknown_fields_name_is_not_echoed(call: Call, take: Take) -> None:
    order = (await take()).order
    answer = await call(
        "PATCH", f"/orders/{order}", json={"status": "completed", "Орлова Анна": 1}, headers={"if-match": '"1"'}
    )
    assert answer.status_code == 422
    assert "Орлова" not in answer.text


async def test_a_note_is_a_token_of_text(call: Call, take: Take) -> None:
    order = (await take()).order
    good = await call("POST", f"/orders/{order}/notes", json={"token": token("text", 5)})
    assert (good.status_code, good.headers["etag"]) == (201, '"2"')
    for bad in (token("phone", 5), "просто слова", person(3).name):
        answer = await call("POST", f"/orders/{order}/notes", json={"token": bad})
        assert answer.status_code == 422
        assert bad not in answer.text


async def test_pages_are_walked_by_cursor(call: Call, take: Take) -> None:
    made = [
        (await take(seed=number, created_at=(NOW + timedelta(minutes=number // 2)).isoformat())).order
        for number in range(1, 6)
    ]
    first = (await call("GET", "/orders?limit=2")).json()
    second = (await call("GET", "/orders", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    third = (await call("GET", "/orders", params={"limit": 2, "cursor": second["next_cursor"]})).json()
    walked = ids(first["data"]) + ids(second["data"]) + ids(third["data"])
    assert len(walked) == len(made)
    assert set(walked) == set(made)
    assert third["next_cursor"] is None
    placed = [row["placed_at"] for page in (first, second, third) for row in page["data"]]
    assert placed == sorted(placed, reverse=True)


@pytest.mark.parametrize("cursor", ["x", "AAAA", "!!!!", "AQ" * 90])
async def test_a_made_up_cursor_is_refused(call: Call, cursor: str) -> None:
    answer = await call("GET", "/orders", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


@pytest.mark.parametrize("limit", [0, 101, "many"])
async def test_a_wrong_limit_is_refused(call: Call, limit: object) -> None:
    assert (await call("GET", f"/orders?limit={limit}")).status_code == 422


async def test_filters_narrow(call: Call, take: Take) -> None:
    paid = (await take(seed=1, status="completed", source={"utm_source": "vk"})).order
    late = (await take(seed=2, created_at="2026-11-21T00:00:00Z", recipient=party(9))).order
    contact = (await call("GET", f"/orders/{late}")).json()["contact_id"]

    async def found(**params: str) -> list[str]:
        return ids((await call("GET", "/orders", params=params)).json()["data"])

    assert await found(status="completed") == [paid]
    assert await found(utm_source="vk") == [paid]
    assert await found(source="woocommerce") == [late, paid]
    assert await found(source="ozon") == []
    assert await found(placed_from="2026-11-20T23:00:00Z") == [late]
    assert await found(placed_to="2026-11-20T23:00:00Z") == [paid]
    assert await found(contact=contact) == [late]
    assert await found(number="1002") == [late]
    assert await found(token=token("phone", 1)) == [paid]
    assert await found(token=token("phone", 9)) == [late]
    assert (await call("GET", "/orders", params={"token": "anna"})).status_code == 422


async def test_deleted_orders_are_listed_apart(call: Call, take: Take) -> None:
    order = (await take()).order
    await take(sequence=2, kind="order.deleted")
    assert (await call("GET", "/orders")).json()["data"] == []
    assert ids((await call("GET", "/orders?deleted=true")).json()["data"]) == [order]


async def test_the_same_key_repeats_the_answer_and_does_it_once(call: Call, take: Take, issuer: FakeIssuer) -> None:
    order = (await take()).order
    one = staff()
    headers = {"authorization": f"Bearer {issuer.access(one)}", "idempotency-key": "note-1"}
    body = {"token": token("text", 5)}
    first = await call("POST", f"/orders/{order}/notes", role=None, json=body, headers=headers)
    again = await call("POST", f"/orders/{order}/notes", role=None, json=body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    other = await call("POST", f"/orders/{order}/notes", role=None, json={"token": token("text", 6)}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_conflict")
    someone = await call("POST", f"/orders/{order}/notes", json=body, headers={"idempotency-key": "note-1"})
    assert someone.headers["etag"] == '"3"'


async def test_a_key_expires(call: Call, take: Take, issuer: FakeIssuer, clock: Clock) -> None:
    order = (await take()).order
    one = staff()

    async def note() -> str:
        headers = {"authorization": f"Bearer {issuer.access(one)}", "idempotency-key": "note-1"}
        body = {"token": token("text", 5)}
        return (await call("POST", f"/orders/{order}/notes", role=None, json=body, headers=headers)).headers["etag"]

    assert await note() == '"2"'
    clock.turn(timedelta(hours=25))
    issuer.now = clock()
    assert await note() == '"3"'


async def test_a_key_in_use_is_told(call: Call, take: Take, services: AppServices, issuer: FakeIssuer) -> None:
    order = (await take()).order
    one = staff()
    digest = _digest(one.id, "POST", f"/api/v1/orders/{order}/notes", "note-1")
    number = int.from_bytes(digest[:8], "big", signed=True)
    headers = {"authorization": f"Bearer {issuer.access(one)}", "idempotency-key": "note-1"}
    async with services.db.tenant("demo") as session:
        await session.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": number})
        answer = await call(
            "POST", f"/orders/{order}/notes", role=None, json={"token": token("text", 5)}, headers=headers
        )
    assert (answer.status_code, answer.json()["code"]) == (409, "request_running")


async def test_the_description_is_openapi_3_1(call: Call) -> None:
    document = (await call("GET", "/openapi.json", role=None)).json()
    assert document["openapi"].startswith("3.1")
    assert {"/api/v1/orders", "/api/v1/contacts/{contact_id}/timeline"} <= set(document["paths"])


async def test_the_description_tells_of_problems_and_of_a_changes_headers(call: Call) -> None:
    document = (await call("GET", "/openapi.json", role=None)).json()
    assert set(document["components"]["securitySchemes"]) == {"bearer", "session"}
    assert "HTTPValidationError" not in str(document)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            problems = {code for code, told in operation["responses"].items() if "problem" in str(told["content"])}
            headers = {entry["name"] for entry in operation.get("parameters", []) if entry["in"] == "header"}
            assert {"401", "422", "503"} <= problems, (path, method)
            assert ({"412", "428"} <= problems) == ("If-Match" in headers) == (method == "patch"), (path, method)
            assert ("409" in problems) == ("Idempotency-Key" in headers) == (method in {"post", "patch"})


async def test_history_of_an_untouched_event_has_no_staff(call: Call, take: Take) -> None:
    await take(order_event())
    row = (await call("GET", "/orders")).json()["data"][0]
    history = (await call("GET", f"/contacts/{row['contact_id']}/timeline")).json()["data"]
    assert [(event["kind"], event["actor_id"]) for event in history] == [("order_created", None)]
