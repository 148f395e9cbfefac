"""policies/ → matrix. Refuses, naming file and policy, whatever the matrix cannot express exactly.

Cedar parses and type-checks the text; this module walks its JSON form. What is enforced is therefore what
was written, and a test holds every cell against Cedar's own engine.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cedarpy
import yaml

from pii_vault.access.cells import ACTIONS, Grant, Rule
from pii_vault.access.conditions import Condition
from pii_vault.access.expressions import Alternatives, Membership, Test, alternatives, both
from pii_vault.access.matrix import Matrix
from pii_vault.access.registers import load_purposes, load_roles
from pii_vault.core.classes import load_classes
from pii_vault.errors import PolicyError

SCHEMA_FILE = "access/schema.cedarschema"
POLICY_FILES = "access/*.cedar"
BESIDE = ("budgets.yaml", "alarms.yaml")


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """All ids there are, by dimension."""

    role: frozenset[str]
    purpose: frozenset[str]
    class_: frozenset[str]

    def all_of(self, dimension: str) -> frozenset[str]:
        return {"role": self.role, "purpose": self.purpose, "class": self.class_}[dimension]


def compile_matrix(policies_dir: Path) -> Matrix:
    """Reads classes.yaml, purposes.yaml, roles.yaml and access/*.cedar. Raises PolicyError."""
    classes = load_classes(policies_dir / "classes.yaml")
    purposes = load_purposes(policies_dir / "purposes.yaml")
    roles = load_roles(policies_dir / "roles.yaml")
    vocabulary = _Vocabulary(frozenset(roles), frozenset(purposes), frozenset(classes.ids()))
    grants: list[Grant] = []
    seen: set[str] = set()
    for name, policy in _policies(policies_dir):
        policy_id = policy.get("annotations", {}).get("id")
        try:
            grants.extend(_grants(policy, vocabulary, taken=seen))
        except PolicyError as error:
            raise PolicyError(f"{name}: policy {policy_id or '(unnamed)'}: {error.detail}") from error
        seen.add(policy_id)
    if not grants:
        raise PolicyError(f"no policies in {policies_dir / POLICY_FILES}: nothing would be allowed")
    masks = {each.id: [each.mask, each.normalise, each.indexed] for each in classes}
    beside = {"masks": masks} | {name: _content(policies_dir / name) for name in BESIDE}
    return Matrix(grants, roles=roles, purposes=purposes, classes=classes.ids(), beside=beside)


def _content(path: Path) -> object:
    """What a file of thresholds says, however it is laid out; its own loader checks it."""
    try:
        return yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, yaml.YAMLError) as error:
        raise PolicyError(f"{path.name} cannot be read: {error}") from error


def _policies(policies_dir: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(file name, policy) of all files, type-checked against the schema."""
    try:
        schema = cedarpy.Schema.from_str((policies_dir / SCHEMA_FILE).read_text("utf-8"))
        for path in sorted(policies_dir.glob(POLICY_FILES)):
            text = path.read_text("utf-8")
            parsed = json.loads(cedarpy.policies_to_json_str(text))
            if parsed["templates"] or parsed["templateLinks"]:
                raise PolicyError(f"{path.name}: templates (?principal, ?resource) cannot be reviewed; write them out")
            checked = cedarpy.validate_policies(text, schema)
            if not checked.validation_passed:
                raise PolicyError(f"{path.name}: {'; '.join(str(error) for error in checked.errors)}")
            for policy in parsed["staticPolicies"].values():
                yield path.name, policy
    except (OSError, ValueError) as error:
        raise PolicyError(f"the policies cannot be read: {error}") from error


def _grants(policy: Mapping[str, Any], vocabulary: _Vocabulary, *, taken: set[str]) -> Iterator[Grant]:
    annotations = policy.get("annotations", {})
    if set(annotations) != {"id", "reason"} or not all(annotations.values()):
        raise PolicyError('it has to bear @id("…") and @reason("…"), both filled, and no other annotation')
    if annotations["id"] in taken:
        raise PolicyError("another policy has the same @id")
    tests: Alternatives = [(*_scope(policy["principal"], "role"), *_scope(policy["resource"], "class"))]
    for condition in policy["conditions"]:
        tests = both(tests, alternatives(condition["body"], positive=condition["kind"] == "when"))
    actions = _actions(policy["action"])
    for alternative in tests:
        yield _grant(policy["effect"], annotations, actions, alternative, vocabulary)


def _grant(
    effect: Any,
    annotations: Mapping[str, str],
    actions: frozenset[str],
    tests: tuple[Test, ...],
    vocabulary: _Vocabulary,
) -> Grant:
    memberships = [test for test in tests if isinstance(test, Membership)]
    conditions = tuple(dict.fromkeys(test for test in tests if isinstance(test, Condition)))
    named = [test for test in memberships if test.dimension == "role"]
    if len(named) > 1 or any(not test.among for test in named):
        # A person may hold several roles; only a single positive test means the same for each of them alone.
        raise PolicyError("it combines or excludes roles; name in one place the roles it speaks to")
    if effect == "permit" and not named:
        raise PolicyError("it permits without naming a role; say `principal in Role::…`")
    if effect == "forbid" and len(conditions) > 1:
        raise PolicyError("it forbids under several conditions at once; write one policy for each")
    return Grant(
        effect=effect,
        rule=Rule(annotations["id"], annotations["reason"], conditions),
        roles=_selected("role", memberships, vocabulary),
        purposes=_selected("purpose", memberships, vocabulary),
        classes=_selected("class", memberships, vocabulary),
        actions=actions,
    )


def _selected(dimension: str, tests: list[Membership], vocabulary: _Vocabulary) -> frozenset[str]:
    known = vocabulary.all_of(dimension)
    selected = known
    for test in tests:
        if test.dimension == dimension:
            if unknown := test.ids - known:
                raise PolicyError(f"it names an unknown {dimension}: {', '.join(sorted(unknown))}")
            selected = selected & test.ids if test.among else selected - test.ids
    return selected


def _scope(scope: Mapping[str, Any], dimension: str) -> tuple[Membership, ...]:
    """The principal or the resource in the brackets of a policy."""
    operator = scope["op"]
    if operator == "All":
        return ()
    entity = scope.get("entity")
    if dimension == "role" and operator == "in" and entity and entity["type"] == "Role":
        return (Membership("role", frozenset((entity["id"],)), among=True),)
    if dimension == "class" and operator in {"==", "in"} and entity and entity["type"] == "Class":
        return (Membership("class", frozenset((entity["id"],)), among=True),)
    allowed = "`principal` or `principal in Role::…`" if dimension == "role" else "`resource` or `== Class::…`"
    raise PolicyError(f"its brackets use {operator!r}; only {allowed} can stand there")


def _actions(scope: Mapping[str, Any]) -> frozenset[str]:
    if scope["op"] == "All":
        return frozenset(ACTIONS)
    entities = scope["entities"] if "entities" in scope else [scope["entity"]]
    actions = frozenset(entity["id"] for entity in entities)
    if unknown := actions - set(ACTIONS):
        raise PolicyError(f"it names an unknown action: {', '.join(sorted(unknown))}")
    return actions
