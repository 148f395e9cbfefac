"""Who reaches whom, tried: from the network of every pod to every other pod and to hosts outside, and from outside.

What should be open is asked of `infra.paths`, what is open of the kernel. The twins: a policy with a hole is put in,
one is taken away, the fence is taken down; each time the probe has to notice what that opened.
"""

import ipaddress
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from infra.lib import names
from infra.paths import METADATA as NEVER
from infra.paths import End, Networks, Path, paths
from infra.programs.common import peer_of
from scripts.env.environment import open_environment
from scripts.env.place import SIDES, Side
from scripts.local.instance import ROOT
from scripts.rehearse.deep import pods, probe
from scripts.rehearse.deep.addresses import API_PORT, KEY_SERVICE, METADATA, OF, RELAY, STRANGER
from scripts.rehearse.deep.answers import KEY_PORT, OTHER
from scripts.rehearse.deep.pods import Pod
from scripts.rehearse.deep.stage import DeepStage
from scripts.rehearse.stage import NAME, CheckFailed

EXTRA: Final = 9999  # where nothing of ours listens, but the probe's own listener in every pod
HTTP: Final = 80
KUBELET: Final = 10250
PATIENCE: Final = 45.0
HOLE: Final[dict[str, Any]] = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "hole", "namespace": names.DATA},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]},
}


@dataclass(frozen=True, slots=True)
class Host:
    """An address that is no pod of the contour."""

    name: str
    address: str
    ports: tuple[int, ...]

    def __str__(self) -> str:
        return self.name


Target = Pod | Host
Way = tuple[str, str, int]  # source, target, port: what a verdict is about


def every_path(stage: DeepStage) -> dict[str, Any]:
    """Both contours side by side, with their link open: what a twin opens in one, opens no way out of the other."""
    with pods.listening([_outside()]), ThreadPoolExecutor() as both:
        sides: Iterable[str] = SIDES
        told: dict[str, Any] = dict(zip(sides, both.map(lambda side: _contour(stage, side), SIDES), strict=True))
    _from_outside(stage)
    return told


def _contour(stage: DeepStage, side: Side) -> dict[str, int]:
    own, system = pods.of(stage.nodes[side]), pods.of(stage.nodes[side], ("kube-system",))
    allowed = _allowed(stage, side)
    targets: list[Target] = [*own, *system, *hosts(side)]
    with pods.listening([pod.probe("listen", str(EXTRA)) for pod in (*own, *system)]):
        wanted = {way for way, open_ in _ways(own, targets, allowed) if open_}
        _until(lambda: _open(own, targets), wanted, f"{side}, as deployed")
        _twin_hole(stage, side, own, targets, wanted)
        _twin_without(stage, side, own, targets, wanted)
    tried = sum(1 for _ in _ways(own, targets, allowed))
    return {"tried": tried, "open": len(wanted)}


def hosts(side: Side) -> list[Host]:
    """What stands outside a contour, the node that carries it included."""
    other = OF[OTHER[side]]
    return [
        Host("stranger", STRANGER, (names.PUBLIC_PORT,)),
        Host("relay's provider", RELAY, (names.PUBLIC_PORT,)),
        Host("key service", KEY_SERVICE, (KEY_PORT,)),
        Host("metadata", METADATA, (HTTP,)),
        Host("other contour's edge", other.edge, (names.PUBLIC_PORT, names.LINK_PORT)),
        Host("other contour's node", other.node, (API_PORT, KUBELET)),
        Host("own node", OF[side].node, (API_PORT, KUBELET)),
        Host("own edge from outside", OF[side].edge, (names.PUBLIC_PORT, names.LINK_PORT)),
    ]


def _allowed(stage: DeepStage, side: Side) -> tuple[Path, ...]:
    settings = open_environment(NAME, side).settings
    del stage
    return paths(settings, peer_of(settings))


def _outside() -> list[str]:
    """Listeners of the hosts on the internet; the key service listens itself, at its own address."""
    return [sys.executable, "-m", probe.__name__, "listen", str(names.PUBLIC_PORT), str(HTTP)]


def _ways(own: Sequence[Pod], targets: Sequence[Target], allowed: Iterable[Path]) -> Iterable[tuple[Way, bool]]:
    """Every way that is tried, with what the list of paths says of it."""
    for source in own:
        for target, port in _from(source, targets):
            yield (str(source), str(target), port), lets(tuple(allowed), source, target, port)


def _from(source: Pod, targets: Sequence[Target]) -> list[tuple[Target, int]]:
    others = [target for target in targets if str(target) != str(source)]
    return [(target, port) for target in others for port in _ports(target)]


def _ports(target: Target) -> tuple[int, ...]:
    if isinstance(target, Host):
        return target.ports
    return (*target.ports, *((53,) if target.namespace == "kube-system" else ()), EXTRA)


def lets(allowed: Sequence[Path], source: Pod, target: Target, port: int) -> bool:
    """Both ends must agree: what leaves the source's pod, and what enters a pod of the contour."""
    out = any(not isinstance(path.source, Networks) and _is(path.source, source) and _is(path.target, target)
              and port in path.ports for path in allowed)  # fmt: skip
    if isinstance(target, Host) or target.namespace not in {*names.NAMESPACES["private"], *names.NAMESPACES["public"]}:
        return out
    into = any(not isinstance(path.target, Networks) and _is(path.target, target) and _is(path.source, source)
               and port in path.ports for path in allowed)  # fmt: skip
    return out and into


def _is(end: End, one: Target) -> bool:
    if isinstance(end, Networks):
        address = ipaddress.ip_address(one.address)
        barred = [ipaddress.ip_network(network) for whole in end.networks for network in NEVER.get(whole, ())]
        there = any(address in ipaddress.ip_network(network) for network in end.networks)
        return there and not any(address in network for network in barred)
    return isinstance(one, Pod) and one.namespace == end.namespace and set(end.labels) <= set(one.labels.items())


