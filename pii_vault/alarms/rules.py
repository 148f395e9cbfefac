"""What is unusual: figures of an hour in, findings out. Pure, and of no values: counts of acts and persons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Final, Literal

from pii_vault.access.conditions import moscow_hour
from pii_vault.alarms.policy import AlarmPolicy, Volume

Kind = Literal["volume_person", "volume_role", "off_hours", "search_sweep", "refusals", "over_budget", "witness_silent"]
SHOWN: Final = frozenset({"reveal", "export"})
LOOKS: Final = frozenset({"reveal", "mask", "search", "export"})
OVER_BUDGET: Final = frozenset({"budget_exceeded", "relay_budget_exceeded"})
# Of a relay's records those that say no to an order; intents and what became of dispatches are no refusals.
RELAY_REFUSED: Final = frozenset({"forbidden", "consent_missing", "outside_hours", "unknown_template", "asked_often"})


@dataclass(frozen=True, slots=True)
class Who:
    tenant: str
    kind: str  # staff or service; for a role's own figures "role"
    id: str


@dataclass(slots=True)
class Activity:
    """What one principal did within one clock hour."""

    persons: int = 0
    searches: int = 0
    misses: int = 0
    refused: int = 0
    over_budget: int = 0

    def add(self, other: "Activity") -> None:
        self.persons += other.persons
        self.searches += other.searches
        self.misses += other.misses
        self.refused += other.refused
        self.over_budget += other.over_budget


@dataclass(frozen=True, slots=True)
class Finding:
    """The first figure of `counts` is the one that went over `limit`."""

    kind: Kind
    counts: dict[str, int]

    @property
    def step(self) -> int:
        """How many times the limit was doubled: each doubling is an alarm of its own, whoever acknowledged the last."""
        return max(1, next(iter(self.counts.values())) // self.counts["limit"]).bit_length() - 1


def activity_of(verb: str, decision: str, counts: Mapping[str, Mapping[str, int]], persons: int) -> Activity:
    """What one audit record adds. `counts` is outcome → class → how many."""
    if decision in OVER_BUDGET:
        return Activity(over_budget=1)
    if verb == "tokenise":
        return _stored(decision, counts)
    if verb not in LOOKS:
        return Activity(refused=int(verb == "relay" and decision in RELAY_REFUSED))
    if decision not in {"allow", "mask"}:
        return Activity(refused=1)
    denied = sum(counts.get("denied", {}).values())
    if verb == "search":
        found = sum(counts.get("found", {}).values())
        return Activity(searches=1, misses=int(not found), refused=denied)
    shown = sum(counts.get("value", {}).values()) if verb in SHOWN else 0
    return Activity(persons=min(persons, shown), refused=int(denied > 0))


def _stored(decision: str, counts: Mapping[str, Mapping[str, int]]) -> Activity:
    """Values that were to be found with whoever has them are searches, each one (ADR 0011)."""
    searched, found = (sum(counts.get(outcome, {}).values()) for outcome in ("searched", "found"))
    refused = decision not in {"allow", "deny"} or bool(counts.get("denied"))
    return Activity(searches=searched, misses=max(0, searched - found), refused=int(refused))


def judge_principal(
    policy: AlarmPolicy, who: Who, hour: datetime, done: Activity, history: Sequence[int]
) -> list[Finding]:
    """Findings on one principal's hour; `history` holds the persons shown in its earlier busy hours."""
    staff = who.kind == "staff"
    found = _volume("volume_person", policy.volume.staff if staff else policy.volume.program, done.persons, history)
    if staff and policy.off_hours.covers(moscow_hour(hour)) and done.persons > policy.off_hours.persons:
        found.append(Finding("off_hours", {"persons": done.persons, "limit": policy.off_hours.persons}))
    if done.searches > policy.sweep.searches or done.misses > policy.sweep.misses:
        by_number = done.searches > policy.sweep.searches
        figures = {"searches": done.searches} if by_number else {"misses": done.misses}
        limit = policy.sweep.searches if by_number else policy.sweep.misses
        found.append(Finding("search_sweep", figures | {"limit": limit}))
    if done.refused > policy.refusals:
        found.append(Finding("refusals", {"refused": done.refused, "limit": policy.refusals}))
    if done.over_budget >= policy.over_budget:
        found.append(Finding("over_budget", {"refused": done.over_budget, "limit": policy.over_budget}))
    return found


def judge_role(policy: AlarmPolicy, persons: int, history: Sequence[int]) -> list[Finding]:
    """Findings on all members of a role together."""
    return _volume("volume_role", policy.volume.role, persons, history)


def _volume(kind: Kind, rule: Volume, persons: int, history: Sequence[int]) -> list[Finding]:
    usual = int(median(history)) if history else 0
    limit = max(rule.floor, rule.times * usual)
    return [Finding(kind, {"persons": persons, "usual": usual, "limit": limit})] if persons > limit else []
