"""Reads the rules: what each says, its check, its cases."""

import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from policies.rules.model import UNKNOWN, Breach, Facts, Outcome, Resource

FOLDER: Final = Path(__file__).parent / "rules"
Check = Callable[[Sequence[Resource], Facts], Iterator[Breach]]
Severity = Literal["critical", "high", "medium", "low"]


class Title(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    ru: str = Field(min_length=3)
    en: str = Field(min_length=3)


class Told(BaseModel):
    """What `rule.yaml` says: for whom it may concern, and what to do."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: Title
    severity: Severity
    norm: tuple[str, ...] = Field(min_length=1)
    why: str = Field(min_length=10)
    fix: str = Field(min_length=10)


@dataclass(frozen=True, slots=True)
class Rule:
    id: str
    told: Told
    check: Check


@dataclass(frozen=True, slots=True)
class Case:
    """One `cases/<name>.<outcome>.yaml`."""

    name: str
    resources: tuple[Resource, ...]
    facts: Facts
    expected: Outcome


@cache
def rules() -> tuple[Rule, ...]:
    """All of them, by name."""
    found = sorted(path.parent.name for path in FOLDER.glob("*/check.py"))
    return tuple(
        Rule(name, _told(name), importlib.import_module(f"policies.rules.{name}.check").check) for name in found
    )


def _told(name: str) -> Told:
    return Told.model_validate(yaml.safe_load((FOLDER / name / "rule.yaml").read_text("utf-8")))


class _Loader(yaml.SafeLoader):
    """YAML in which `!unknown` stands for what the engine does not know yet."""


_Loader.add_constructor("!unknown", lambda *_: UNKNOWN)


def cases(rule: str) -> list[Case]:
    """Raises ValueError: a case's name does not end with a verdict."""
    return [_case(path) for path in sorted((FOLDER / rule / "cases").glob("*.yaml"))]


def _case(path: Path) -> Case:
    name, _, outcome = path.stem.rpartition(".")
    content = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506  the safe loader and one tag
    facts = content.get("facts", {})
    for part, made in (("registries", tuple), ("ways", frozenset)):
        if part in facts:
            facts[part] = made(facts[part])
    return Case(name, tuple(_resources(content["resources"])), Facts(**facts), Outcome(outcome))


def _resources(given: Iterable[dict[str, Any]]) -> Iterator[Resource]:
    for one in given:
        sealed = frozenset(one.pop("sealed", ()))
        yield Resource(sealed=sealed, **one)