def _open(own: Sequence[Pod], targets: Sequence[Target]) -> set[Way]:
    """What is open, tried from all pods at once."""
    running = []
    for source in own:
        asked = [[target.address, port] for target, port in _from(source, targets)]
        process = subprocess.Popen(
            source.probe("connect"), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        running.append((source, process, json.dumps(asked)))
    found: set[Way] = set()
    for source, process, given in running:
        answered = json.loads(process.communicate(given)[0] or "null")
        if answered is None:
            raise CheckFailed(f"the probe from {source} gave no answer")
        ways = _from(source, targets)
        found |= {
            (str(source), str(target), port) for (target, port), there in zip(ways, answered, strict=True) if there
        }
    return found


def _until(look: Callable[[], set[Way]], wanted: set[Way], where: str) -> None:
    """The controller takes a moment to follow a change.

    Raises:
        CheckFailed: what is open is not what should be, after the time.
    """
    until = time.monotonic() + PATIENCE
    while (found := look()) != wanted:
        if time.monotonic() > until:
            more, less = sorted(found - wanted), sorted(wanted - found)
            raise CheckFailed(f"{where}: open and should not: {more[:6]}; should be open: {less[:6]}")
        time.sleep(1)


def _twin_hole(stage: DeepStage, side: Side, own: Sequence[Pod], targets: Sequence[Target], wanted: set[Way]) -> None:
    """Everything into the database's namespace: still nobody may leave his own pod for another port of it."""
    cluster = stage.cluster(side)
    source = next(pod for pod in own if str(pod).endswith(("vault/vault", "app/app")))
    goes = {**HOLE, "metadata": {"name": "hole", "namespace": source.namespace}}
    goes["spec"] = {"podSelector": {"matchLabels": {pods.NAME: source.labels[pods.NAME]}}, "policyTypes": ["Egress"],
                    "egress": [{}]}  # fmt: skip
    for policy in (HOLE, goes):
        cluster.apply(policy)
    opened = {way for way in _all(own, targets) if way[0] == str(source) and way[1].startswith(f"{names.DATA}/")}
    _await_more(own, targets, opened, f"{side}: a policy with a hole was not noticed")
    for policy in (HOLE, goes):
        cluster.delete(policy)
    _until(lambda: _open(own, targets), wanted, f"{side}, hole closed again")


def _twin_without(
    stage: DeepStage, side: Side, own: Sequence[Pod], targets: Sequence[Target], wanted: set[Way]
) -> None:
    """Without the policies of the edge's namespace its pods go where they like."""
    cluster = stage.cluster(side)
    where = "/apis/networking.k8s.io/v1/namespaces/edge/networkpolicies"
    taken = [_as_made(one) for one in cluster.request("GET", where)["items"]]
    for policy in taken:
        cluster.delete(policy)
    source = next(str(pod) for pod in own if pod.namespace == names.EDGE)
    opened = {(source, "stranger", names.PUBLIC_PORT), (source, "metadata", HTTP)}
    _await_more(own, targets, opened, f"{side}: the loss of a policy was not noticed")
    for policy in taken:
        cluster.apply(policy)
    _until(lambda: _open(own, targets), wanted, f"{side}, policies back")


def _as_made(policy: dict[str, Any]) -> dict[str, Any]:
    meta = policy["metadata"]
    kept = {key: meta[key] for key in ("name", "namespace", "labels", "annotations") if key in meta}
    return {"apiVersion": HOLE["apiVersion"], "kind": HOLE["kind"], "metadata": kept, "spec": policy["spec"]}


def _all(own: Sequence[Pod], targets: Sequence[Target]) -> set[Way]:
    return {(str(source), str(target), port) for source in own for target, port in _from(source, targets)}


def _await_more(own: Sequence[Pod], targets: Sequence[Target], more: set[Way], otherwise: str) -> None:
    until = time.monotonic() + PATIENCE
    while not more <= _open(own, targets):
        if time.monotonic() > until:
            raise CheckFailed(otherwise)
        time.sleep(1)


def _from_outside(stage: DeepStage) -> None:
    """From the internet the browser's port of each edge, and for the administrator the API server; nothing else.

    The twin: with the fence taken down the edge's pod is reached round its address.
    """
    for side in SIDES:
        node, own = stage.nodes[side], OF[side]
        subprocess.run(["ip", "route", "replace", own.pods, "via", own.node], check=True)
        for pod in pods.of(node):
            if any(_from_here(_round_the_edge(pod))):
                raise CheckFailed(f"{pod} is reached from outside round its edge")
        asked = {(own.edge, names.PUBLIC_PORT): True, (own.edge, names.LINK_PORT): False,
                 (own.node, API_PORT): True, (own.node, KUBELET): False}  # fmt: skip
        found = _from_here([list(one) for one in asked])
        if found != list(asked.values()):
            raise CheckFailed(f"from outside {side} shows {dict(zip(asked, found, strict=True))}")
        [edge] = pods.of(node, (names.EDGE,))
        node.unfence()
        try:
            if not any(_from_here(_round_the_edge(edge))):
                raise CheckFailed(f"{side}: the loss of the fence was not noticed")
        finally:
            node.fence()


def _round_the_edge(pod: Pod) -> list[Any]:
    return [[pod.address, port] for port in (*pod.ports, EXTRA)]


def _from_here(targets: list[Any]) -> list[bool]:
    command = [sys.executable, "-m", probe.__name__, "connect"]
    done = subprocess.run(command, cwd=ROOT, input=json.dumps(targets), capture_output=True, text=True, check=True)
    found: list[bool] = json.loads(done.stdout)
    return found
