"""What no stack made is found in our namespaces, and what a healthy cluster keeps there is not taken for it."""

from typing import Any

import pytest

from scripts.env.foreign import SUBJECTS, WATCHED, find_foreign, looked_at
from scripts.env.kube import Cluster, Kind, Manifest

OURS: list[Manifest] = [
    {"kind": "Namespace", "metadata": {"name": "vault"}},
    {"kind": "Service", "metadata": {"name": "vault", "namespace": "vault"}},
    {"kind": "ClusterRoleBinding", "metadata": {"name": "ours"}},
]


def one(kind: str, *, namespace: str = "vault", name: str = "hole", owner: str = "", **parts: Any) -> Manifest:
    owners = [{"apiVersion": owner, "kind": "K", "name": "k", "uid": "1", "controller": True}] if owner else []
    return {"kind": kind, "metadata": {"name": name, "namespace": namespace, "ownerReferences": owners}, **parts}


class Held(Cluster):
    """Holds a few objects and knows every kind."""

    def __init__(self, *objects: Manifest) -> None:
        super().__init__("", pool=None, headers={})  # type: ignore[arg-type]
        self.objects = objects

    def listed(self, api_version: str, kind: str, namespace: str = "") -> list[Manifest]:
        assert (api_version, kind) in {*WATCHED, SUBJECTS}
        return [
            held
            for held in self.objects
            if held["kind"] == kind and (not namespace or held["metadata"]["namespace"] == namespace)
        ]

    def where(self, api_version: str, kind: str) -> Kind:
        return Kind(f"/apis/{api_version}", f"{kind.lower()}s", namespaced=True)


def found(*objects: Manifest) -> list[Manifest]:
    return find_foreign(Held(*objects), OURS, 2)


@pytest.mark.parametrize("kind", [kind for _, kind in WATCHED])
def test_an_object_that_no_stack_made_is_found(kind: str) -> None:
    assert found(one(kind)) == [one(kind)]
    assert found(one(kind, namespace="elsewhere")) == []


@pytest.mark.parametrize("kind", ["Service", "RoleBinding", "Deployment"])
def test_what_an_operator_made_for_ours_is_not_taken_for_foreign(kind: str) -> None:
    assert found(one(kind, owner="postgresql.cnpg.io/v1")) == []
    assert found(one(kind, owner="apps/v1")) == [one(kind, owner="apps/v1")]


def test_an_owner_excuses_no_network_policy() -> None:
    hole = one("NetworkPolicy", owner="postgresql.cnpg.io/v1")
    assert found(hole) == [hole]


def test_pods_of_workloads_are_not_taken_for_foreign_and_others_are() -> None:
    bare = one("Pod")
    assert found(one("Pod", owner="apps/v1"), bare) == [bare]


def test_ours_are_not_taken_for_foreign() -> None:
    assert found(one("Service", name="vault"), one("Service", name="other")) == [one("Service", name="other")]


@pytest.mark.parametrize(
    ("subject", "seen"),
    [
        ({"kind": "ServiceAccount", "name": "vault", "namespace": "vault"}, 1),
        ({"kind": "Group", "name": "system:serviceaccounts:vault"}, 1),
        ({"kind": "ServiceAccount", "name": "vault", "namespace": "elsewhere"}, 0),
        ({"kind": "Group", "name": "system:serviceaccounts"}, 0),  # Kubernetes' own bindings
    ],
)
def test_a_right_over_the_whole_cluster_is_told_where_it_is_our_accounts(subject: dict[str, str], seen: int) -> None:
    binding = one("ClusterRoleBinding", namespace="", subjects=[subject])
    assert len(found(binding)) == seen
    assert found(one("ClusterRoleBinding", namespace="", name="ours", subjects=[subject])) == []


def test_the_right_to_look_is_asked_for_where_it_is_used() -> None:
    asked = looked_at(Held(), OURS)
    assert ("networking.k8s.io", "networkpolicys", "vault") in asked
    assert ("rbac.authorization.k8s.io", "clusterrolebindings", "") in asked
    assert len(asked) == len(WATCHED) + 1
