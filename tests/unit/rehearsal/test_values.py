import pytest

from tests.rehearsal.provider.changes import changed, needs_new_object
from tests.rehearsal.provider.service import _outputs
from tests.rehearsal.provider.values import is_secret, keep_secret, plain, wrap


def test_what_came_as_a_secret_goes_back_as_one() -> None:
    inputs = {"spec": {"password": wrap("canary"), "name": "n"}}
    live = {"spec": {"password": "canary", "name": "n", "added": 1}}
    kept = keep_secret(live, inputs)
    assert is_secret(kept["spec"]["password"])
    assert kept["spec"]["name"] == "n"
    assert plain(kept) == live


def test_the_content_of_every_secret_object_is_secret() -> None:
    live = {"kind": "Secret", "metadata": {"name": "s", "managedFields": [1]}, "data": {"p": "Y2FuYXJ5"}}
    outputs = _outputs(live, {"kind": "Secret", "metadata": {"name": "s"}, "stringData": {"p": wrap("canary")}})
    assert is_secret(outputs["data"])
    assert "managedFields" not in outputs["metadata"]
    # The twin: of a ConfigMap it is not.
    assert not is_secret(_outputs(live | {"kind": "ConfigMap"}, {})["data"])


def test_a_list_that_holds_a_secret_is_kept_as_one() -> None:
    kept = keep_secret({"env": [{"v": "canary"}]}, {"env": [{"v": wrap("canary")}]})
    assert is_secret(kept["env"])


@pytest.mark.parametrize(
    ("kind", "path", "anew"),
    [
        ("Deployment", "spec.selector.matchLabels.app", True),
        ("Deployment", "spec.replicas", False),
        ("StatefulSet", "spec.volumeClaimTemplates[0].spec", True),
        ("ConfigMap", "metadata.name", True),
        ("ConfigMap", "data.a", False),
        ("Job", "spec.template.spec.containers[0].image", True),
    ],
)
def test_what_cannot_be_changed_in_place_needs_a_new_object(kind: str, path: str, *, anew: bool) -> None:
    assert needs_new_object({"kind": kind}, path) is anew


def test_changes_are_told_by_path() -> None:
    old, new = {"a": {"b": 1, "c": 2}, "l": [1, 2]}, {"a": {"b": 3}, "l": [1, 5], "n": 0}
    assert list(changed(old, new)) == [("a.b", "update"), ("a.c", "delete"), ("l[1]", "update"), ("n", "add")]
