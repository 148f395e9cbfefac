"""The whole check, in order: plant, work, look into memory, knock at the edge, leak on purpose, scan everything."""

import asyncio
import time
from typing import Final

from scripts.leakcheck import classified, edge, origin, sources, twin, vault_calls
from scripts.leakcheck.canaries import Canaries
from scripts.leakcheck.classified import Classified, is_residual
from scripts.leakcheck.crew import Crew, Found
from scripts.leakcheck.edge import EdgeResult
from scripts.leakcheck.faults import provoke_errors, wait_for_outbox
from scripts.leakcheck.local_ground import LocalGround
from scripts.leakcheck.messages import partner
from scripts.leakcheck.pages import Pages
from scripts.leakcheck.report import Report
from scripts.leakcheck.residual import residual_risks
from scripts.leakcheck.rig import Rig, Say, rig
from scripts.leakcheck.scan import Hit
from scripts.leakcheck.use import use_api
from scripts.leakcheck.webhooks import Webhooks
from scripts.smoke.local import bearer_tokens

BY_DESIGN: Final = (
    "kernel buffers and swap: not readable per process",
    "memory at other moments than the one after the work: what was freed and overwritten before is not seen",
    "memory after the edge was tried: what is refused there has been in the request by then",
    "files elsewhere that were closed again: public processes have a temporary folder of their own, which is read",
    "browser, vault and private PostgreSQL: they hold persons by design",
    "bare names in goods' titles and UTM marks: the shop's own wording, which no form tells from a person",
)


def run_check(*, keep: bool, say: Say) -> Report:
    started = time.monotonic()

    def step(text: str) -> None:
        say(f"{time.monotonic() - started:6.1f} s  {text}")

    with rig(keep=keep, say=step) as running:
        canaries = Canaries()
        bearers = bearer_tokens(running.instance, running.demo)
        ground = LocalGround(running, bearer=bearers["crm"])
        crossed = _plant(running, ground, canaries, bearers, step)
        planted = canaries.planted
        edges = edge.prepare(canaries, signed=ground.signed())
        planted_on_purpose = twin.Twin(canaries)
        leaks = twin.prepare(planted_on_purpose, secret=running.instance.secret("public", "larets_app.password"))
        found = Found()
        with Crew(canaries.forms) as crew, twin.processes(leaks) as doubles:
            step(f"memory and environments ({len(canaries.forms)} values to look for)")
            processes = sources.public_processes(running)
            crew.scan([*sources.memories(processes | doubles), *sources.environments(processes | doubles)], found)
            step("persons straight to the public edge")
            at_edge = edge.send(ground, edges)
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
    texts = Classified.of(crossed, found)
    return Report(
        canaries=planted + len(edges),
        scanned=found.scanned,
        hits=[hit for hit in found.hits if _is_leak(hit, at_edge)],
        edge=at_edge,
        twin=planted_on_purpose.verdicts(found)
        | {"values at the edge": at_edge.recorded(found.hits), "a miss of the classifier": texts.verdict},
        not_scanned=[*found.unread, *BY_DESIGN],
        residual=residual,
        classified=texts,
        seconds=time.monotonic() - started,
    )


def _plant(running: Rig, ground: LocalGround, canaries: Canaries, bearers: dict[str, str], step: Say) -> int:
    """Returns how many texts crossed with tokens in place."""
    step("webhooks with persons in every field")
    hooks = Webhooks(ground, canaries)
    hooks.all()
    step("errors while orders are on their way")
    provoke_errors(running, hooks)
    known = hooks.plain("known to the staff")
    wait_for_outbox(running)
    step("vault API")
    vault_calls.plant(running, canaries, bearers)
    step("REST API")
    use_api(ground)
    with partner(
        running.instance, running.demo["tenant"], canaries.person("a partner's answers and reports")
    ) as received:
        asyncio.run(Pages(running, canaries, known=known, partner=received, step=step).drive())
    wait_for_outbox(running)
    step("a person is erased")
    ground.erase_one()
    step("texts that cross with tokens in place, where the officer let them")
    crossed = classified.plant(running, canaries, hooks, bearer=bearers["crm"])
    wait_for_outbox(running)
    classified.require_crossed(running, crossed)
    step("a new origin of the audit log")
    origin.plant(running, canaries)
    return crossed


def _is_leak(hit: Hit, at_edge: EdgeResult) -> bool:
    return not (hit.canary.startswith(f"{twin.PREFIX}, ") or at_edge.at_home(hit) or is_residual(hit))
