"""What must hold before a contour can be deployed, each told with what to do. Looks only; changes nothing."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final

from infra import pki
from infra.errors import DeployProblem
from infra.render import render_all
from scripts.env import made_cluster, standing
from scripts.env.asked import CPU, MEMORY, Asked, asked_for, claimed_classes, given_by
from scripts.env.environment import Environment
from scripts.env.errors import EnvProblem, WrongCluster
from scripts.env.foreign import looked_at
from scripts.env.kube import Cluster
from scripts.env.live import AT_ONCE
from scripts.env.plugins import plugin_version, provider_kind
from scripts.tools.pulumi import VERSION
from scripts.tools.tool import BIN

OLDEST: Final = (1, 30)  # ValidatingAdmissionPolicy is stable from here on
SKEW: Final = 60.0
VERBS: Final = ("get", "create", "patch", "update", "delete")
_SIZED_BY: Final = {"edge": "sizes.edge", "data": "database", "keys": "keys"}
DEFAULT_CLASS: Final = "storageclass.kubernetes.io/is-default-class"


@dataclass(frozen=True, slots=True)
class Checked:
    name: str
    ok: bool
    told: str
    hint: str = ""


def check_all(environment: Environment) -> Iterator[Checked]:
    """Every check that can be made; those of the cluster end with the first that makes the others pointless."""
    yield from _local(environment)
    if environment.settings.cluster.awaited:
        yield _told("cloud", lambda: made_cluster.told(environment))
        yield Checked("cluster", True, "is the platform stack's to make: `larets env plan`, `apply`")
        return
    try:
        cluster = environment.connect()
        yield _version(cluster, environment)
        environment.cluster()
    except WrongCluster as error:
        yield Checked("cluster", False, str(error), error.hint)
        return
    except EnvProblem as error:
        yield Checked("reachable", False, str(error), error.hint)
        return
    yield Checked("cluster", True, "is the one the settings name")
    yield _clock(cluster)
    try:
        manifests = render_all(environment.settings)
    except DeployProblem as error:
        yield Checked("manifests", False, f"cannot be made: {error.detail}", error.hint or "correct what it names")
        return
    for check in (_kinds, _rights, _capacity, _quotas, _storage, _classes):
        yield check(cluster, manifests, environment)


def _local(environment: Environment) -> Iterator[Checked]:
    engine = (BIN / "pulumi").exists()
    yield Checked(
        "engine", engine, f"Pulumi {VERSION}" if engine else "is not here", "" if engine else "run `make tools`"
    )
    kind = provider_kind(environment.contour)
    hint = f"the genuine plugin v{plugin_version()} is not installed; `larets env plan` says how to get it"
    yield Checked("provider", kind != "absent", kind, "" if kind == "genuine" else hint)
    yield Checked("hosts", True, "are of one site")  # else the settings would not have been read
    yield _told("passphrase", lambda: environment.passphrase.told)
    yield _told("contract", lambda: _contract(environment))
    yield _certificates(environment)
    yield _told("images", lambda: _images(environment))


def _told(name: str, check: Callable[[], str]) -> Checked:
    try:
        return Checked(name, True, check())
    except DeployProblem as error:
        return Checked(name, False, error.detail, error.hint)
    except EnvProblem as error:
        return Checked(name, False, str(error), error.hint)


def _contract(environment: Environment) -> str:
    facts = standing.accepted_contract(environment)
    return f"of the {facts.contour} contour is accepted" if facts else "not accepted yet: the link stays closed"


def _in_force(environment: Environment) -> str:
    looked = standing.certificates_in_force(environment)
    return f"{looked} are in force" if looked else "none made yet"


def _certificates(environment: Environment) -> Checked:
    """Those that end soon stop nothing yet, and are named in time."""
    name = "certificates"
    found = _told(name, lambda: _in_force(environment))
    ending = standing.certificates_ending(environment) if found.ok else []
    if not ending:
        return found
    told = f"{found.told}; within {pki.RENEW_BEFORE.days} days end {', '.join(ending)}"
    return Checked(name, True, told, "`larets env rotate certificates`, plan, apply")


def _images(environment: Environment) -> str:
    standing.refuse_placeholders(environment)
    return "are by digest, from the registries listed"  # else the settings would not have been read


def _version(cluster: Cluster, environment: Environment) -> Checked:
    said = cluster.request("GET", "/version")
    major, minor = int(said["major"]), int("".join(filter(str.isdigit, said["minor"])))
    wanted = tuple(int(part) for part in environment.settings.cluster.kubernetes.split("."))
    told = f"Kubernetes {major}.{minor}"
    if (major, minor) < OLDEST:
        return Checked("version", False, f"{told} is too old", f"{OLDEST[0]}.{OLDEST[1]} is the oldest that will do")
    if (major, minor) < wanted:
        return Checked(
            "version",
            False,
            f"{told}, and the settings say {wanted[0]}.{wanted[1]}",
            f"correct {environment.at('cluster', 'kubernetes')}, or upgrade the cluster",
        )
    return Checked("version", True, told)


def _clock(cluster: Cluster) -> Checked:
    skew = abs(parsedate_to_datetime(cluster.date()).timestamp() - time.time())
    hint = "" if skew < SKEW else "set both clocks by one time server: certificates and tokens depend on them"
    return Checked("clock", skew < SKEW, f"{skew:.0f} s apart from the cluster's", hint)


def _kinds(cluster: Cluster, manifests: list[dict[str, Any]], environment: Environment) -> Checked:
    del environment
    lacking = set()
    for api_version, kind in {(one["apiVersion"], one["kind"]) for one in manifests}:
        try:
            cluster.where(api_version, kind)
        except EnvProblem:
            lacking.add(f"{kind} ({api_version})")
    told = f"the cluster lacks {', '.join(sorted(lacking))}" if lacking else "all are known"
    return Checked("crds", not lacking, told, "install the operators that bring them" if lacking else "")


def _rights(cluster: Cluster, manifests: list[dict[str, Any]], environment: Environment) -> Checked:
    del environment
    wanted = set()
    for one in manifests:
        group = one["apiVersion"].rpartition("/")[0]
        try:
            kind = cluster.where(one["apiVersion"], one["kind"])
        except EnvProblem:
            continue  # told by the check of kinds
        wanted.add((group, kind.plural, one["metadata"].get("namespace", "") if kind.namespaced else ""))
    asked = [(verb, *one) for one in sorted(wanted) for verb in VERBS]
    asked += [("list", *one) for one in sorted(looked_at(cluster, manifests))]
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        granted = list(pool.map(lambda one: cluster.may(*one), asked))
    lacking = [
        f"{verb} {resource}{f' in {place}' if place else ''}"
        for (verb, _, resource, place), may in zip(asked, granted, strict=True)
        if not may
    ]
    shown = ", ".join(lacking[:8]) + (f" and {len(lacking) - 8} more" if len(lacking) > 8 else "")  # noqa: PLR2004
    told = f"may not {shown}" if lacking else f"{len(asked)} are granted"
    return Checked("rights", not lacking, told, "have them granted to this account" if lacking else "")


def _capacity(cluster: Cluster, manifests: list[dict[str, Any]], environment: Environment) -> Checked:
    """Room for what is asked for at first, while it is rolled out; what an autoscaler adds later is the quotas'."""
    asked = asked_for(manifests, "rolled out")
    there = given_by(cluster.request("GET", "/api/v1/nodes")["items"])
    lacking = short_of(asked, {line: there[line] for line in ("pods", CPU, MEMORY) if line in there})
    if lacking:
        return Checked("capacity", False, f"the nodes have {lacking}", f"add nodes, or lower {environment.at('sizes')}")
    return Checked("capacity", True, f"{asked[CPU]} cores and {asked[MEMORY]:.1f} GiB are asked for")


