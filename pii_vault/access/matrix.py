"""The compiled matrix: role × purpose × class × action → allow, mask or deny, with conditions. Pure.

The same object is what the officer reads, what the tests assert and what the hot path looks up. Everything
not written in it is denied, and a rule that forbids wins over any that permits.
"""

import hashlib
import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from itertools import product
from types import MappingProxyType

from pii_vault.access.cells import (
    ACTIONS,
    DENIED,
    NO_RULES,
    Cell,
    Grant,
    Outcome,
    Row,
    Rule,
    RuleSet,
    best_cell,
    joined,
)
from pii_vault.access.conditions import (
    NEVER_MINUTES,
    Condition,
    Facts,
    RequestFacts,
    SubjectFacts,
    moscow_hour,
    second_factor_minutes,
)
from pii_vault.access.decide import Decision, Ruling, decide, judge, judge_with_mask, subject_conditions
from pii_vault.access.principal import Principal
from pii_vault.access.registers import Purpose, Role

__all__ = [
    "ACTIONS",
    "Cell",
    "Condition",
    "Decision",
    "Matrix",
    "Outcome",
    "RequestFacts",
    "Row",
    "Ruling",
    "SubjectFacts",
    "decide",
]

Place = tuple[str, str, str, str]  # role, purpose, class, action
_REMEMBERED = 16384
_SUBJECTS = tuple(SubjectFacts(consent, blocked) for consent in (True, False) for blocked in (False, True))


