"""10,000 requests that schemathesis makes up, on `/v1` of both listeners: no breakdown, no value in any refusal.

`FAULT_CASES` says how many, `FAULT_SEED` repeats them.
"""

import asyncio
import json
import re
import time
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
import requests
from requests.adapters import BaseAdapter

from pii_vault.rights.block import REASONS
from scripts.local.demo import PROGRAM_PURPOSES
from scripts.local.instance import Contour
from scripts.voice import say
from tests.e2e.endpoints import described
from tests.faults.cases import PROBLEM, Caller, Known, aimed, faults_of, hunt
from tests.faults.share import SEED, share
from tests.support.instance import World
from tests.support.persons import person

ALL = 10_000
CASES = share("FAULT_CASES", ALL)
MOMENTS = ("01-01T00:00:00+14:00", "12-31T23:59:59-12:00", "06-01T12:00:00Z")
NUMBERS = [1, 2**15, 2**31, 2**63, -1]
HOT = ("/v1/tokenise", "/v1/reveal", "/v1/shapes/issue")
BEARER_SECONDS = 60.0
STAFF = ("sales", "officer", "owner", "marketer", "warehouse")
CLASSES = ("phone", "email", "name", "address", "text", "card", "inn")


@pytest.fixture(scope="module")
def known(world: World) -> Known:
    """Persons of the demo shop, whose values must come out in no refusal."""
    people = [person(83_000 + number) for number in range(40)]
    secrets = [value for each in people for value in (each.phone, each.email, each.name, each.street)]
    items = [
        {"class": class_id, "value": value, "subject": f"@{number}"}
        for number, each in enumerate(people)
        for class_id, value in (("phone", each.phone), ("email", each.email), ("name", each.name))
    ]
    with world.peer("demo-program", headers={"larets-tenant": "demo"}) as client:
        stored = client.post("/v1/tokenise", json={"items": items}).json()["items"]
        kept = client.post("/v1/files", params={"class": "voice"}, content=b"sound", headers={"content-type": "a/b"})
    subjects = sorted({item["subject"] for item in stored})
    tokens = [item["token"] for item in stored]
    files = [kept.json()["token"]] if kept.is_success else []
    words: dict[str, list[Any]] = {
        "token": [*tokens, *files, "tok_phone_x"],
        "subject": [*subjects, "@1", "@2", "sub_x"],
        "purpose": [*PROGRAM_PURPOSES, "audit", "nonsense"],
        "class": [*CLASSES, "nonsense"],
        "deterministic": ["phone", "phone,email"],
        "columns": ["a:phone,b:email", "token:value", "a:subject,b:phone", "a:keep"],
        "kind": ["random", "deterministic"],
        "match": ["exact", "last4", "domain", "prefix"],
        "value": secrets,
        "text": [f"Позвоните {each.phone}, {each.name}" for each in people[:5]],
        "channel": ["email", "sms", "call", "post"],
        "reason": [*REASONS, "subject_request", "nonsense"],
        "until": [f"{year:04}-{rest}" for year in (1, 2027, 9999) for rest in MOMENTS],
        "given": [f"{year:04}-{rest}" for year in (1, 2026, 9999) for rest in MOMENTS],
        "version": NUMBERS,
        "text_version": NUMBERS,
        "range": ["bytes=0-1", "bytes=-1", "bytes=9-", "bytes=1-0", "lines=1-2"],
        "larets-after": ["0", "1", "999999999999999999"],
        "larets-consistency": ["latest"],
        "idempotency-key": [f"fault-key-{number}" for number in range(5)],
        "template": ["order_status"],
    }
    return Known(words, secrets)


