"""Persons sent straight at the public edge, each on a connection of its own: the edge must refuse them."""

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from pii_vault.core.checksums import inn_is_valid, luhn_is_valid, snils_is_valid
from scripts.leakcheck.canaries import Canaries, digits, latin, phone
from scripts.leakcheck.ground import Ground
from scripts.leakcheck.scan import Hit
from scripts.leakcheck.sources import DECODED

REFUSED: Final = 422
CODE: Final = b"personal_data_in_clear"
JSON: Final = {"content-type": "application/json"}
FORM: Final = {"content-type": "application/x-www-form-urlencoded"}


def _valid(make: Callable[[], str], check: Callable[[str], bool]) -> str:
    while not check(value := make()):
        pass
    return value


def values() -> dict[str, str]:
    """A fresh value of each class that has a form to be recognised by."""
    number = phone()
    return {
        "phone": phone(),
        "phone in groups": f"8 ({number[2:5]}) {number[5:8]}-{number[8:10]}-{number[10:]}",
        "email": f"{latin(14)}@example.ru",
        "INN": _valid(lambda: "77" + digits(10), inn_is_valid),
        "SNILS": _valid(lambda: "1" + digits(10), snils_is_valid),
        "card": _valid(lambda: "2202" + digits(12), luhn_is_valid),
    }


@dataclass(frozen=True, slots=True)
class Request:
    """One way to hand something to the CRM. A header that it does not read is dropped, not refused."""

    name: str
    method: str
    path: str
    headers: dict[str, str]
    body: str = ""
    must_refuse: bool = True


def requests(value: str, *, signed: Mapping[str, str]) -> Iterator[Request]:
    """`signed`: by which the CRM knows who asks."""
    by = dict(signed)
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in value)
    yield Request("path", "GET", f"/orders/{quote(value)}", {})
    yield Request("query", "GET", f"/orders?{urlencode({'q': value})}", {})
    yield Request("query's name", "GET", f"/orders?{quote(value)}=1", {})
    yield Request("static path", "GET", f"/static/0/{quote(value)}.js", {})
    yield Request("form", "POST", "/orders/found", FORM, urlencode({"subject": value}))
    yield Request("form's name", "POST", "/orders/found", FORM, urlencode({value: "1"}))
    yield Request("JSON", "POST", "/api/v1/contacts", JSON | by, json.dumps({"subject": value, "tokens": {}}))
    yield Request("JSON key", "POST", "/api/v1/contacts", JSON | by, json.dumps({"tokens": {value: "1"}}))
    yield Request("JSON, escaped", "POST", "/api/v1/contacts", JSON | by, f'{{"subject": "{escaped}"}}')
    yield Request("API query", "GET", f"/api/v1/orders?{urlencode({'number': value})}", by)
    yield Request("idempotency key", "POST", "/api/v1/contacts", JSON | by | {"idempotency-key": value}, "{}")
    yield Request("cookie", "GET", "/orders", {"cookie": f"who={quote(value)}"})
    yield Request("referrer", "GET", "/orders", {"referer": f"https://x.example/?t={quote(value)}"}, must_refuse=False)
    yield Request("user agent", "GET", "/orders", {"user-agent": f"Browser ({value})"}, must_refuse=False)
    yield Request("forwarded", "GET", "/nowhere", {"x-forwarded-for": value, "x-who": value}, must_refuse=False)
    yield Request("broken JSON", "POST", "/api/v1/contacts", JSON | by, f'{{"a": "{value}', must_refuse=False)


@dataclass(frozen=True, slots=True)
class EdgeResult:
    """`homes`: label of a value → the one recording in which it may stand. `accepted`: what was let through."""

    sent: int
    refused: int
    homes: dict[str, str]
    accepted: list[str]

    def at_home(self, hit: Hit) -> bool:
        home = self.homes.get(hit.canary)
        return home is not None and hit.place.removesuffix(DECODED) == home

    def recorded(self, hits: Iterable[Hit]) -> str:
        """Whether each value was seen where it was sent: what the relay missed there it could miss anywhere."""
        return "caught" if {hit.canary for hit in hits if self.at_home(hit)} == set(self.homes) else "missed"


def prepare(canaries: Canaries, *, signed: Mapping[str, str]) -> list[tuple[str, Request]]:
    """Every class by every way, each with a value of its own."""
    ways = [request.name for request in requests("", signed={})]
    prepared = []
    for way in range(len(ways)):
        for kind, value in values().items():
            label = f"edge, {kind} in {ways[way]}"
            canaries.value(label, value)
            prepared.append((label, list(requests(value, signed=signed))[way]))
    secrets.SystemRandom().shuffle(prepared)
    return prepared


def send(
    ground: Ground, prepared: list[tuple[str, Request]], *, heard: Callable[[bytes], None] | None = None
) -> EdgeResult:
    """`heard` is told every answer."""
    homes: dict[str, str] = {}
    refused, accepted = 0, []
    for label, request in prepared:
        port, status, body = _send(ground, request)
        if heard is not None:
            heard(body)
        homes[label] = f"crm-{port}.received"
        if status == REFUSED and CODE in body:
            refused += request.must_refuse
        elif request.must_refuse:
            accepted.append(f"{label}: answered {status}")
    return EdgeResult(sum(request.must_refuse for _, request in prepared), refused, homes, accepted)


def _send(ground: Ground, request: Request) -> tuple[int, int, bytes]:
    connection = ground.crm_connection()
    try:
        connection.connect()
        own_port = int(connection.sock.getsockname()[1])
        headers = {"host": ground.crm_host, "connection": "close"} | request.headers
        connection.request(request.method, request.path, body=request.body.encode() or None, headers=headers)
        answer = connection.getresponse()
        return own_port, answer.status, answer.read()
    finally:
        connection.close()
