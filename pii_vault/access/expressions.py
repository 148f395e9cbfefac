"""Cedar expressions → the closed language of the matrix, or a refusal. Pure.

The language: membership of role, purpose and class, the six conditions of `conditions.py`, and, or, not.
An expression becomes a list of alternatives, each a list of tests that must all hold.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

from pii_vault.access.conditions import Condition, ConditionKind
from pii_vault.errors import PolicyError

Dimension = Literal["role", "purpose", "class"]
MAX_ALTERNATIVES = 64
HOURS = 24
_ENTITY_OF: dict[Dimension, str] = {"role": "Role", "purpose": "Purpose", "class": "Class"}
_FLAGS: dict[str, ConditionKind] = {"consent": "consent", "blocked": "blocked", "break_glass": "break_glass"}
_CLOSED_LIST = (
    "principal in roles, resource in classes, context.purpose in purposes, "
    "context.second_factor_minutes <= N, context.consent, context.blocked, context.break_glass, "
    'context.hour >= N or < N, context.contour == "private" or "public"'
)


@dataclass(frozen=True, slots=True)
class Membership:
    """The role, purpose or class is one of these (`among`), or is none of them."""

    dimension: Dimension
    ids: frozenset[str]
    among: bool


Test = Membership | Condition
Alternatives = list[tuple[Test, ...]]


def alternatives(node: Mapping[str, Any], *, positive: bool = True) -> Alternatives:
    """The expression (or its negation) as alternatives. Raises PolicyError outside the closed language."""
    operator, operand = next(iter(node.items()))
    if operator == "!":
        return alternatives(operand["arg"], positive=not positive)
    if operator in {"&&", "||"}:
        left = alternatives(operand["left"], positive=positive)
        right = alternatives(operand["right"], positive=positive)
        return both(left, right) if (operator == "&&") is positive else left + right
    if operator == "Value" and isinstance(operand, bool):
        return [()] if operand is positive else []
    return [(_test(operator, operand, positive=positive),)]


def both(left: Alternatives, right: Alternatives) -> Alternatives:
    """Alternatives of two expressions that must both hold."""
    if len(left) * len(right) > MAX_ALTERNATIVES:
        raise PolicyError(f"it has more than {MAX_ALTERNATIVES} alternatives; split it into several policies")
    return [first + second for first, second in product(left, right)]


def _test(operator: str, operand: Any, *, positive: bool) -> Test:
    if operator == ".":
        flag = _context_attribute({".": operand})
        if flag in _FLAGS:
            return Condition(_FLAGS[flag], holds=positive)
    elif isinstance(operand, Mapping) and {"left", "right"} <= set(operand):
        dimension = _dimension(operand["left"])
        if dimension is not None:
            return Membership(dimension, _ids(operator, operand["right"], dimension), among=positive)
        condition = _comparison(operator, _context_attribute(operand["left"]), operand["right"].get("Value"))
        if condition is not None:
            return condition if positive else condition.opposite()
    raise PolicyError(f"it uses {operator!r} outside the closed list of conditions: {_CLOSED_LIST}")


def _comparison(operator: str, attribute: str | None, value: Any) -> Condition | None:
    """`context.<attribute> <operator> <literal>` as a condition, None when it is not in the list."""
    if attribute == "contour" and value in ("private", "public") and operator in {"==", "!="}:
        return Condition("contour", value, holds=operator == "==")
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        return None
    if attribute == "second_factor_minutes" and operator in {"<=", "<", ">", ">="}:
        limit = value if operator in {"<=", ">"} else value - 1
        return Condition("second_factor", limit, holds=operator in {"<=", "<"})
    if attribute == "hour" and operator in {"<=", "<", ">", ">="} and value <= HOURS:
        limit = value if operator in {">=", "<"} else value + 1
        return Condition("hour", limit, holds=operator in {">=", ">"})
    return None


def _dimension(node: Mapping[str, Any]) -> Dimension | None:
    if node == {"Var": "principal"}:
        return "role"
    if node == {"Var": "resource"}:
        return "class"
    return "purpose" if _context_attribute(node) == "purpose" else None


def _ids(operator: str, node: Mapping[str, Any], dimension: Dimension) -> frozenset[str]:
    """The ids on the right of `in` (one or a list) or, except for roles, of `==` (one)."""
    if operator == "in" and "Set" in node:
        members = node["Set"]
    elif operator == "in" or (operator == "==" and dimension != "role"):
        members = [node]
    else:
        raise PolicyError(f"it compares by {operator!r}; write `in` with a list (or `==` with one)")
    entities = [member.get("Value", {}) for member in members]
    found = [entity.get("__entity") if isinstance(entity, Mapping) else None for entity in entities]
    if not all(entity and entity["type"] == _ENTITY_OF[dimension] for entity in found):
        raise PolicyError(f"it compares a {dimension} with something that is not a {_ENTITY_OF[dimension]}")
    return frozenset(entity["id"] for entity in found if entity)


def _context_attribute(node: Mapping[str, Any]) -> str | None:
    access = node.get(".")
    if isinstance(access, Mapping) and access.get("left") == {"Var": "context"}:
        return str(access["attr"])
    return None
