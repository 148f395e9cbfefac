"""What a cell of the matrix is made of: the rules that speak to it, and what they come to at best. Pure."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

from pii_vault.access.conditions import Condition

Outcome = Literal["allow", "mask", "deny"]
Effect = Literal["permit", "forbid"]
Action = Literal["reveal", "mask", "search", "tokenise", "relay", "export", "erase", "audit"]
ACTIONS: Final[tuple[str, ...]] = get_args(Action)

DEFAULT_POLICY: Final = "default-deny"
DEFAULT_REASON: Final = "Ни одно правило этого не разрешает."


@dataclass(frozen=True, slots=True)
class Rule:
    """One way for a policy to apply: when all its conditions are met."""

    policy_id: str
    reason: str
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Grant:
    """A rule and the part of the matrix it speaks to: every combination of its four sets."""

    effect: Effect
    rule: Rule
    roles: frozenset[str]
    purposes: frozenset[str]
    classes: frozenset[str]
    actions: frozenset[str]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of one place of the matrix."""

    permits: tuple[Rule, ...] = ()
    forbids: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """What may happen at best, the conditions for it, and the policy that says so.

    In a cell of `reveal`, `mask` means that a mask is given in place of the value. `permits` and `forbids`
    are all the rules of the cell; `conditions` are those of the easiest permit and of the prohibitions,
    these turned round.
    """

    outcome: Outcome
    conditions: tuple[Condition, ...]
    policy_id: str
    reason: str
    permits: tuple[Rule, ...] = ()
    forbids: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A cell with its place, for the officer's page."""

    role: str
    purpose: str
    class_id: str
    action: str
    cell: Cell


NO_RULES: Final = RuleSet()
DENIED: Final = Cell("deny", (), DEFAULT_POLICY, DEFAULT_REASON)


def joined(sets: list[RuleSet]) -> RuleSet:
    """The rules of several roles together: a prohibition of one holds for all."""
    return RuleSet(
        tuple(rule for rules in sets for rule in rules.permits),
        tuple(rule for rules in sets for rule in rules.forbids),
    )


def best_cell(action: str, rules: RuleSet, mask: RuleSet) -> Cell:
    """The cell of these rules. `mask` are the rules of the action `mask` at the same place."""
    cell = _best_of(rules, "mask" if action == "mask" else "allow")
    if action != "reveal" or cell.outcome == "allow":
        return cell
    masked = _best_of(mask, "mask")
    if masked.outcome == "deny":
        return cell
    return Cell("mask", masked.conditions, masked.policy_id, masked.reason, rules.permits, rules.forbids)


def _best_of(rules: RuleSet, granted: Outcome) -> Cell:
    absolute = next((rule for rule in rules.forbids if not rule.conditions), None)
    if absolute is not None or not rules.permits:
        by = absolute or Rule(DEFAULT_POLICY, DEFAULT_REASON)
        return Cell("deny", (), by.policy_id, by.reason, rules.permits, rules.forbids)
    easiest = min(rules.permits, key=lambda rule: len(rule.conditions))
    limits = tuple(condition.opposite() for rule in rules.forbids for condition in rule.conditions)
    conditions = tuple(dict.fromkeys(easiest.conditions + limits))
    return Cell(granted, conditions, easiest.policy_id, easiest.reason, rules.permits, rules.forbids)
