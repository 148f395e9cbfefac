"""What would be there if our manifest alone had made an object, and what of the live one is left as it is."""

from typing import Any

import pytest

from scripts.env.exact import replacement
from scripts.env.kube import Manifest

SERVERS = {"uid": "u", "resourceVersion": "7"}
ASKED: Manifest = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "d", "namespace": "n", "labels": {"app": "d"}},
    "spec": {"template": {"metadata": {"labels": {"app": "d"}}, "spec": {"containers": [{"name": "d"}]}}},
}


def live(asked: Manifest = ASKED, **changes: Any) -> Manifest:
    """As asked, with what a server keeps; `changes` by path."""
    made: Manifest = {**asked, "metadata": {**asked["metadata"], **SERVERS}, "status": {"ready": 1}}
    for path, value in changes.items():
        *above, last = path.split("__")
        part = made
        for name in above:
            part[name] = dict(part.get(name) or {})
            part = part[name]
        part[last] = value
    return made


def of(kind: str, **parts: Any) -> Manifest:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "o", "namespace": "n"}, **parts}


def test_an_object_as_it_was_made_stays_as_it_is() -> None:
    assert replacement(live(), ASKED) == live()


@pytest.mark.parametrize(
    "added",
    [
        {"spec__template__spec__hostAliases": [{"ip": "203.0.113.1"}]},
        {"spec__template__spec__containers": [{"name": "d"}, {"name": "beside"}]},
        {"spec__template__metadata__annotations": {"sidecar.istio.io/inject": "true"}},
        {"metadata__labels": {"app": "d", "istio-injection": "enabled"}},
        {"metadata__annotations": {"notcert-manager.io/x": "1"}},
        {"metadata__annotations": {"cert-manager.io": "no domain of a name"}},
        {"metadata__ownerReferences": [{"name": "whoever"}]},
    ],
)
def test_what_somebody_added_is_left_out(added: dict[str, Any]) -> None:
    assert replacement(live(**added), ASKED) == live()


@pytest.mark.parametrize(
    "noted",
    [
        {"metadata__annotations": {"deployment.kubernetes.io/revision": "3"}},
        {"metadata__annotations": {"acme.cert-manager.io/x": "1", "reconcile.external-secrets.io/hash": "2"}},
        {"metadata__annotations": {"prometheus-operator-validated": "true"}},
        {"metadata__finalizers": ["foregroundDeletion"]},
        {"spec__template__metadata__annotations": {"kubectl.kubernetes.io/restartedAt": "2026"}},
        {"spec__replicas": 3},
        {"spec__replicas": 0},  # a restore's rest: `unlock` ends it
        {"status": {"ready": 2, "conditions": [{}]}},
    ],
)
def test_what_controllers_note_is_left_as_it_is(noted: dict[str, Any]) -> None:
    found = live(**noted)
    assert replacement(found, ASKED) == found


def test_a_number_that_we_set_is_no_autoscalers() -> None:
    asked = {**ASKED, "spec": {**ASKED["spec"], "replicas": 2}}
    assert replacement(live(asked, spec__replicas=3), asked)["spec"]["replicas"] == 2


@pytest.mark.parametrize(
    ("asked", "filled"),
    [
        (
            of("PersistentVolumeClaim", spec={"accessModes": []}),
            {"spec__volumeName": "v", "spec__storageClassName": "s"},
        ),
        (of("ServiceAccount"), {"secrets": [{"name": "token"}]}),
        (of("Namespace"), {"spec__finalizers": ["kubernetes"]}),
        (
            of("Job", spec={"template": {"metadata": {"labels": {"app": "o"}}}}),
            {
                "spec__selector": {"matchLabels": {"uid": "1"}},
                "spec__template__metadata__labels": {"app": "o", "uid": "1"},
            },
        ),
    ],
)  # fmt: skip
def test_what_the_cluster_fills_in_is_left_as_it_is(asked: Manifest, filled: dict[str, Any]) -> None:
    found = live(asked, **filled)
    assert replacement(found, asked) == found
    # The twin: nobody fills that in on an object of another kind.
    other = asked | {"kind": "ConfigMap"}
    assert replacement(live(other, **filled), other) == live(other)


def test_what_we_ask_for_stands_over_a_controllers_note() -> None:
    asked = of("Secret") | {"metadata": {"name": "o", "annotations": {"pulumi.com/patchForce": "true"}}}
    found = live(asked, metadata__annotations={"pulumi.com/patchForce": "false", "pulumi.com/autonamed": "x"})
    assert replacement(found, asked)["metadata"]["annotations"] == {
        "pulumi.com/patchForce": "true",
        "pulumi.com/autonamed": "x",
    }