def _callers(world: World, listener: str) -> list[Caller]:
    if listener == "vault":
        host = world.instance.vault_origin.partition("://")[2]
        url = f"http://127.0.0.1:{world.instance.ports.vault}"
        return [Caller(url, partial(_as_staff, world, host, role), _session()) for role in STAFF]
    url = f"https://127.0.0.1:{world.instance.ports.service}"
    found = []
    programs: tuple[tuple[str, Contour], ...] = (("demo-program", "private"), ("crm", "public"))
    for name, contour in (programs[0], *programs):
        certificate = world.instance.tls(contour) / f"{name}.crt"
        tls = {
            "verify": str(world.instance.tls("private") / "ca.crt"),
            "cert": (str(certificate), str(world.instance.secrets(contour) / f"{name}.key")),
        }
        found.append(Caller(url, partial(dict, {"larets-tenant": "demo"}), _session(), tls))
    return found


_bearers: dict[str, tuple[float, str]] = {}


def _as_staff(world: World, host: str, role: str) -> dict[str, str]:
    made, bearer = _bearers.get(role, (0.0, ""))
    if not bearer or time.monotonic() - made > BEARER_SECONDS:
        bearer = world.bearer(role)
        _bearers[role] = (time.monotonic(), bearer)
    return {"host": host, "authorization": f"Bearer {bearer}"}


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session


@pytest.mark.parametrize("listener", ["vault", "service"])
def test_no_breakdown_and_no_value_in_a_refusal(
    world: World, known: Known, listener: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    description = aimed(asyncio.run(described(world.instance))[listener], known)
    with capsys.disabled():
        say(f"\n  {CASES // 2:,} requests to the {listener} listener, FAULT_SEED={SEED}")
        tally = hunt(description, _callers(world, listener), cases=CASES // 2, seed_=SEED, known=known)
        say("  " + ", ".join(f"{told}: {times}" for told, times in sorted(tally.statuses.items())))
    assert tally.faults == {}, json.dumps(tally.examples, ensure_ascii=False, indent=1)
    assert tally.sent >= CASES // 2 * 0.95
    through = {path for path in HOT if tally.statuses[f"{path} 200"]}
    assert through == set(HOT) if CASES == ALL else through, "nothing got through, so nothing was tried"
    log = (world.instance.logs("private") / "vault.log").read_text()
    assert not any(secret in log for secret in known.secrets)
    assert re.findall(r"unexpected \w+ at [^\n]*", log) == []


class _Broken(BaseAdapter):
    """A vault that breaks down, answers in its own words, or repeats what it was sent."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self._fault = fault

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
        answer = requests.Response()
        answer.request, answer.url, answer.status_code = request, str(request.url), 422
        answer.headers["content-type"] = "application/problem+json"
        answer._content = b"{}"
        if self._fault == "breaks down":
            answer.status_code = 500
        elif self._fault == "own words":
            answer.headers["content-type"] = "text/html"
        else:
            answer._content = body
        return answer

    def close(self) -> None:
        """There is nothing to close."""


@pytest.mark.parametrize(
    ("fault", "found"),
    [("breaks down", "status 500"), ("own words", "is no problem"), ("repeats", "422 (holds|repeats)")],
)
def test_the_twin_a_vault_with_the_fault_is_found_out(world: World, known: Known, fault: str, found: str) -> None:
    description = aimed(asyncio.run(described(world.instance))["vault"], known)
    session = _session()
    session.mount("http://", _Broken(fault))
    callers = [Caller("http://127.0.0.1", dict, session)]
    tally = hunt(description, callers, cases=200, seed_=SEED, known=known)
    assert any(re.search(found, told) for told in tally.faults), tally.faults


def test_what_a_refusal_says_by_itself_is_no_echo(known: Known) -> None:
    text = '{"code": "invalid_request", "errors": [{"pointer": "/query", "detail": "int_parsing"}], "sent": "%s"}'
    sent = {"invalid_request", "int_parsing", "string_unicode", "application/problem+json"}
    assert list(faults_of(422, text % "string_unicode", PROBLEM, sent=sent, known=known)) == []
    fresh = uuid4().hex
    told = list(faults_of(422, text % fresh, PROBLEM, sent={*sent, fresh}, known=known))
    assert told == ["422 repeats what was sent"]
