"""What must open nothing, asked of every endpoint that browsers, shops and staff reach: one matrix, two grounds.

The ground is an instance of this machine (`test_abuse.py`) or an environment, through its edges (`deployed_abuse.py`).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from tests.e2e.endpoints import Endpoint
from tests.support.persons import person

Headers = dict[str, str]

# What a stranger gets, by the kind of the endpoint: statuses, and the code where the answer is a problem.
REFUSAL: Final[dict[str, tuple[set[int], str | None]]] = {
    "bearer": ({401}, "unauthenticated"),
    "cookie": ({401}, "unauthenticated"),
    "console": ({303}, None),  # to the sign-in
    "page": ({303, 400, 401}, None),
    "form": ({303, 401, 403, 404}, None),
    "signed": ({401}, "wrong_signature"),
    "private": ({403}, "forbidden"),
    "code": ({422}, None),
    "open": ({200, 303, 401, 404}, None),
}
SESSION: Final = re.compile(r'__Host-larets_(vault|console)=[^";]')  # taking one away sends an empty text


@dataclass(frozen=True, slots=True)
class Target:
    """One person of a shop, and the texts that must come out nowhere."""

    token: str
    subject: str
    phone: str
    secrets: tuple[str, ...]
    tenant: str = "demo"

    def body(self, endpoint: Endpoint) -> dict[str, Any]:
        """A request that would be answered, were it made by the right one."""
        verb = endpoint.path.rsplit("/", 1)[-1]
        if verb == "search":
            content: Any = {"purpose": "order_processing", "class": "phone", "value": self.phone}
        elif verb == "tokenise":
            content = {"items": [{"class": "phone", "value": person(92_001).phone}]}
        elif verb in ("reveal", "mask"):
            content = {"purpose": "order_processing", "items": [{"token": self.token}]}
        else:
            return {"data": {"query": self.phone, "login": "demo-sales", "client_id": "crm", "token": "x"}}
        return {"json": content, "headers": {"idempotency-key": "abuse-matrix-1"}}


@dataclass(frozen=True, slots=True)
class Hosts:
    """Clients and origins by host: vault, console, hooks."""

    clients: Mapping[str, httpx.Client]
    origins: Mapping[str, str]

    def own_page(self, host: str) -> Headers:
        """What a browser adds to a request of the host's own page."""
        origin = self.origins[host] if host in ("vault", "console") else "null"
        return {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty", "origin": origin}


def ask(client: httpx.Client, endpoint: Endpoint, target: Target, headers: Headers) -> httpx.Response:
    options = target.body(endpoint) if endpoint.method == "POST" else {}
    headers = headers | options.pop("headers", {})
    address = endpoint.address(
        subject=target.subject, tenant=target.tenant, connector="woocommerce", connection_id="con_x"
    )
    return client.request(endpoint.method, address, headers=headers, **options)


def faults(
    hosts: Hosts, endpoints: Sequence[Endpoint], target: Target, headers: Callable[[Endpoint], Headers]
) -> Iterator[str]:
    """Cells of the browser listener where the answer is not the refusal expected, or holds a value."""
    for endpoint in endpoints:
        if endpoint.host == "service":
            continue
        held = hosts.own_page(endpoint.host) | headers(endpoint)
        answer = ask(hosts.clients[endpoint.host], endpoint, target, held)
        statuses, code = REFUSAL[endpoint.guard]
        if answer.status_code not in statuses:
            yield f"{endpoint}: {answer.status_code}"
        elif code and _code(answer) != code:
            yield f"{endpoint}: {_code(answer)}"
        elif leaked(answer, target):
            yield f"{endpoint}: a value in the answer"
        elif endpoint.guard == "console" and not answer.headers["location"].startswith("/signin?"):
            yield f"{endpoint}: leads to {answer.headers['location']}"
        elif any(SESSION.match(line) for line in answer.headers.get_list("set-cookie")):
            yield f"{endpoint}: gives a session"


SITES: Final = ("same-site", "cross-site", "none", None)


def from_another_page(site: str | None, origin: str) -> Headers:
    """What a browser says of a request that another page's script makes; `None`: it says nothing of the site."""
    return {"origin": origin, "sec-fetch-mode": "cors"} | ({"sec-fetch-site": site} if site else {})


def leaked(answer: httpx.Response, target: Target) -> bool:
    text = f"{answer.headers} {answer.text}"
    return any(secret in text for secret in target.secrets)


def _code(answer: httpx.Response) -> str:
    """Of a problem; what is none may come from an edge."""
    try:
        return str(answer.json().get("code", ""))
    except ValueError:
        return f"{answer.status_code} without a problem"
