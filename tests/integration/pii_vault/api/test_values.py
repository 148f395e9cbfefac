"""/v1/tokenise, /v1/reveal, /v1/search over the service listener: shapes, limits, refusals."""

import json
import socket
from collections.abc import Iterator

import httpx
import pytest

from pii_vault.client import TokeniseItem
from tests.support.postgres import Database
from tests.support.server import Server
from tests.support.vault import rows

CANARY = "Канарейкина Жар-Птица"
DEMO = {"larets-tenant": "demo"}


@pytest.fixture
def http(server: Server) -> Iterator[httpx.Client]:
    with server.http() as client:
        yield client


def problem(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["type"] == f"urn:larets:problem:{body['code']}"
    assert body["status"] == response.status_code
    return response.status_code, body["code"]


def test_a_value_goes_in_and_comes_out(http: httpx.Client) -> None:
    taken = http.post(
        "/v1/tokenise",
        json={"items": [{"class": "name", "value": CANARY, "subject": "@1"}, {"class": "phone", "value": "x"}]},
        headers=DEMO,
    )
    assert taken.status_code == 200
    assert taken.headers["cache-control"] == "no-store"
    good, bad = taken.json()["items"]
    assert set(good) == {"token", "subject"}
    assert bad == {"error": "invalid_value"}
    shown = http.post(
        "/v1/reveal",
        json={"purpose": "order_processing", "items": [{"token": good["token"]}, {"token": "tok_x"}]},
        headers=DEMO,
    )
    assert shown.json() == {"items": [{"value": CANARY}, {"error": "malformed_token"}]}


def test_a_search_finds_the_subject(http: httpx.Client) -> None:
    taken = http.post(
        "/v1/tokenise", json={"items": [{"class": "phone", "value": "+79995550011"}]}, headers=DEMO
    ).json()["items"][0]
    query = {"purpose": "support", "class": "phone", "value": "8 (999) 555-00-11"}
    found = http.post("/v1/search", json=query, headers=DEMO)
    assert found.json() == {"subjects": [{"subject": taken["subject"], "tokens": {"phone": [taken["token"]]}}]}


def test_a_position_is_told_and_taken(http: httpx.Client) -> None:
    stored = http.post("/v1/tokenise", json={"items": [{"class": "phone", "value": "+79995550012"}]}, headers=DEMO)
    position = stored.headers["larets-position"]
    assert int(position) > 0
    query = {"purpose": "support", "class": "phone", "value": "+79995550012"}
    for asked in ({"larets-after": position}, {"larets-consistency": "latest"}, {}):
        assert len(http.post("/v1/search", json=query, headers=DEMO | asked).json()["subjects"]) == 1
    look = {"purpose": "support", "items": [{"token": stored.json()["items"][0]["token"]}]}
    for path, body in (("/v1/search", query), ("/v1/reveal", look)):
        for asked in ({"larets-after": "soon"}, {"larets-consistency": "eventual"}):
            assert problem(http.post(path, json=body, headers=DEMO | asked)) == (422, "invalid_request")


def test_an_idempotency_key_repeats_the_answer(http: httpx.Client) -> None:
    request = {"items": [{"class": "name", "value": "Анна"}]}
    headers = DEMO | {"idempotency-key": "one"}
    first = http.post("/v1/tokenise", json=request, headers=headers)
    assert http.post("/v1/tokenise", json=request, headers=headers).content == first.content
    request["items"][0]["value"] = "Вера"
    assert problem(http.post("/v1/tokenise", json=request, headers=headers)) == (422, "idempotency_conflict")
    assert problem(http.post("/v1/tokenise", json=request, headers=DEMO | {"idempotency-key": ""}))[0] == 422


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/v1/tokenise", "{", (400, "broken_request")),
        ("/v1/tokenise", "[]", (422, "invalid_request")),
        ("/v1/tokenise", '{"items":[]}', (422, "invalid_request")),
        ("/v1/tokenise", '{"items":[{"class":"name","value":1}]}', (422, "invalid_request")),
        ("/v1/tokenise", '{"items":[{"class":"name","value":"x","КАНАРЕЙКА":1}]}', (422, "invalid_request")),
        ("/v1/tokenise", '{"items":[{"class":"name","value":"x","kind":"КАНАРЕЙКА"}]}', (422, "invalid_request")),
        ("/v1/tokenise", '{"items":[{"class":"shoe","value":"x"}]}', (422, "unknown_class")),
        ("/v1/tokenise", '{"purpose":"support","items":[]}', (422, "invalid_request")),
        ("/v1/reveal", '{"purpose":"КАНАРЕЙКА","items":[{"token":"x"}]}', (422, "unknown_purpose")),
        ("/v1/reveal", '{"items":[{"token":"x"}]}', (422, "invalid_request")),
        ("/v1/reveal", '{"purpose":"marketing","items":[{"token":"x"}]}', (403, "forbidden")),
        ("/v1/search", '{"purpose":"support","class":"shoe","value":"x"}', (422, "unknown_class")),
        ("/v1/search", '{"purpose":"support","class":"phone","value":"КАНАРЕЙКА"}', (422, "invalid_value")),
        ("/v1/search", '{"purpose":"support","class":"address","value":"x"}', (422, "invalid_request")),
        (
            "/v1/search",
            '{"purpose":"support","class":"phone","value":"4567","match":"last4"}',  # not switched on
            (422, "invalid_request"),
        ),
        (
            "/v1/search",
            '{"purpose":"support","class":"phone","value":"4567","match":"КАНАРЕЙКА"}',
            (422, "invalid_request"),
        ),
    ],
)
def test_bad_requests_are_told_what_is_wrong_and_not_repeated(
    http: httpx.Client, path: str, body: str, expected: tuple[int, str]
) -> None:
    answer = http.post(path, content=body.encode(), headers=DEMO)
    assert problem(answer) == expected
    assert "КАНАРЕЙКА" not in answer.text
    assert "КАНАРЕЙКА" not in answer.text.encode().decode("unicode_escape", errors="ignore")


