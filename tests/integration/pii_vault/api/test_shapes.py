"""/v1/shapes over the service listener: what outside systems get in place of a phone, and what they send back."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from pii_vault.core.shapes import is_shaped, new_shape
from pii_vault.core.tokens import new_token_text
from tests.support.postgres import Database
from tests.support.server import Server
from tests.support.vault import rows

DEMO = {"larets-tenant": "demo"}
VALUES = {"phone": "+79001234567", "email": "anna@example.ru", "inn": "500100732259", "card": "4111111111111111"}


@pytest.fixture
def http(server: Server) -> Iterator[httpx.Client]:
    with server.http() as client:
        client.headers.update(DEMO)
        yield client


def take(http: httpx.Client, **values: str) -> list[str]:
    items = [{"class": class_id, "value": value} for class_id, value in values.items()]
    return [
        item["token"] for item in http.post("/v1/tokenise", json={"items": items}).raise_for_status().json()["items"]
    ]


def ask(http: httpx.Client, act: str, *items: str, **more: Any) -> list[dict[str, Any]]:
    answer = http.post(f"/v1/shapes/{act}", json={"items": items, **more})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def test_a_token_gets_a_shape_is_found_by_it_and_loses_it_while_it_goes_on(http: httpx.Client) -> None:
    tokens = take(http, **VALUES)
    issued = ask(http, "issue", *tokens)
    shapes = [item["shape"] for item in issued]
    for class_id, token, shape in zip(VALUES, tokens, shapes, strict=True):
        assert is_shaped(class_id, shape)
        assert ask(http, "tokens", shape, **{"class": class_id}) == [{"token": token}]
    assert ask(http, "issue", *tokens) == issued
    purpose = {"purpose": "order_processing"}
    assert ask(http, "resolve", shapes[0], **{"class": "phone"}, **purpose) == [{"value": VALUES["phone"]}]
    [card] = ask(http, "resolve", shapes[3], **{"class": "card"}, **purpose)
    assert card["error"] == "denied"
    assert ask(http, "withdraw", tokens[0], tokens[0]) == [{"withdrawn": True}, {"withdrawn": False}]
    assert ask(http, "tokens", shapes[0], **{"class": "phone"}) == [{"error": "unknown_token"}]
    assert ask(http, "resolve", shapes[0], **{"class": "phone"}, **purpose) == [{"error": "unknown_token"}]
    shown = http.post("/v1/reveal", json={**purpose, "items": [{"token": tokens[0]}]}).json()
    assert shown == {"items": [{"value": VALUES["phone"]}]}
    [again] = ask(http, "issue", tokens[0])
    assert again["shape"] != shapes[0]  # one that was taken back is nobody's for ever


def test_what_is_wrong_with_one_token_does_not_stop_the_others(http: httpx.Client) -> None:
    phone, name = take(http, phone="+79001234568", name="Анна")
    foreign = new_token_text("phone", tenant="other", bits=bytes(16))
    unknown = new_token_text("phone", tenant="demo", bits=bytes(16))
    answers = ask(http, "issue", phone, name, "tok_x", foreign, unknown)
    assert [set(item) for item in answers] == [{"shape"}, {"error"}, {"error"}, {"error"}, {"error"}]
    errors = [item.get("error") for item in answers[1:]]
    assert errors == ["no_shape", "malformed_token", "malformed_token", "unknown_token"]
    assert (
        ask(http, "tokens", new_shape("phone"), VALUES["phone"], "", **{"class": "phone"})
        == [{"error": "unknown_token"}] * 3
    )


def test_many_at_once_never_share_a_shape_and_one_token_never_gets_two(http: httpx.Client, server: Server) -> None:
    tokens = [take(http, inn="500100732259")[0] for _ in range(12)]

    def issue(_: int) -> list[str]:
        with server.http() as client:
            client.headers.update(DEMO)
            return [item["shape"] for item in ask(client, "issue", *tokens)]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(issue, range(4)))
    assert all(answer == answers[0] for answer in answers)
    assert len(set(answers[0])) == len(tokens)


@pytest.mark.parametrize(
    ("act", "body", "status", "code"),
    [
        ("issue", {"items": []}, 422, "invalid_request"),
        ("issue", {"items": ["x"] * 101}, 413, "body_too_large"),
        ("issue", {"items": ["x"], "class": "phone"}, 422, "invalid_request"),
        ("tokens", {"items": ["x"], "class": "name"}, 422, "invalid_request"),
        ("tokens", {"items": ["x"]}, 422, "invalid_request"),
        ("resolve", {"items": ["x"], "class": "phone"}, 422, "invalid_request"),
        ("resolve", {"items": ["x"], "class": "phone", "purpose": "curiosity"}, 422, "unknown_purpose"),
        ("resolve", {"items": ["x"], "class": "phone", "purpose": "marketing"}, 403, "forbidden"),
    ],
)
def test_bad_requests_are_refused(http: httpx.Client, act: str, body: dict[str, Any], status: int, code: str) -> None:
    answer = http.post(f"/v1/shapes/{act}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("act", ["issue", "withdraw", "tokens", "resolve"])
def test_the_public_contour_and_strangers_get_nothing(server: Server, database: Database, act: str) -> None:
    body = {"items": [new_shape("phone")], "class": "phone", "purpose": "order_processing"}
    with server.http("crm", "public") as crm:
        refused = crm.post(f"/v1/shapes/{act}", json=body, headers=DEMO)
    with server.http("stranger") as stranger:
        unknown = stranger.post(f"/v1/shapes/{act}", json={"КАНАРЕЙКА": 1}, headers=DEMO)
    with server.browser() as nobody:
        anonymous = nobody.post(f"/v1/shapes/{act}", json=body)
    codes = [(answer.status_code, answer.json()["code"]) for answer in (refused, unknown, anonymous)]
    assert codes == [(403, "forbidden"), (401, "unauthenticated"), (401, "unauthenticated")]
    [last] = rows(database, "SELECT decision FROM audit_detail WHERE principal = 'crm' ORDER BY idx DESC LIMIT 1")
    assert last == ("forbidden",)


def test_each_act_is_on_the_record_without_a_value(http: httpx.Client, database: Database) -> None:
    [token] = take(http, phone="+79001234570")
    [made] = ask(http, "issue", token)
    ask(http, "tokens", made["shape"], new_shape("phone"), **{"class": "phone"})
    ask(http, "resolve", made["shape"], **{"class": "phone"}, purpose="support")
    ask(http, "withdraw", token)
    found = rows(database, "SELECT verb, counts::text FROM audit_detail ORDER BY idx DESC LIMIT 4")
    assert [row[0] for row in reversed(found)] == ["tokenise", "tokenise", "reveal", "tokenise"]
    counts = " ".join(str(row[1]) for row in found)
    for word in ("shaped", "shape_told", "unknown_token", "shape_withdrawn"):
        assert word in counts
    whole = str(rows(database, "SELECT d::text FROM audit_detail d"))
    assert made["shape"][-9:] not in whole
    assert "9001234570" not in whole
