"""Every rule has cases that pass and fail, says what it wants, and judges its cases as their names say."""

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from policies.catalogue import FOLDER, Case, Rule, cases, rules
from policies.judge import holds_secret, judge, of_manifests, of_registration, opened, outcome
from policies.pack import adapter
from policies.rules.model import UNKNOWN, Facts, Outcome, Resource

ALL = [pytest.param(rule, case, id=f"{rule.id}/{case.name}") for rule in rules() for case in cases(rule.id)]
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": "canary-secret"}


@pytest.mark.parametrize(("rule", "case"), ALL)
def test_a_case_is_judged_as_its_name_says(rule: Rule, case: Case) -> None:
    assert outcome(rule, case.resources, case.facts) is case.expected


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_each_rule_has_cases_that_pass_and_cases_that_fail(rule: Rule) -> None:
    assert {Outcome.PASS, Outcome.FAIL} <= {case.expected for case in cases(rule.id)}


# They look at what the engine does and by which provider: that is known from the start.
OF_THE_ENGINE = {"data_kept", "explicit_provider"}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_each_rule_that_looks_at_values_has_a_case_that_is_not_known_yet(rule: Rule) -> None:
    assert (Outcome.UNKNOWN in {case.expected for case in cases(rule.id)}) is (rule.id not in OF_THE_ENGINE)


def test_each_folder_is_a_rule() -> None:
    folders = {path.name for path in FOLDER.iterdir() if path.is_dir() and not path.name.startswith("__")}
    assert folders == {rule.id for rule in rules()}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_each_rule_is_told_in_both_languages(rule: Rule) -> None:
    assert any("а" <= letter <= "я" for letter in rule.told.title.ru.lower())
    assert rule.told.title.en.isascii()


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_nothing_is_judged_good_only_because_there_is_nothing(rule: Rule) -> None:
    assert outcome(rule, [], Facts()) is Outcome.PASS


def test_findings_name_the_worst_first_and_never_the_value() -> None:
    pod = {"containers": [{"name": "main", "image": "nginx", "env": [{"name": "PASSWORD", "value": "canary-secret"}]}]}
    found = judge(of_manifests([{"kind": "Pod", "metadata": {"name": "p", "namespace": "n"}, "spec": pod}]), Facts())
    assert found[0].rule.told.severity == "critical"
    assert "no_secret_in_the_open" in {one.rule.id for one in found}
    assert "canary-secret" not in repr([one.as_json() for one in found])


def test_a_value_the_engine_marked_as_secret_is_seen_wherever_it_stands() -> None:
    inputs: dict[str, Any] = {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": SECRET}}
    resource = of_registration(inputs, provider="p", protect=False)
    assert resource.sealed == {"data"}
    assert "no_secret_in_the_open" in {one.rule.id for one in judge([resource], Facts())}
    plain = of_registration({**inputs, "data": {"a": "b"}}, provider="p", protect=False)
    assert "no_secret_in_the_open" not in {one.rule.id for one in judge([plain], Facts())}


def test_unknown_values_of_the_engine_stay_unknown() -> None:
    wire = {"a": "04da6b54-80e4-46f7-96ec-b56ff0331ba9", "b": [1.0, {"c": SECRET}]}
    assert opened(wire) == {"a": UNKNOWN, "b": [1, {"c": "canary-secret"}]}
    assert holds_secret(wire)
    assert not holds_secret({"a": ["b"]})


def _stack(image: str) -> Any:
    props = {
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "n"},
        "spec": {"containers": [{"name": "main", "image": image}]},
    }
    resource = SimpleNamespace(
        resource_type="kubernetes:core/v1:Pod",
        props=props,
        provider=SimpleNamespace(urn="urn::cluster::id"),
        opts=SimpleNamespace(protect=False),
    )
    return SimpleNamespace(resources=[resource], get_config=lambda: {"registries": ["r.example.ru"]})


@pytest.mark.parametrize(("image", "count"), [("r.example.ru/a@sha256:" + "a" * 64, 0), ("r.example.ru/a:1", 1)])
def test_the_pack_reports_what_the_rules_find(image: str, count: int) -> None:
    rule = next(rule for rule in rules() if rule.id == "images_by_digest")
    reported: list[str] = []
    adapter.validate(rule, _stack(image), lambda message, *_: reported.append(message))
    assert len(reported) == count


def test_the_pack_has_a_policy_for_each_rule() -> None:
    policies = [adapter.policy(rule) for rule in rules()]
    assert len({policy.name for policy in policies}) == len(rules())


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every path below a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, inside in items:
        yield (*path, part)
        yield from _places(inside, (*path, part))


def _unknown_at(value: Any, path: tuple[Any, ...]) -> Any:
    if not path:
        return UNKNOWN
    part, *rest = path
    items = value.items() if isinstance(value, dict) else enumerate(value)
    made = {name: _unknown_at(one, tuple(rest)) if name == part else one for name, one in items}
    return made if isinstance(value, dict) else list(made.values())


def _one_unknown(case: Case) -> Iterator[tuple[tuple[Any, ...], list[Resource]]]:
    """The case with each part in turn not known. Kinds alone are always known: a program says them."""
    for number, resource in enumerate(case.resources):
        for path in _places(resource.object):
            if path[-1] not in {"kind", "apiVersion"}:
                hidden = [*case.resources]
                hidden[number] = replace(resource, object=_unknown_at(resource.object, path))
                yield path, hidden


@pytest.mark.parametrize(("rule", "case"), ALL)
def test_what_is_not_known_is_neither_good_nor_bad(rule: Rule, case: Case) -> None:
    """It never passes where a value would fail, and never fails where a value would pass."""
    opposite = {Outcome.FAIL: Outcome.PASS, Outcome.PASS: Outcome.FAIL}.get(case.expected)
    found = {path for path, hidden in _one_unknown(case) if outcome(rule, hidden, case.facts) is opposite}
    assert found == set()
