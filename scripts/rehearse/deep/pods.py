"""The pods of a contour, each with the network namespace that it lives in on the node."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from infra.lib.names import NAMESPACES
from scripts.local.instance import ROOT
from scripts.rehearse.deep import probe
from scripts.rehearse.deep.node import Node
from scripts.rehearse.deep.room import end
from scripts.rehearse.plane import PlaneProblem

NETWORKS: Final = "/run/netns"  # of the node's own /run
NAME: Final = "app.kubernetes.io/name"


@dataclass(frozen=True, slots=True)
class Pod:
    """A running pod. `network`: the path of its network namespace, inside the node's room."""

    namespace: str
    name: str
    labels: Mapping[str, str]
    address: str
    ports: tuple[int, ...]
    network: str
    node: Node

    def __str__(self) -> str:
        return f"{self.namespace}/{self.labels.get(NAME, self.name)}"

    def enter(self, *command: str) -> list[str]:
        """The command line that runs `command` with the pod's network, and all else of the node's."""
        return self.node.room.enter("nsenter", f"--net={self.network}", "--", *command)

    def probe(self, *arguments: str) -> list[str]:
        return self.enter(sys.executable, "-m", probe.__name__, *arguments)


def of(node: Node, namespaces: Sequence[str] = ()) -> list[Pod]:
    """Running pods of the contour's own namespaces. Raises PlaneProblem: one has no network."""
    networks = _networks(node)
    listed = node.plane.cluster().request("GET", "/api/v1/pods")["items"]
    inside = namespaces or tuple(NAMESPACES[node.side])
    running = [pod for pod in listed if pod["metadata"]["namespace"] in inside and _runs(pod)]
    return [_pod(pod, networks, node) for pod in running]


def _runs(pod: Mapping[str, Any]) -> bool:
    return bool(pod["status"]["phase"] == "Running" and not pod["metadata"].get("deletionTimestamp"))


def _pod(pod: Mapping[str, Any], networks: Mapping[str, str], node: Node) -> Pod:
    meta, address = pod["metadata"], pod["status"]["podIP"]
    if address not in networks:
        raise PlaneProblem(f"the network of {meta['namespace']}/{meta['name']} is not on its node")
    ports = tuple(port["containerPort"] for one in pod["spec"]["containers"] for port in one.get("ports", []))
    return Pod(meta["namespace"], meta["name"], meta.get("labels", {}), address, ports, networks[address], node)


def _networks(node: Node) -> dict[str, str]:
    """Pods' addresses → their network namespaces."""
    found: dict[str, str] = {}
    for name in node.room.run("ls", NETWORKS).split():
        path = f"{NETWORKS}/{name}"
        told = node.room.run("nsenter", f"--net={path}", "ip", "-o", "-4", "address", "show", "eth0", quiet=True)
        if "inet " in told:
            found[told.split("inet ")[1].split("/")[0]] = path
    return found


@contextmanager
def listening(commands: Sequence[Sequence[str]]) -> Iterator[None]:
    """Listeners started by these commands, and ended. Raises PlaneProblem: one could not listen."""
    started = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for command in commands
    ]
    try:
        for process in started:
            if process.stdout is None or process.stdout.readline().strip() != "listening":
                raise PlaneProblem("a listener of the probe did not start")
        yield
    finally:
        for process in started:
            end(process, signal.SIGKILL)