def test_a_bad_field_is_pointed_at(http: httpx.Client) -> None:
    answer = http.post(
        "/v1/tokenise", json={"items": [{"class": "name", "value": "x"}, {"class": "name"}]}, headers=DEMO
    )
    assert answer.json()["errors"] == [{"pointer": "/items/1", "detail": "Object missing required field `value`"}]


def test_bytes_that_are_not_text_are_a_broken_request(http: httpx.Client) -> None:
    for body in (b'"\xff"', b'{"items":"\xff"}', b'{"items":[{"class":"name","value":"\\ud800"}]}', b"[" * 100_000):
        assert http.post("/v1/tokenise", content=body, headers=DEMO).status_code in (400, 422)


def test_over_a_thousand_items_or_a_mebibyte_is_413(http: httpx.Client) -> None:
    item = {"class": "name", "value": "x"}
    assert problem(http.post("/v1/tokenise", json={"items": [item] * 1001}, headers=DEMO))[0] == 413
    many = http.post("/v1/tokenise", json={"items": [item] * 1000}, headers=DEMO)
    assert many.status_code == 200
    assert len(many.json()["items"]) == 1000
    big = b'{"items":[{"class":"text","value":"' + b"x" * 1024 * 1024 + b'"}]}'
    assert problem(http.post("/v1/tokenise", content=big, headers=DEMO))[0] == 413


def test_a_body_of_unknown_length_is_refused_before_its_end(server: Server) -> None:
    head = "POST /v1/tokenise HTTP/1.1\r\nhost: x\r\nlarets-tenant: demo\r\ntransfer-encoding: chunked\r\n\r\n"
    with (
        socket.create_connection(("127.0.0.1", server.service_port), timeout=10) as plain,
        server.tls().wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(head.encode())
        for _ in range(17):
            connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_another_method_is_refused(http: httpx.Client) -> None:
    assert http.get("/v1/reveal", headers=DEMO).status_code == 422


def test_an_unregistered_purpose_of_a_known_register_is_forbidden(http: httpx.Client) -> None:
    body = {"purpose": "subject_request", "items": [{"token": "x"}]}
    assert problem(http.post("/v1/reveal", json=body, headers=DEMO)) == (403, "forbidden")


def test_nothing_is_logged_or_recorded_of_a_value(server: Server, database: Database, http: httpx.Client) -> None:
    http.post("/v1/tokenise", json={"items": [{"class": "name", "value": CANARY}]}, headers=DEMO)
    http.post("/v1/tokenise", content=CANARY.encode(), headers=DEMO)
    http.post("/v1/search", json={"purpose": "support", "class": "name", "value": CANARY}, headers=DEMO)
    assert CANARY not in server.log
    recorded = str(rows(database, "SELECT * FROM audit_detail")) + str(
        rows(database, "SELECT encode(record, 'escape') FROM audit_log")
    )
    assert CANARY not in recorded
    assert json.dumps(CANARY).strip('"') not in recorded


async def test_the_client_speaks_the_same_protocol(server: Server) -> None:
    async with server.client() as client:
        [taken] = await client.tokenise([TokeniseItem("name", "Анна")])
        [shown] = await client.reveal([taken.token or ""], purpose="delivery")
    assert shown.value == "Анна"
