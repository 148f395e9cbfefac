"""Applies a plan: previews again, refuses when the digest differs, lets the engine take no step that is not in it."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from scripts.env.engine import Engine, Step
from scripts.env.environment import Environment
from scripts.env.errors import Blocked, ForeignStep, PlanChanged
from scripts.env.glance import glance
from scripts.env.journal import Journal
from scripts.env.live import manifest_of, put_back
from scripts.env.notary import Notary, Registration
from scripts.env.plan import ADOPT, CREATE, DELETES, REPAIR, SAME, UPDATE, Plan, PlannedStep, parted
from scripts.env.planning import draft_plan
from scripts.env.releases import keep
from scripts.voice import say

SHOWN = 20
# What the engine calls the steps that a plan tells more of than it knows.
ENGINES: Final = {REPAIR: SAME, ADOPT: CREATE}


def apply_plan(environment: Environment, approved: Plan, *, quiet: bool = False) -> dict[str, Any]:
    """Brings the contour to what the plan shows.

    Raises:
        Blocked: a rule or the API server refuses it, by now or since it was planned; nothing was touched.
        PlanChanged: something slipped in between; nothing was touched.
        ForeignStep: the engine was about to do something else; it was stopped.
    """
    _refuse_blocked(approved, "the plan has findings that block it")
    draft = glance(environment, approved) or draft_plan(environment, quiet=quiet)
    fresh = draft.plan
    _refuse_blocked(fresh, "since the plan was made, this has come to stand against it")
    if fresh.digest != approved.digest:
        told = list(parted(approved, fresh))
        more = f"\n  … and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
        raise PlanChanged("what would be done now is not what the plan shows:\n  " + "\n  ".join(told[:SHOWN]) + more)
    journal = Journal(environment.contour)
    done: Counter[str] = Counter()
    if not approved.empty:
        with journal.applying(approved):
            for engine in environment.engines:
                steps = approved.of(engine.program.stack)
                done.update(_bring_up(environment, engine, steps, quiet=quiet))
                done.update(_repair(environment, steps, draft.registrations, quiet=quiet))
    elif journal.interrupted():
        journal.finished()  # whatever was left of it, all is now as planned
    answer = {
        "environment": approved.environment,
        "contour": approved.side,
        "digest": approved.digest,
        "provider": fresh.provider,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "release": approved.release,
        "steps": dict(sorted(done.items())),
        "unchanged": sum(step.idle for step in approved.steps),
    }
    journal.add(answer)
    keep(environment.contour, answer)
    return answer


def _refuse_blocked(plan: Plan, told: str) -> None:
    """Findings are no part of the digest: a plan may be the same and its breach new."""
    found = [f"{one.rule}: {one.object}: {one.reason}" for one in plan.findings if one.blocks]
    if found:
        more = f"\n  … and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise Blocked(f"{told}:\n  " + "\n  ".join(found[:SHOWN]) + more)


def _bring_up(environment: Environment, engine: Engine, steps: list[PlannedStep], *, quiet: bool) -> Counter[str]:
    done: Counter[str] = Counter()
    engineered = [step for step in steps if step.op not in {SAME, REPAIR}]
    if engineered:
        say(f"  {environment.contour.side}: {engine.program.stack}: {len(engineered)} steps …")
        planned = {step.urn: step.inputs for step in steps if step.op not in DELETES}
        watch = Watch(steps, said=None if quiet else say)
        engine.up(Notary(environment.key, planned=planned), on_step=watch.on_step)
        watch.finish()
        done.update(step.op for step in engineered)
    return done


class Watch:
    """Holds the engine's steps against the plan's."""

    def __init__(self, steps: list[PlannedStep], *, said: Callable[[str], None] | None = None) -> None:
        self._left = Counter((step.urn, ENGINES.get(step.op, step.op)) for step in steps)
        self._names = {step.urn: step.object for step in steps}
        self._said = said
        self._total = sum(step.op not in {SAME, REPAIR} for step in steps)
        self._done = 0

    def on_step(self, step: Step) -> None:
        """Raises ForeignStep."""
        at = (step.urn, step.op)
        if not self._left[at]:
            name = self._names.get(step.urn, step.urn.rsplit("::", 1)[-1])
            raise ForeignStep(f"the engine was about to {step.op} {name}, which is not in the plan; it was stopped")
        self._left[at] -= 1
        if step.op != SAME:
            self._done += 1
            if self._said:
                self._said(f"    {self._done:3}/{self._total} {step.op:8} {self._names[step.urn]}")

    def finish(self) -> None:
        """Raises ForeignStep: the engine left planned steps out."""
        lacking = [f"{op} {self._names[urn]}" for (urn, op), count in self._left.items() if count and op != SAME]
        if lacking:
            raise ForeignStep(f"the engine did not take planned steps: {', '.join(sorted(lacking))}")


def _repair(
    environment: Environment, steps: list[PlannedStep], registrations: Mapping[str, Registration], *, quiet: bool
) -> Counter[str]:
    """Puts drifted objects back, those too that the engine has touched: it leaves what others added where it is."""
    done: Counter[str] = Counter()
    for step in steps:
        if step.op == REPAIR or (step.op in {UPDATE, ADOPT} and step.changes and not step.unknown):
            if not quiet and step.op == REPAIR:
                say(f"            repair   {step.object}")
            put_back(environment.cluster(), manifest_of(registrations[step.urn].inputs))
            done.update([REPAIR] * (step.op == REPAIR))
    return done


def read_history(environment: Environment) -> list[dict[str, Any]]:
    path = environment.contour.folder / "history.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
