"""Cedar's own engine over the same policies: what the matrix is held against."""

import json
import random
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import cedarpy

from pii_vault.access.cells import ACTIONS
from pii_vault.access.conditions import NEVER_MINUTES, Facts


class Engine:
    """Default deny, and NoDecision is deny. Holds one policy set for each action and roles: a policy whose scope names
    others never applies, and leaving it out saves the engine most of its work.
    """

    def __init__(self, policies_dir: Path) -> None:
        texts = [path.read_text("utf-8") for path in sorted((policies_dir / "access").glob("*.cedar"))]
        parsed = json.loads(cedarpy.policies_to_json_str("\n".join(texts)))
        self._parsed = {action: _only(parsed, "action", {action}) for action in ACTIONS}
        self._policies: dict[tuple[str, ...], tuple[cedarpy.PolicySet, set[str]]] = {}
        self._holders: dict[tuple[str, ...], cedarpy.Entities] = {}

    def allows(self, roles: Sequence[str], action: str, asked: Sequence[tuple[str, str, Facts]]) -> list[bool]:
        """For each (purpose, class, facts) whether a holder of these roles is allowed. What differs in nothing that a
        policy for them names is asked once.
        """
        policies, attributes = self._applying(action, tuple(roles))
        named = [name for name in Facts.__slots__ if name in attributes]
        keys = [(purpose, class_id, *(getattr(facts, name) for name in named)) for purpose, class_id, facts in asked]
        different = dict(zip(keys, asked, strict=True))
        requests = [_request(action, *each) for each in different.values()]
        answers = cedarpy.is_authorized_batch(requests, policies, self._holder(tuple(roles)))
        for answer in answers:
            assert not answer.diagnostics.errors
        allowed = [answer.decision == cedarpy.Decision.Allow for answer in answers]
        decided = dict(zip(different, allowed, strict=True))
        return [decided[key] for key in keys]

    def facts_that_matter(self, action: str) -> list[Facts]:
        """Every combination of the facts that some policy of this action names, at the edges of the figures it
        compares them with. A fact that no policy names stands at random: it must make no difference.
        """
        attributes = _found(self._parsed[action], "attr")
        figures = {value for value in _found(self._parsed[action], "Value") if type(value) is int}
        draw = random.Random(action)
        small, large = [value for value in figures if value <= 24], [value for value in figures if value > 24]
        choices: dict[str, list[Any]] = {
            "second_factor_minutes": [NEVER_MINUTES, *(value + more for value in large for more in (0, 1))],
            "hour": [12, *(value - less for value in small for less in (0, 1))],
            "contour": ["private", "public"],
            "consent": [True, False],
            "blocked": [True, False],
            "break_glass": [False, True],
        }
        for name, values in choices.items():
            if name not in attributes:
                choices[name] = [draw.choice(values)]
        return [Facts(**dict(zip(choices, values, strict=True))) for values in product(*choices.values())]

    def _applying(self, action: str, roles: tuple[str, ...]) -> tuple[cedarpy.PolicySet, set[str]]:
        """The policies for these roles, and the attributes that they name."""
        if (action, *roles) not in self._policies:
            part = _only(self._parsed[action], "principal", set(roles))
            self._policies[action, *roles] = (cedarpy.PolicySet.from_json_str(json.dumps(part)), _found(part, "attr"))
        return self._policies[action, *roles]

    def _holder(self, roles: tuple[str, ...]) -> cedarpy.Entities:
        if roles not in self._holders:
            parents = [{"type": "Role", "id": role} for role in roles]
            entity = {"uid": {"type": "Principal", "id": "p"}, "attrs": {}, "parents": parents}
            self._holders[roles] = cedarpy.Entities.from_json_str(json.dumps([entity]))
        return self._holders[roles]


def _only(parsed: dict[str, Any], part: str, names: set[str]) -> dict[str, Any]:
    """Those policies whose scope in this part names one of these, or anybody."""

    def speaks_of(scope: dict[str, Any]) -> bool:
        entities = scope.get("entities") or [scope.get("entity")]
        return scope["op"] == "All" or any(entity["id"] in names for entity in entities)

    policies = {key: policy for key, policy in parsed["staticPolicies"].items() if speaks_of(policy[part])}
    return {**parsed, "staticPolicies": policies}


def _found(node: Any, key: str) -> set[Any]:
    """All plain values under this key, at any depth."""
    if isinstance(node, list):
        return {value for child in node for value in _found(child, key)}
    if not isinstance(node, dict):
        return set()
    own = {node[key]} if key in node and isinstance(node[key], (str, int)) else set()
    return own | {value for child in node.values() for value in _found(child, key)}


def _request(action: str, purpose: str, class_id: str, facts: Facts) -> dict[str, object]:
    return {
        "principal": {"type": "Principal", "id": "p"},
        "action": {"type": "Action", "id": action},
        "resource": {"type": "Class", "id": class_id},
        "context": _context(purpose, facts),
    }


@lru_cache(maxsize=4096)
def _context(purpose: str, facts: Facts) -> str:
    return json.dumps({"purpose": {"__entity": {"type": "Purpose", "id": purpose}}} | asdict(facts))