class Matrix:
    """Immutable once built. `version` is the SHA-256 of all that an officer reviews."""

    def __init__(
        self,
        grants: Sequence[Grant],
        *,
        roles: Mapping[str, Role],
        purposes: Mapping[str, Purpose],
        classes: Sequence[str],
        beside: Mapping[str, object] | None = None,
    ) -> None:
        """`beside` is what else an officer reviewed (masks, budgets, alarms): the version covers it too."""
        self.roles = MappingProxyType(dict(roles))
        self.purposes = MappingProxyType(dict(purposes))
        self.classes = tuple(classes)
        self._rules = _spread(grants)
        self._could: dict[tuple[tuple[str, ...], str, str], bool] = {}
        self.version = self._digest(grants, beside or {})
        self._ages = sorted({NEVER_MINUTES, *_second_factor_limits(grants)})
        self._decided = lru_cache(maxsize=_REMEMBERED)(self._decide)

    def cell(self, role: str, purpose: str, class_id: str, action: str) -> Cell:
        """The cell of a place; what nobody wrote is denied."""
        rules, mask = self.rules_of((role,), purpose, class_id, action)
        return DENIED if rules is NO_RULES and mask is NO_RULES else best_cell(action, rules, mask)

    def rows(self) -> Iterator[Row]:
        """Every cell there is, denials too, in the order of the registers."""
        for place in product(self.roles, self.purposes, self.classes, ACTIONS):
            yield Row(*place, self.cell(*place))

    def could_allow_any(self, roles: Sequence[str], purpose: str, action: str) -> bool:
        """Whether holders of these roles could get anything but a denial, for any class, were every condition
        met. Where not, the whole request is refused with 403.
        """
        key = (tuple(roles), purpose, action)
        answer = self._could.get(key)
        if answer is None:
            answer = any(
                best_cell(action, *self.rules_of(roles, purpose, class_id, action)).outcome != "deny"
                for class_id in self.classes
            )
            if purpose in self.purposes and action in ACTIONS:  # else strangers could fill the memory
                self._could[key] = answer
        return answer

    def purposes_for(self, roles: Sequence[str], action: str) -> list[str]:
        """The purposes under which these roles could do this at all, in the order of the register."""
        return [purpose for purpose in self.purposes if self.could_allow_any(roles, purpose, action)]

    def rules_of(self, roles: Sequence[str], purpose: str, class_id: str, action: str) -> tuple[RuleSet, RuleSet]:
        """The rules that speak to a holder of all these roles; for a reveal those of the mask as well."""
        rules = self._rules_at(roles, purpose, class_id, action)
        mask = self._rules_at(roles, purpose, class_id, "mask") if action == "reveal" else NO_RULES
        return rules, mask

    def decide(self, principal: Principal, asked: tuple[str, str, str], request: RequestFacts) -> Decision:
        """See the function `decide`. Remembers answers: equal facts give the same decision for ever."""
        minutes = second_factor_minutes(principal.second_factor_at, request.now)
        return self._decided(
            (principal.kind, principal.roles),
            asked,
            # Ages between two limits of the policies are alike, so the next limit stands for them all.
            self._ages[min(bisect_left(self._ages, minutes), len(self._ages) - 1)],
            moscow_hour(request.now),
            principal.contour,
            request.break_glass,
        )

    def _decide(  # noqa: PLR0917  places of the memory's key
        self,
        who: tuple[str, tuple[str, ...]],
        asked: tuple[str, str, str],
        minutes: int,
        hour: int,
        contour: str,
        break_glass: bool,  # noqa: FBT001
    ) -> Decision:
        kind, held = who
        roles = [role for role in held if role in self.roles and self.roles[role].kind == kind]
        rules, mask = self.rules_of(roles, *asked)
        action = asked[2]
        rulings: dict[SubjectFacts, Ruling] = {}
        for subject in _SUBJECTS:
            facts = Facts(minutes, hour, contour, subject.consent, subject.blocked, break_glass)
            if action == "reveal":
                rulings[subject] = judge_with_mask(rules, mask, facts=facts)
            else:
                rulings[subject] = judge(rules, granted="mask" if action == "mask" else "allow", facts=facts)
        best = rulings[_SUBJECTS[0]]
        if all(ruling.outcome == "deny" for ruling in rulings.values()):
            # Then the way of denying must not tell anything about the subject.
            rulings = dict.fromkeys(_SUBJECTS, best)
        return Decision(
            outcome=best.outcome,
            policy_id=best.policy_id,
            reason=best.reason,
            code=best.code,
            missing=best.missing,
            conditions_on_subject=subject_conditions(rulings),
            rulings=rulings,
        )

    def _rules_at(self, roles: Sequence[str], purpose: str, class_id: str, action: str) -> RuleSet:
        found = [self._rules.get((role, purpose, class_id, action), NO_RULES) for role in roles]
        return found[0] if len(found) == 1 else joined(found)

    def _digest(self, grants: Sequence[Grant], beside: Mapping[str, object]) -> str:
        content = {
            "beside": dict(beside),
            "roles": {role.id: role.kind for role in self.roles.values()},
            "purposes": sorted(self.purposes),
            "classes": sorted(self.classes),
            "grants": sorted(_canonical(_as_lists(grant)) for grant in grants),
        }
        return hashlib.sha256(_canonical(content).encode()).hexdigest()


def _spread(grants: Sequence[Grant]) -> dict[Place, RuleSet]:
    permits: dict[Place, list[Rule]] = defaultdict(list)
    forbids: dict[Place, list[Rule]] = defaultdict(list)
    for grant in sorted(grants, key=lambda grant: (grant.rule.policy_id, repr(grant.rule.conditions))):
        into = permits if grant.effect == "permit" else forbids
        for place in product(grant.roles, grant.purposes, grant.classes, grant.actions):
            into[place].append(grant.rule)
    return {
        place: RuleSet(tuple(permits.get(place, ())), tuple(forbids.get(place, ())))
        for place in permits.keys() | forbids.keys()
    }


def _second_factor_limits(grants: Sequence[Grant]) -> set[int]:
    conditions = (condition for grant in grants for condition in grant.rule.conditions)
    return {int(condition.value) for condition in conditions if condition.kind == "second_factor"}


def _as_lists(grant: Grant) -> dict[str, object]:
    return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in asdict(grant).items()}


def _canonical(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
