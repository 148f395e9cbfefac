"""What comes in wrong is refused with the status that tells why, and nothing of it is repeated."""

from typing import Any, Final

import httpx
import pytest

from scripts.local.shop import Shop, buyer, encode, order
from tests.support.instance import World
from tests.support.persons import person

WHO: Final = person(93_001)
TOKEN: Final = "tok_phone_" + "0" * 28


def deliver(
    world: World, body: bytes, *, shop: Shop | None = None, headers: dict[str, str] | None = None
) -> httpx.Response:
    shop = shop or world.shop
    with httpx.Client(trust_env=False, timeout=20) as client:
        return client.post(shop.url, content=body, headers=shop.headers("order.created", body) | (headers or {}))


def orders(world: World, number: int) -> int:
    return int(world.rows("public", "SELECT count(*) FROM orders WHERE external_id = %s", str(number))[0][0])


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"].startswith("application/problem+json"), answer.text
    return answer.status_code, answer.json()["code"]


def test_a_delivery_of_a_wrong_signature_is_refused(world: World) -> None:
    body = encode(order(662_001, buyer=buyer(662_001)))
    assert problem(deliver(world, body, shop=world.shop.with_secret("guessed"))) == (401, "wrong_signature")
    unsigned = {"x-wc-webhook-signature": ""}
    assert problem(deliver(world, body, headers=unsigned)) == (401, "wrong_signature")
    signed_for_another = world.shop.headers("order.created", body + b" ")["x-wc-webhook-signature"]
    assert problem(deliver(world, body, headers={"x-wc-webhook-signature": signed_for_another})) == (
        401,
        "wrong_signature",
    )
    assert orders(world, 662_001) == 0


def test_an_address_that_is_nobodys_answers_as_a_wrong_signature_does(world: World) -> None:
    body = encode(order(662_002, buyer=buyer(662_002)))
    address = world.shop.url.rpartition("/")[0] + "/con_00000000000000000000000000"
    nobody = Shop(address, world.shop.secret, host=world.shop.host)
    assert problem(deliver(world, body, shop=nobody)) == (401, "wrong_signature")


def test_a_delivery_over_a_mebibyte_is_refused_before_it_is_read(world: World) -> None:
    assert problem(deliver(world, b"{" + b" " * 1024 * 1024)) == (413, "body_too_large")


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b'{"id":"x"}', b"\xff\xfe", b"[" * 100_000, b'{"a":1,"a":2}'])
def test_a_signed_delivery_that_is_no_order_is_refused(world: World, body: bytes) -> None:
    assert problem(deliver(world, body)) == (400, "broken_payload")


def test_the_unsigned_ping_of_a_new_webhook_is_answered(world: World) -> None:
    with httpx.Client(trust_env=False, timeout=20) as client:
        assert world.shop.ping(client=client).status_code == httpx.codes.OK


ITEMS: Final = [{"token": TOKEN}]
WRONG: Final[dict[str, tuple[str, Any, tuple[int, str]]]] = {
    "broken JSON": ("reveal", b"{", (400, "broken_request")),
    "no JSON at all": ("reveal", b"\xff", (400, "broken_request")),
    "a list": ("reveal", [], (422, "invalid_request")),
    "no purpose": ("reveal", {"items": ITEMS}, (422, "invalid_request")),
    "unknown purpose": ("reveal", {"purpose": "curiosity", "items": ITEMS}, (422, "unknown_purpose")),
    "unknown field": (
        "reveal",
        {"purpose": "order_processing", "items": ITEMS, "all": True},
        (422, "invalid_request"),
    ),
    "no items": ("reveal", {"purpose": "order_processing", "items": []}, (422, "invalid_request")),
    "1,001 items": ("reveal", {"purpose": "order_processing", "items": ITEMS * 1001}, (413, "body_too_large")),
    "over a mebibyte": ("reveal", b" " * (1024 * 1024 + 1), (413, "body_too_large")),
    "an unknown class": ("tokenise", {"items": [{"class": "shoe_size", "value": "44"}]}, (422, "unknown_class")),
    "search in an unknown class": (
        "search",
        {"purpose": "order_processing", "class": "shoe_size", "value": WHO.phone},
        (422, "unknown_class"),
    ),
    "search for half a number": (
        "search",
        {"purpose": "order_processing", "class": "phone", "value": WHO.phone[:6]},
        (422, "invalid_value"),
    ),
    "search for an unknown purpose": (
        "search",
        {"purpose": "curiosity", "class": "phone", "value": WHO.phone},
        (422, "unknown_purpose"),
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_request_is_refused_and_not_repeated(world: World, case: str) -> None:
    verb, content, expected = WRONG[case]
    headers = {"authorization": f"Bearer {world.bearer('sales')}", "content-type": "application/json"}
    with world.vault(headers=headers) as client:
        sent = {"content": content} if isinstance(content, bytes) else {"json": content}
        answer = client.post(f"/v1/{verb}", **sent)
    assert problem(answer) == expected
    assert WHO.phone[:6] not in answer.text
    assert "curiosity" not in answer.text


def test_wrong_items_of_a_batch_do_not_spoil_the_others(world: World) -> None:
    items = [
        {"class": "phone", "value": "12"},
        {"class": "phone", "value": WHO.phone},
    ]
    with world.vault(headers={"authorization": f"Bearer {world.bearer('sales')}"}) as client:
        answer = client.post("/v1/tokenise", json={"items": items})
    assert answer.status_code == httpx.codes.OK
    results = answer.json()["items"]
    assert [result.get("error") for result in results] == ["invalid_value", None]
    assert results[1]["token"].startswith("tok_phone_")


@pytest.mark.parametrize("text", [WHO.phone, WHO.email, "ИНН 7707083893"])
def test_a_person_sent_straight_to_the_crm_is_refused(world: World, text: str) -> None:
    with world.crm(headers={"authorization": f"Bearer {world.bearer('sales', 'crm')}"}) as client:
        answers = [
            client.get("/api/v1/orders", params={"status": text}),
            client.post("/api/v1/orders/ord_x/notes", json={"token": text}),
            client.get(f"/api/v1/orders/{text}"),
        ]
    for answer in answers:
        assert problem(answer) == (422, "personal_data_in_clear")
        assert text not in answer.text
    log = (world.instance.logs("public") / "app.log").read_text()
    assert text not in log


def test_an_unknown_host_is_misdirected(world: World) -> None:
    with world.vault(headers={"host": "vault.evil.example"}) as client:
        assert problem(client.get("/v1/openapi.json")) == (421, "misdirected_request")
    with world.crm(headers={"host": "crm.evil.example"}) as client:
        assert problem(client.get("/orders")) == (421, "misdirected_request")
