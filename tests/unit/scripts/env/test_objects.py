import json
from collections.abc import Iterable
from typing import Any

import pytest

from scripts.env.objects import ABSENT, changes

KEY = b"key"


def deployment(**container: Any) -> dict[str, Any]:
    base: dict[str, Any] = {"name": "web", "image": "r/a@sha256:1", "ports": [{"name": "http", "containerPort": 80}]}
    return {
        "kind": "Deployment",
        "metadata": {"name": "d", "uid": "1", "resourceVersion": "7"},
        "spec": {"template": {"spec": {"containers": [{"name": "side", "image": "s"}, base | container]}}},
        "status": {"replicas": 1},
    }


def found(
    live: dict[str, Any], wanted: dict[str, Any], secret: Iterable[tuple[str, ...]] = ()
) -> list[tuple[str, Any, Any]]:
    return [(one.path, one.before, one.after) for one in changes(live, wanted, secret=secret, key=KEY)]


def test_what_the_server_keeps_is_no_change() -> None:
    other = deployment()
    other["metadata"] |= {"uid": "2", "resourceVersion": "9", "generation": 4}
    other["status"] = {}
    assert found(deployment(), other) == []


def test_a_container_is_told_by_its_name() -> None:
    told = found(deployment(), deployment(image="r/a@sha256:2"))
    assert told == [("spec.template.spec.containers[web].image", "r/a@sha256:1", "r/a@sha256:2")]


def test_items_that_only_moved_are_no_change() -> None:
    moved = deployment()
    moved["spec"]["template"]["spec"]["containers"].reverse()
    assert found(deployment(), moved) == []


def test_an_added_and_a_removed_item_are_told() -> None:
    wanted = deployment(ports=[{"name": "https", "containerPort": 443}])
    assert found(deployment(), wanted) == [
        ("spec.template.spec.containers[web].ports[http]", {"name": "http", "containerPort": 80}, ABSENT),
        ("spec.template.spec.containers[web].ports[https]", ABSENT, {"name": "https", "containerPort": 443}),
    ]


@pytest.mark.parametrize(
    ("live", "wanted"),
    [
        ({"spec": {"ingress": [{"from": [1]}]}}, {"spec": {"ingress": []}}),
        ({"metadata": {"labels": {"a": "1"}}}, {"metadata": {"labels": {"a": "2"}}}),
        ({"rules": [{"verbs": ["get"]}]}, {"rules": [{"verbs": ["get", "list"]}]}),
        ({"spec": {"hard": {"pods": "9"}}}, {"spec": {"hard": {"pods": "10"}}}),
    ],
)
def test_lists_without_names_and_maps_are_compared_whole(live: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert len(found(live, wanted)) == 1


def test_a_secret_changes_without_a_word_of_either_side() -> None:
    live, wanted = ({"kind": "Secret", "data": {"p": side}} for side in ("b2xkIGNhbmFyeQ==", "bmV3IGNhbmFyeQ=="))
    told = json.dumps(found(live, wanted))
    assert "data.p" in told
    assert "b2xkIGNhbmFyeQ" not in told
    assert "bmV3IGNhbmFyeQ" not in told
    # The twin: a ConfigMap's sides are shown.
    assert "bmV3IGNhbmFyeQ" in json.dumps(found(live | {"kind": "ConfigMap"}, wanted | {"kind": "ConfigMap"}))


def test_a_field_that_was_registered_as_secret_is_sealed_below_too() -> None:
    told = found({"spec": {"env": {"a": "old"}}}, {"spec": {"env": {"a": "new"}}}, secret=[("spec", "env")])
    assert "old" not in json.dumps(told)
    assert "new" not in json.dumps(told)
