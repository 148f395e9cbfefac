"""What callers feel while every key of a shop goes under a new key-encryption key.

Persons are filled in by COPY, each with one value under a key of its own. Then single values are revealed at a fixed
rate, by the clock, first with nothing else to do and then until `larets keys rewrap` has ended; at the end every key
lies under the new version, and persons whom nobody had looked at are revealed by the re-wrapped ones.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from scripts.bench.client import Load
from scripts.bench.figures import Bar, percentile
from scripts.bench.growth import Filler, filler_of, settle
from scripts.bench.persons import reveal_requests
from scripts.bench.stage import Stage
from scripts.bench.vault_api import VaultBench
from scripts.local.instance import ROOT, InstanceProblem
from scripts.voice import say

RATE: Final = 1500.0  # reveals a second: half of what single reveals must reach
TURN_SECONDS: Final = 5.0
QUIET_TURNS: Final = 4
MOST_SLOWER: Final = 2.0


@dataclass(frozen=True, slots=True)
class Felt:
    """What callers felt, in milliseconds from the moment a request was due."""

    p50_ms: float
    p99_ms: float
    answers: int
    failures: int

    def for_programs(self) -> dict[str, Any]:
        return {
            "p50_ms": round(self.p50_ms, 2),
            "p99_ms": round(self.p99_ms, 2),
            "answers": self.answers,
            "failures": self.failures,
        }


def felt(loads: Sequence[Load]) -> Felt:
    took = sorted(each / 1e6 for load in loads for each in load.took_ns)
    failures = sum(load.failures for load in loads)
    return Felt(percentile(took, 0.5), percentile(took, 0.99), len(took), failures)


def verdict(keys: int, done: dict[str, Any], quiet: Felt, during: Felt, *, left: int, unread: int) -> dict[str, Any]:
    """The answer. `done` is what `larets keys rewrap` told of the shop; `left`: keys still under older versions."""
    slower = Bar("ratio", MOST_SLOWER, most=True)
    ratio = during.p99_ms / quiet.p99_ms
    failures = quiet.failures + during.failures + unread
    finished = not left and not done["damaged"] and done["rows"] >= keys and not failures
    bars = [
        {"bar": "every key under the new version, nothing failed", "holds": finished},
        {"bar": f"p99 {slower} of the quiet one", "holds": slower.cleared(ratio)},
    ]
    return {
        "name": "rewrap",
        "keys": done["rows"],
        "seconds": round(done["seconds"], 1),
        "keys_per_second": done["rows_per_second"],
        "left": left,
        "damaged": done["damaged"],
        "rate": RATE,
        "quiet": quiet.for_programs(),
        "during": during.for_programs(),
        "ratio": round(ratio, 2),
        "bars": bars,
        "holds": all(bar["holds"] for bar in bars),
    }


def rewrap_under_load(api: VaultBench, keys: int) -> dict[str, Any]:
    """Fills in so many persons, rotates and re-wraps their keys, and tells what was felt meanwhile."""
    stage = api.stage
    filler = filler_of(stage, per_person=1)
    say(f"filling in {keys:,} persons")
    asyncio.run(filler.fill(stage.instance.database_url("private", "runtime"), keys))
    settle(stage.instance.superuser_url("private"))
    requests = reveal_requests(api.warm_tokens(), batch=1, headers=stage.headers)

    def turn() -> Load:
        return api.load(requests, 1, seconds=TURN_SECONDS, rate=RATE, repeat=True)

    turn()
    quiet = felt([turn() for _ in range(QUIET_TURNS)])
    say(f"  quiet: p50 {quiet.p50_ms:.1f}, p99 {quiet.p99_ms:.1f} ms; rotating and re-wrapping")
    _larets(stage, "rotate").communicate()
    running = _larets(stage, "rewrap")
    loads = []
    while running.poll() is None:
        loads.append(turn())
        say(f"  {_left(stage):,} keys left")
    told, _ = running.communicate()
    during = felt(loads)
    return verdict(keys, json.loads(told)[0], quiet, during, left=_left(stage), unread=_unread(api, filler))


def _larets(stage: Stage, verb: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "scripts.main", "keys", verb, "--tenant", stage.tenant, "--json"]
    environment = {**os.environ, "LARETS_HOME": str(stage.instance.home)}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def _left(stage: Stage) -> int:
    """Keys of the shop that lie under an older version than the newest there is."""
    with psycopg.connect(stage.instance.superuser_url("private")) as connection:
        row = connection.execute(
            "SELECT count(*) FROM dek WHERE kek_version < (SELECT target FROM rewrap_progress WHERE tenant = %s)"
            " AND tenant_key = (SELECT key FROM tenant WHERE id = %s)",
            (stage.tenant, stage.tenant),
        ).fetchone()
    if row is None:
        raise InstanceProblem("no progress of the re-wrap was found")
    return int(row[0])


def _unread(api: VaultBench, filler: Filler) -> int:
    """Of the persons nobody had looked at: how many requests for their values failed, or gave not all of them."""
    requests = reveal_requests(filler.tokens(), batch=1000, headers=api.stage.headers)
    seen = api.load(requests, 1000, keep_answers=True)
    lacking = [body for body in seen.bodies if any("value" not in item for item in json.loads(body)["items"])]
    return seen.failures + len(lacking)
