"""The whole check, in order: plant, work, look into memory, knock at the edge, leak on purpose, scan everything."""

import asyncio
import time
from dataclasses import asdict, dataclass
from typing import Any, Final

import httpx

from scripts.leakcheck import edge, sources, twin, vault_calls
from scripts.leakcheck.canaries import Canaries
from scripts.leakcheck.crew import Crew, Found
from scripts.leakcheck.edge import EdgeResult
from scripts.leakcheck.erasure import erase_one
from scripts.leakcheck.pages import Pages
from scripts.leakcheck.residual import residual_risks
from scripts.leakcheck.rig import Rig, Say, rig
from scripts.leakcheck.scan import Hit
from scripts.leakcheck.webhooks import Webhooks, provoke_errors, wait_for_outbox
from scripts.local.journey import bearer_tokens

BY_DESIGN: Final = (
    "kernel buffers and swap: not readable per process",
    "memory at other moments than the one after the work: what was freed and overwritten before is not seen",
    "memory after the edge was tried: what is refused there has been in the request by then",
    "files elsewhere that were closed again: public processes have a temporary folder of their own, which is read",
    "browser, vault and private PostgreSQL: they hold persons by design",
    "bare names in goods' titles and UTM marks: the shop's own wording, which no form tells from a person",
)


@dataclass(frozen=True)
class Report:
    """What the run has shown. `hits` are leaks; the twin's own and each edge value's own connection are not."""

    canaries: int
    scanned: dict[str, int]
    hits: list[Hit]
    edge: EdgeResult
    twin: dict[str, str]
    not_scanned: list[str]
    residual: list[str]  # risks that an officer took
    seconds: float

    @property
    def ok(self) -> bool:
        seen = bool(self.twin) and "missed" not in self.twin.values()
        return not self.hits and self.edge.refused == self.edge.sent and seen

    def for_programs(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "canaries": self.canaries,
            "channels": sorted(self.scanned),
            "scanned": dict(sorted(self.scanned.items())),
            "hits": [asdict(hit) for hit in self.hits],
            "edge": {"sent": self.edge.sent, "refused": self.edge.refused, "accepted": self.edge.accepted},
            "negative_twin": self.twin,
            "not_scanned": self.not_scanned,
            "residual_risk": self.residual,
            "seconds": round(self.seconds, 1),
        }


def run_check(*, keep: bool, say: Say) -> Report:
    started = time.monotonic()

    def step(text: str) -> None:
        say(f"{time.monotonic() - started:6.1f} s  {text}")

    with rig(keep=keep, say=step) as running:
        canaries = Canaries()
        bearers = bearer_tokens(running.instance, running.demo)
        _plant(running, canaries, bearers, step)
        planted = canaries.planted
        edges = edge.prepare(canaries, bearer=bearers["crm"])
        planted_on_purpose = twin.Twin(canaries)
        leaks = twin.prepare(planted_on_purpose, secret=running.instance.secret("public", "larets_app.password"))
        found = Found()
        with Crew(canaries.forms) as crew, twin.processes(leaks) as doubles:
            step(f"memory and environments ({len(canaries.forms)} values to look for)")
            processes = sources.public_processes(running)
            crew.scan([*sources.memories(processes | doubles), *sources.environments(processes | doubles)], found)
            step("persons straight to the public edge")
            at_edge = edge.send(running, edges)
            step("leaks on purpose")
            with twin.leaked(running, leaks):
                step("tables, queue, write-ahead log, files, logs, recordings")
                crew.scan(sources.tables(running), found)
                sources.settle(running)
                crew.scan(sources.open_files(running, processes), found)
                crew.scan(sources.files(running), found)
                crew.scan(sources.recordings(running), found)
        residual = residual_risks(running)
        step("stopping")
    return Report(
        canaries=planted + len(edges),
        scanned=found.scanned,
        hits=[hit for hit in found.hits if _is_leak(hit, at_edge)],
        edge=at_edge,
        twin=planted_on_purpose.verdicts(found) | {"values at the edge": at_edge.recorded(found.hits)},
        not_scanned=[*found.unread, *BY_DESIGN],
        residual=residual,
        seconds=time.monotonic() - started,
    )


def _plant(running: Rig, canaries: Canaries, bearers: dict[str, str], step: Say) -> None:
    step("webhooks with persons in every field")
    hooks = Webhooks(running, canaries)
    hooks.all()
    step("errors while orders are on their way")
    provoke_errors(running, hooks)
    known = hooks.plain("known to the staff")
    wait_for_outbox(running)
    step("vault API")
    vault_calls.plant(running, canaries, bearers)
    step("REST API")
    use_api(running, bearers["crm"])
    asyncio.run(Pages(running, canaries, known=known, step=step).drive())
    wait_for_outbox(running)
    step("a person is erased")
    erase_one(running)


def use_api(running: Rig, bearer: str) -> None:
    """The usual calls of a program of the shop, right and wrong."""
    headers = {"host": running.instance.crm_origin.partition("://")[2], "authorization": f"Bearer {bearer}"}
    address = f"http://127.0.0.1:{running.instance.ports.target('crm')}"
    with httpx.Client(base_url=address, headers=headers, trust_env=False, timeout=20) as client:
        page = client.get("/api/v1/orders", params={"limit": 30}).raise_for_status().json()
        for order in page["data"][:3]:
            card = client.get(f"/api/v1/orders/{order['id']}")
            tag = {"if-match": card.headers.get("etag", "")}
            client.patch(f"/api/v1/orders/{order['id']}", json={"status": "completed"}, headers=tag)
            client.patch(f"/api/v1/orders/{order['id']}", json={"status": "no such"}, headers=tag)
        for contact in client.get("/api/v1/contacts", params={"limit": 3}).raise_for_status().json()["data"]:
            client.get(f"/api/v1/contacts/{contact['id']}")
            client.get(f"/api/v1/contacts/{contact['id']}/timeline")
        for path in ("/api/v1/orders?cursor=broken", "/api/v1/orders/ord_none", "/api/v1/openapi.json"):
            client.get(path)


def _is_leak(hit: Hit, at_edge: EdgeResult) -> bool:
    return not hit.canary.startswith(f"{twin.PREFIX}, ") and not at_edge.at_home(hit)
