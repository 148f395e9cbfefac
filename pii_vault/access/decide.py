"""The decision: rules and facts in, ruling out. Pure."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pii_vault.access.cells import DEFAULT_POLICY, DEFAULT_REASON, Outcome, Rule, RuleSet
from pii_vault.access.conditions import Condition, Facts, RequestFacts, SubjectFacts
from pii_vault.access.principal import Principal

if TYPE_CHECKING:
    from pii_vault.access.matrix import Matrix

DenialCode = Literal["", "denied", "consent_missing", "blocked"]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What happens, by which policy and why. `reason` is the policy's own sentence and names no value.

    `code` is an item's error code when denied. `missing` lists the conditions that stand between the
    principal and a better outcome, so that a page can offer, say, to confirm by the second factor.
    """

    outcome: Outcome
    policy_id: str
    reason: str
    code: DenialCode = ""
    missing: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision(Ruling):
    """The ruling for a subject with consent and without a block, and what depends on the subject.

    Where `conditions_on_subject` is not empty, ask `for_subject` for each row.
    """

    conditions_on_subject: tuple[Condition, ...] = ()
    rulings: dict[SubjectFacts, Ruling] = field(default_factory=dict, repr=False, compare=False)

    def for_subject(self, subject: SubjectFacts) -> Ruling:
        return self.rulings[subject]


def decide(
    matrix: "Matrix", *, principal: Principal, purpose: str, class_id: str, action: str, facts: RequestFacts
) -> Decision:
    """Decides one class for one request: ask once per class of a request, not per row.

    `reveal` gives allow, or mask where only a mask is permitted, or deny. `mask` gives mask or deny. All
    other actions give allow or deny. A role counts only for the kind of principal it is meant for.
    """
    return matrix.decide(principal, (purpose, class_id, action), facts)


def judge(rules: RuleSet, *, granted: Outcome, facts: Facts) -> Ruling:
    """Forbid wins, then any permit, then denial by default."""
    for rule in rules.forbids:
        if _applies(rule, facts):
            blocked = any(condition.kind == "blocked" for condition in rule.conditions)
            return Ruling("deny", rule.policy_id, rule.reason, "blocked" if blocked else "denied")
    for rule in rules.permits:
        if _applies(rule, facts):
            return Ruling(granted, rule.policy_id, rule.reason)
    return _unpermitted(rules.permits, facts)


def judge_with_mask(rules: RuleSet, mask: RuleSet, *, facts: Facts) -> Ruling:
    """A reveal: the value, else the mask where that is permitted, else denial."""
    ruling = judge(rules, granted="allow", facts=facts)
    if ruling.outcome == "deny":
        masked = judge(mask, granted="mask", facts=facts)
        if masked.outcome == "mask":
            return Ruling("mask", masked.policy_id, masked.reason, missing=ruling.missing)
    return ruling


def subject_conditions(rulings: dict[SubjectFacts, Ruling]) -> tuple[Condition, ...]:
    """Which facts of the subject can change the ruling."""
    found = []
    if any(rulings[SubjectFacts(True, each)] != rulings[SubjectFacts(False, each)] for each in (False, True)):
        found.append(Condition("consent"))
    if any(rulings[SubjectFacts(each, False)] != rulings[SubjectFacts(each, True)] for each in (False, True)):
        found.append(Condition("blocked", holds=False))
    return tuple(found)


def _unpermitted(permits: tuple[Rule, ...], facts: Facts) -> Ruling:
    if not permits:
        return Ruling("deny", DEFAULT_POLICY, DEFAULT_REASON, "denied")
    lacking = [tuple(each for each in rule.conditions if not each.met(facts)) for rule in permits]
    missing = min(lacking, key=len)
    nearest = permits[lacking.index(missing)]
    wants_consent = any(condition.kind == "consent" for condition in missing)
    code: DenialCode = "consent_missing" if wants_consent else "denied"
    return Ruling("deny", nearest.policy_id, nearest.reason, code, missing)


def _applies(rule: Rule, facts: Facts) -> bool:
    return all(condition.met(facts) for condition in rule.conditions)