def _quotas(cluster: Cluster, manifests: list[dict[str, Any]], environment: Environment) -> Checked:
    """The quotas in force, and those the platform stack will bring, against each namespace at its largest."""
    there = [one for one in cluster.request("GET", "/api/v1/resourcequotas")["items"] if not _of_some_pods(one)]
    for quota in [*there, *(one for one in manifests if one["kind"] == "ResourceQuota")]:
        place = quota["metadata"]["namespace"]
        inside = [one for one in manifests if one["metadata"].get("namespace") == place]
        if lacking := short_of(asked_for(inside, "largest"), given_by([quota])):
            part = _SIZED_BY.get(place, "sizes")
            hint = f"raise the quota of namespace {place}, or lower {environment.at(*part.split('.'))}"
            return Checked("quotas", False, f"the quota of {place} allows {lacking}", hint)
    return Checked("quotas", True, "are large enough")


def _of_some_pods(quota: Mapping[str, Any]) -> bool:
    return bool(quota["spec"].get("scopes") or quota["spec"].get("scopeSelector"))


def short_of(asked: Asked, there: Asked) -> str:
    """What is asked for beyond what is there, or nothing."""
    return ", ".join(
        f"{allowed.normalize():f} {line} of {asked[line].normalize():f}"
        for line, allowed in there.items()
        if asked[line] > allowed
    )


def _storage(cluster: Cluster, manifests: list[dict[str, Any]], environment: Environment) -> Checked:
    """Whether a class lets pods of several nodes write, no cluster tells: docs/clouds.md."""
    wanted = claimed_classes(manifests)
    if not wanted:
        return Checked("storage class", True, "none is needed")
    classes = cluster.request("GET", "/apis/storage.k8s.io/v1/storageclasses")["items"]
    known = ", ".join(one["metadata"]["name"] for one in classes) or "none"
    for name in ("storage_class", "shared_storage_class"):
        named = getattr(environment.settings.cluster, name)
        if named in wanted - {one["metadata"]["name"] for one in classes} - {""}:
            where = environment.at("cluster", name)
            return Checked("storage class", False, f"{named} is not there", f"{where}: there are: {known}")
    defaults = [one for one in classes if (one["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) == "true"]
    if "" in wanted and not defaults:
        return Checked("storage class", False, "no default class", f"set `cluster.storage_class`; there are: {known}")
    return Checked("storage class", True, ", ".join(one or "the default one" for one in sorted(wanted)))


def _classes(cluster: Cluster, manifests: list[dict[str, Any]], environment: Environment) -> Checked:
    gateways = {one["spec"]["gatewayClassName"] for one in manifests if one["kind"] == "Gateway"}
    for name in gateways:
        if cluster.read(
            {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": name}}
        ):
            continue
        return Checked("load balancer", False, f"there is no GatewayClass {name}", "install the gateway's controller")
    balanced = [one for one in manifests if one["kind"] == "Service" and one["spec"].get("type") == "LoadBalancer"]
    named = environment.settings.cluster.load_balancer_class
    if balanced and not named:
        return Checked("load balancer", True, "the cluster's default class", "name it in `cluster.load_balancer_class`")
    return Checked("load balancer", True, named or "none is needed")
