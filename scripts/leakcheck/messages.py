"""Messages to a person: a partner of the check's own receives them, answers with persons, and reports on them.

What the staff press in the CRM goes through the whole relay: approved text, queue, sending, the partner's answer, its
report, and the states that come back to the CRM.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import httpx

from pii_vault.relay.destinations import add_destination
from pii_vault.relay.outside import Destination
from pii_vault.relay.template import read_template
from pii_vault.relay.templates import approve, propose
from pii_vault.vault import new_request_id
from scripts.leakcheck.canaries import Person
from scripts.local.instance import Instance, InstanceProblem
from scripts.vault.officer import OfficerDesk, at_desk

NAME: Final = "partner"
TITLES: Final = ("СМС о заказе", "Заявка на доставку")
_WHO: Final = "{{person.name}}, {{person.phone}}, {{person.address}}"
TEMPLATES: Final[tuple[dict[str, Any], ...]] = (
    {
        "id": "leakcheck-sms", "version": 1, "title": TITLES[0], "purpose": "delivery", "destination": NAME,
        "parameters": {"number": "order_number"},
        "sms": {"text": f"Заказ {{{{given.number}}}}: {_WHO}"},
    },
    {
        "id": "leakcheck-parcel", "version": 1, "title": TITLES[1], "purpose": "delivery", "destination": NAME,
        "parameters": {"number": "order_number"},
        "api": {
            "path": "/parcels", "json": {"number": "{{given.number}}", "to": _WHO, "mail": "{{person.email}}"},
            "answer": {"/courier/phone": "phone", "/courier/name": "name", "/track": "keep", "/note": "keep"},
        },
    },
)  # fmt: skip


@dataclass
class Partner:
    """`reports`: where it reports to. `received`: bodies, as they came."""

    courier: Person
    reports: str = ""
    received: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        self.received.append(body)
        who = self.courier
        return {
            "id": f"out-{len(self.received)}",
            "track": "7001",
            "note": f"{who.name}, {who.phone}",
            "courier": {"phone": who.phone, "name": who.name},
            "error": who.text,
        }

    def report(self, instance: Instance) -> None:
        """Delivered, with everything that a careless provider adds."""
        address = f"http://127.0.0.1:{instance.ports.vault}{self.reports}"
        headers = {"host": instance.hooks_origin.partition("://")[2]}
        who = self.courier
        for number, _ in enumerate(self.received, start=1):
            body = {"id": f"out-{number}", "status": "delivered", "to": who.phone, "text": who.text}
            httpx.post(address, json=body, headers=headers, trust_env=False).raise_for_status()

    def require_received(self, number: int) -> None:
        """Raises InstanceProblem: fewer came, or without a person in them, so the check would prove little."""
        filled = [body for body in self.received if "{{" not in json.dumps(body) and "@" in json.dumps(body)]
        if len(self.received) != number or not filled:
            message = (
                f"the partner received {len(self.received)} messages, {len(filled)} with a person: expected {number}"
            )
            raise InstanceProblem(message)


@contextmanager
def partner(instance: Instance, shop: str, courier: Person) -> Iterator[Partner]:
    """Listed as a destination of the shop, with approved templates that lead to it."""
    made = Partner(courier)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            content = json.dumps(made.answer(body)).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name="partner", daemon=True)
    thread.start()
    try:
        made.reports = at_desk(lambda desk: _listed(desk, shop, port=server.server_port), of=instance)
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


async def _listed(desk: OfficerDesk, shop: str, *, port: int) -> str:
    """The path of the partner's reports."""
    destination = Destination(NAME, "http", f"http://127.0.0.1:{port}", "SHOP")
    end = await add_destination(desk.place.vault_database_url, desk.vault.keys, destination, tenant=shop, local=True)
    for content in TEMPLATES:
        template = read_template(content)
        await propose(desk.vault, desk.officer(shop, "leakcheck-one"), template, request_id=new_request_id())
        await approve(
            desk.vault, desk.officer(shop, "leakcheck-other"), template=template.id, version=template.version,
            digest=template.digest, request_id=new_request_id(),
        )  # fmt: skip
    return f"/relay/{shop}/{NAME}/{end}"
