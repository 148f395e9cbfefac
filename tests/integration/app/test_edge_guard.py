"""The edge guard over the whole browser application: what is refused, what is not, and that nothing is echoed."""

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from app.compose import build_browser
from app.edge_guard.detect import personal_classes_decoded
from app.edge_guard.middleware import MAX_BODY, EdgeGuard
from app.errors import NotFound
from app.kit.cursor import encode_cursor
from app.kit.problems import problem
from app.services import AppServices
from tests.integration.app.support import CRM, NOW, subject, token
from tests.support.persons import person

PERSON = person(11)
PHONE, EMAIL = PERSON.phone, PERSON.email
DIGITS = PHONE.removeprefix("+")
VALUES = [PHONE, EMAIL, f"8{PHONE[2:]}", f"{PHONE[:2]} ({PHONE[2:5]}) {PHONE[5:8]}-{PHONE[8:10]}-{PHONE[10:]}"]


def _refused(answer: httpx.Response, *values: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (422, "personal_data_in_clear")
    told = answer.text + str(answer.headers)
    for value in (*values, PHONE[2:], EMAIL):
        assert value not in told


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("place", ["query", "name", "path", "twice", "json", "number", "key", "deep", "form", "cookie"])
async def test_a_value_is_refused_wherever_it_stands(
    browser: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, value: str, place: str
) -> None:
    caplog.set_level(logging.DEBUG)
    quoted = httpx.QueryParams({"q": value})
    match place:
        case "query":
            answer = await browser.get("/orders", params={"q": value})
        case "name":
            answer = await browser.get("/orders", params={value: "1"})
        case "path":
            answer = await browser.get(f"/orders/{str(quoted)[2:].replace('+', '%20')}")
        case "twice":
            answer = await browser.get(f"/orders?q={str(quoted)[2:].replace('+', '%20').replace('%', '%25')}")
        case "json":
            answer = await browser.post("/api/v1/contacts", json={"subject": value})
        case "number":
            answer = await browser.post("/api/v1/contacts", content=f'{{"a": {DIGITS}}}', headers=_json())
        case "key":
            answer = await browser.post("/api/v1/contacts", json={"a": [{value: 1}]})
        case "deep":
            answer = await browser.post("/api/v1/contacts", json={"a": json.dumps({"b": [[value]]})})
        case "form":
            answer = await browser.post("/signout", data={"note": value})
        case _:
            answer = await browser.get("/signin", headers={"cookie": f'seen="{value}"'})
    _refused(answer, value)
    ours = " ".join(record.getMessage() for record in caplog.records if record.name.startswith("app"))
    assert "refused: " in ours
    assert value not in ours
    assert DIGITS not in ours


def _json(**more: str) -> dict[str, str]:
    return {"content-type": "application/json"} | more


@pytest.mark.parametrize("path", [f"/orders?q={PHONE}", f"/{EMAIL}", f"/signin?next=/{EMAIL}"])
@pytest.mark.parametrize("hx", [{}, {"hx-request": "true"}])
async def test_a_readers_page_does_not_echo_either(browser: httpx.AsyncClient, path: str, hx: dict[str, str]) -> None:
    answer = await browser.get(path, headers={"accept": "text/html", "sec-fetch-dest": "document"} | hx)
    assert answer.status_code == 422
    for value in (PHONE[2:], EMAIL, EMAIL.partition("@")[0]):
        assert value not in answer.text + str(answer.headers)


async def test_an_unforeseen_error_tells_nothing(
    services: AppServices, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: Request) -> None:
        raise RuntimeError(PHONE)

    monkeypatch.setattr(services.signin, "staff", broken)
    transport = httpx.ASGITransport(build_browser(services))
    async with httpx.AsyncClient(transport=transport, base_url=CRM) as client:
        answer = await client.get("/api/v1/orders")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "unforeseen RuntimeError" in caplog.text
    assert PHONE not in answer.text + caplog.text


async def test_json_escapes_and_doubled_names_hide_nothing(browser: httpx.AsyncClient) -> None:
    escaped = "".join(f"\\u{ord(char):04x}" for char in PHONE)
    for content in (f'{{"a": "{escaped}"}}', f'{{"a": "{PHONE}", "a": "ok"}}', f'["&#43;{DIGITS}"]'):
        _refused(await browser.post("/api/v1/contacts", content=content, headers=_json()))


@pytest.mark.parametrize("header", ["idempotency-key", "accept-language", "hx-current-url", "hx-prompt", "if-match"])
async def test_a_header_the_application_reads_is_looked_through(browser: httpx.AsyncClient, header: str) -> None:
    _refused(await browser.get("/signin", headers={header: PHONE}))


@pytest.mark.parametrize("header", ["referer", "user-agent", "x-forwarded-for", "x-request-id", "forwarded"])
async def test_a_header_nobody_reads_is_dropped(header: str) -> None:
    seen: list[Scope] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await httpx_ok(scope, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(EdgeGuard(inner)), base_url=CRM) as client:
        answer = await client.get("/", headers={header: PHONE})
    assert answer.status_code == 404
    assert header.encode() not in dict(seen[0]["headers"])
    assert seen[0]["client"] is None


async def httpx_ok(scope: Scope, receive: Receive, send: Send) -> None:
    await problem(NotFound())(scope, receive, send)


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"x" * (MAX_BODY + 1), _json(), 413),
        (b'{"a":', _json(), 400),
        (b"[" * 100_000, _json(), 400),
        (b"\xff\xfe", _json(), 400),
        ('{"a":1}'.encode("utf-16"), _json(), 400),
        (b"{}", {"content-type": "application/json; charset=utf-16"}, 415),
        (b"{}", _json(**{"content-encoding": "gzip"}), 415),
        (b"{}", {"content-type": "text/plain"}, 415),
        (b"{}", {}, 415),
        (b"--b\r\n", {"content-type": "multipart/form-data; boundary=b"}, 415),
        (b"&".join([b"a=1"] * 2000), {"content-type": "application/x-www-form-urlencoded"}, 400),
    ],
)
async def test_bodies_that_cannot_be_looked_through_are_refused(
    browser: httpx.AsyncClient, content: Any, headers: dict[str, str], status: int
) -> None:
    answer = await browser.post("/api/v1/contacts", content=content, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_without_a_declared_length_is_limited_too(browser: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100_000

    answer = await browser.post("/api/v1/contacts", content=endless(), headers=_json())
    assert answer.status_code == 413


async def test_usual_requests_pass(browser: httpx.AsyncClient) -> None:
    cursor = encode_cursor(NOW, "ord_" + "7" * 26)
    for path in (f"/api/v1/orders?cursor={cursor}", f"/api/v1/orders?token={token('phone', 1)}&limit=10"):
        assert (await browser.get(path)).status_code == 401
    placed = "/api/v1/orders?placed_from=2026-11-20T08:00:00Z&placed_to=2026-11-21T00:00:00%2B03:00"
    assert (await browser.get(placed)).status_code == 401
    body = {"subject": subject(1), "tokens": {"phone": token("phone", 1)}}
    answer = await browser.post("/api/v1/contacts", json=body, headers={"idempotency-key": "4f9d2c1e-0b7a"})
    assert answer.status_code == 401
    assert (await browser.get("/healthz")).json() == {"status": "ok"}


async def test_another_host_is_misdirected(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/signin", headers={"host": "vault.larets.localhost"})
    assert (answer.status_code, answer.json()["code"]) == (421, "misdirected_request")


@given(st.integers(min_value=0, max_value=10**6))
def test_ids_tokens_and_cursors_are_never_taken_for_a_person(seed: int) -> None:
    texts = [
        token("phone", seed),
        subject(seed),
        f"ord_{token('x', seed)[6:32]}",
        encode_cursor(NOW, "ord_" + "1" * 26),
    ]
    assert personal_classes_decoded(texts) == frozenset()


@given(st.integers(min_value=0, max_value=10**6), st.text(alphabet="абв ,.;:\n", max_size=20))
def test_every_generated_person_is_found(seed: int, around: str) -> None:
    one = person(seed)
    assert "phone" in personal_classes_decoded([f"{around} {one.phone}"])
    assert "email" in personal_classes_decoded([f"{around} {one.email}"])
