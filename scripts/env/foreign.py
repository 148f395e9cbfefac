"""Objects in the contour's own namespaces that no stack made, of the kinds that open a path, grant a right or run.

What operators make for an object of ours names its owner, and so does every pod that a workload runs: the garbage
collector removes what names an owner that is not there. A network policy is nobody's but ours.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from scripts.env.kube import Cluster, Manifest

APPS, RBAC, NET = "apps/v1", "rbac.authorization.k8s.io/v1", "networking.k8s.io/v1"
SUBJECTS: Final = (RBAC, "ClusterRoleBinding")
WATCHED: Final = (
    (NET, "NetworkPolicy"),
    (NET, "Ingress"),
    (RBAC, "Role"),
    (RBAC, "RoleBinding"),
    ("v1", "Service"),
    ("v1", "Pod"),
    (APPS, "Deployment"),
    (APPS, "StatefulSet"),
    (APPS, "DaemonSet"),
    ("batch/v1", "CronJob"),
)
# Groups whose objects own what their operators make.
OPERATORS: Final = (
    "acme.cert-manager.io",
    "cert-manager.io",
    "gateway.networking.k8s.io",
    "monitoring.coreos.com",
    "postgresql.cnpg.io",
)


def find_foreign(cluster: Cluster, ours: Sequence[Manifest], at_once: int) -> list[Manifest]:
    """Live objects, each with `apiVersion` and `kind`. `ours`: all that the contour's stacks made."""
    known = {_name(one) for one in ours}
    spaces = _spaces(ours)
    asked = [(*kind, space) for space in spaces for kind in WATCHED]
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        listed = list(pool.map(lambda one: cluster.listed(*one), asked))
    found = [one for some in listed for one in some if not _owned(one)]
    found += [one for one in cluster.listed(*SUBJECTS) if _grants(one, spaces)]
    return [one for one in found if _name(one) not in known]


def looked_at(cluster: Cluster, ours: Sequence[Manifest]) -> set[tuple[str, str, str]]:
    """API group, resource and namespace of all that is listed for it: the right to do so is asked for beforehand."""
    places = [(*kind, space) for space in _spaces(ours) for kind in WATCHED] + [(*SUBJECTS, "")]
    return {(api.rpartition("/")[0], cluster.where(api, kind).plural, space) for api, kind, space in places}


def _spaces(ours: Sequence[Manifest]) -> list[str]:
    return sorted(one["metadata"]["name"] for one in ours if one["kind"] == "Namespace")


def _name(one: Manifest) -> tuple[str, str, str]:
    return one["kind"], one["metadata"].get("namespace") or "", one["metadata"]["name"]


def _owned(one: Manifest) -> bool:
    owners = one["metadata"].get("ownerReferences") or []
    if one["kind"] == "Pod":
        return any(owner.get("controller") for owner in owners)
    return one["kind"] != "NetworkPolicy" and any(owner["apiVersion"].split("/")[0] in OPERATORS for owner in owners)


def _grants(binding: Manifest, spaces: Iterable[str]) -> bool:
    """Does it give a right over the whole cluster to accounts of these namespaces?"""
    groups = {f"system:serviceaccounts:{space}" for space in spaces}
    subjects: list[Any] = binding.get("subjects") or []
    return any(one["name"] in groups or one.get("namespace") in set(spaces) for one in subjects)
