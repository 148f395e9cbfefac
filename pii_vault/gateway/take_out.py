"""Walks a payload along a list of fields: what is on the list goes where the list says, the rest stays behind.

Allow-list by construction: only what a rule of the list returns can reach `passed`. An unknown key, a known key
with a value of the wrong kind, an extra level: all of it lands in `rest` with its path, keys included.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from pii_vault.gateway.fields import Drop, Known, NotPassed, Pass, Personal, Rule
from pii_vault.gateway.port import Dictionary

Rules = Mapping[str, "Rule | Rules"]  # key → rule, or the rules of the object (or of each item of the list) there
CUT_MARK = "…"


@dataclass(slots=True)
class Taken:
    """One object taken apart. `groups` holds the objects inside it that have rules of their own."""

    passed: dict[str, Any] = field(default_factory=dict)
    personal: dict[str, str] = field(default_factory=dict, repr=False)
    wording: dict[str, str] = field(default_factory=dict, repr=False)
    rest: dict[str, Any] = field(default_factory=dict, repr=False)
    groups: dict[str, list["Taken"]] = field(default_factory=dict)

    def keep(self, key: str, value: Any) -> None:
        """Puts a value that cannot leave to the rest. Empty ones say nothing and are left out."""
        if value not in ("", None, [], {}):
            self.rest[key] = value

    def group(self, key: str) -> "Taken":
        """The one object at this key; an empty one where there is none."""
        found = self.groups.get(key)
        return found[0] if found else Taken()


def take_apart(payload: Mapping[str, Any], rules: Rules, *, dictionary: Dictionary) -> Taken:
    """Sorts each entry of the payload by its rule."""
    taken = Taken()
    for key, value in payload.items():
        rule = rules.get(key)
        if isinstance(rule, Mapping):
            _take_group(taken, key, value, rule, dictionary)
        else:
            _take_value(taken, key, value, rule, dictionary)
    return taken


def _take_value(taken: Taken, key: str, value: Any, rule: Rule | None, dictionary: Dictionary) -> None:
    match rule:
        case Pass(check):
            try:
                taken.passed[key] = check(value, dictionary)
            except NotPassed:
                taken.keep(key, value)
        case Personal() if isinstance(value, str):
            if value.strip():
                taken.personal[key] = value.strip()
        case Known() if isinstance(value, str):
            taken.wording[key] = value
        case Drop():
            pass
        case _:
            taken.keep(key, value)


def _take_group(taken: Taken, key: str, value: Any, rules: Rules, dictionary: Dictionary) -> None:
    members = value if isinstance(value, list) else [value]
    if not all(isinstance(member, dict) for member in members):
        taken.keep(key, value)
        return
    taken.groups[key] = [take_apart(member, rules, dictionary=dictionary) for member in members]


def collect_rest(taken: Taken) -> dict[str, Any]:
    """What stayed behind, as nested as it came: one object, empty when nothing did."""
    rest = dict(taken.rest)
    for key, members in taken.groups.items():
        left = [collect_rest(member) for member in members]
        if any(left):
            rest[key] = left
    return rest


def rest_text(rest: Mapping[str, Any], *, limit: int) -> str | None:
    """The rest as canonical JSON, so that equal rests are equal texts; cut at the class's limit."""
    if not rest:
        return None
    text = msgspec.json.encode(rest, order="sorted").decode()
    return text if len(text) <= limit else text[: limit - len(CUT_MARK)] + CUT_MARK
