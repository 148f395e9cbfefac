"""A real cluster of one node in a room of its own: control plane, containerd, kubelet, kube-proxy, kube-router.

All it keeps stands in one folder; all it runs ends with its room. `cut_power` and `boot` are what a machine's power
switch does: every process gone at once, and up again on what the disk holds. `lose` takes the disk too.
"""

import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import yaml

from infra.pki import issue, make_authority
from scripts.env.errors import EnvProblem
from scripts.env.place import Side
from scripts.rehearse.deep import runtime, wire
from scripts.rehearse.deep.addresses import API_PORT, OF, SERVICES, Addresses
from scripts.rehearse.deep.room import Room, end
from scripts.rehearse.deep.sweep import GROUPS, note_groups
from scripts.rehearse.plane import Plane, PlaneProblem
from scripts.tools import node as programs
from scripts.tools.tool import BIN, PLACE

NODE_PROGRAMS: Final = ("containerd", "kubelet", "kube-proxy", "kube-router")
# Started again when they end, as a service manager does: containerd answers before it knows its containers again.
STARTED_AGAIN: Final = NODE_PROGRAMS[1:]
PATIENCE: Final = 150.0
LEASES: Final = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


@dataclass(slots=True)
class NodePlane(Plane):
    """A control plane inside a room, which calls a real kubelet back."""

    room: Room | None = None

    def command(self, program: str, arguments: Sequence[str]) -> list[str]:
        if self.room is None:
            raise PlaneProblem(f"the node {self.name} is off")
        return self.room.enter(str(BIN.resolve() / program), *arguments)

    def server_flags(self) -> tuple[str, ...]:
        return (
            f"--kubelet-client-certificate={self.folder}/caller.crt",
            f"--kubelet-client-key={self.folder}/caller.key",
            "--kubelet-preferred-address-types=InternalIP",
        )

    def group_of(self, user: str) -> str:
        return "system:nodes" if user.startswith("system:node:") else Plane.group_of(self, user)

    def surroundings(self) -> dict[str, str]:
        return Plane.surroundings(self) | programs.surroundings()


@dataclass(slots=True)
class Node:
    """One contour's cluster. `users` are further names that its API server knows."""

    side: Side
    folder: Path
    users: tuple[str, ...] = ()
    plane: NodePlane = field(init=False)

    def __post_init__(self) -> None:
        self.plane = self._new_plane()

    def _new_plane(self) -> NodePlane:
        return NodePlane(
            self.side,
            self.folder / "plane",
            users=(f"system:node:{self.side}", "system:kube-proxy", "kube-router", *self.users),
            address=self.own.node,
            port=API_PORT,
        )

    @property
    def own(self) -> Addresses:
        return OF[self.side]

    @property
    def room(self) -> Room:
        if self.plane.room is None:
            raise PlaneProblem(f"the node {self.side} is off")
        return self.plane.room

    def start(self) -> "Node":
        """For the first time, or anew after all was lost. Raises PlaneProblem."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.plane.prepare()
        self._write()
        self.boot()
        return self

    def unlock(self) -> None:
        """Its room. It ends with the thread that opened it, so this is for the main one."""
        self.plane.room = Room.open(self.side)

    def boot(self) -> None:
        """Switch on: a room, and the same programs on the same folder. Raises PlaneProblem."""
        began = datetime.now(UTC)
        if self.plane.room is None:
            self.unlock()
        self._furnish()
        wire.attach(self.room, self.side)
        self.fence()
        self.plane.run_control()
        for program in NODE_PROGRAMS:
            self.run(program)
        self.await_ready(began)

    def fence(self) -> None:
        """Let in from outside what the contour lets in. Raises PlaneProblem."""
        self.room.run("nft", "-f", "-", env=self._env(), given=wire.fence(self.side))

    def unfence(self) -> None:
        """Let in whatever comes, until `fence`. Raises PlaneProblem."""
        self.room.run("nft", "delete", "table", "inet", "fence", env=self._env())

    def cut_power(self) -> None:
        """Every process of the node ends at once; the folder stays."""
        if self.plane.room is not None:
            self.plane.room.close()
            self.plane.room = None
            note_groups(self.folder)
        for process in self.plane.processes.values():
            process.wait()
        self.plane.processes.clear()

    def lose(self) -> None:
        """Power and disk at once. What starts next is another cluster, at the same addresses."""
        self.cut_power()
        groups = (self.folder / GROUPS).read_text()
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        (self.folder / GROUPS).write_text(groups)  # the machine's own note of what it has to clear away
        self.plane = self._new_plane()

    def run(self, program: str) -> None:
        """Start one of the node's own programs."""
        self.plane.run(program, *self._arguments()[program])
        if program == "containerd":
            self._until("containerd answers", lambda: bool(self.ctr("version", quiet=True)))

    def end(self, program: str) -> None:
        """Ask one of them to end, and wait. Containers go on without containerd and kubelet."""
        end(self.plane.processes.pop(program))

    def ctr(self, *arguments: str, quiet: bool = False) -> str:
        """Containerd's own command, on the images of Kubernetes."""
        command = (str(BIN.resolve() / "ctr"), f"--address={runtime.SOCKET}", "--namespace=k8s.io", *arguments)
        return self.room.run(*command, env=self._env(), quiet=quiet)

    def kubectl(self, *arguments: str) -> str:
        """As an administrator outside the node. Raises PlaneProblem."""
        where = [f"--kubeconfig={self.plane.folder / 'admin.kubeconfig'}"]
        done = subprocess.run([BIN / "kubectl", *where, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise PlaneProblem(f"{self.side}: kubectl {arguments[0]} failed: {done.stderr.strip()[-300:]}")
        return done.stdout

    def await_ready(self, since: datetime) -> None:
        """Until the kubelet has said so after `since`. Raises PlaneProblem with the folder of the logs."""
        self._until("its node is ready", lambda: self._is_ready(since))

    def _is_ready(self, since: datetime) -> bool:
        """What stands in the node's status may be what it said before it went away; its lease tells when it spoke."""
        lease = self.plane.cluster().request("GET", f"{LEASES}/{self.side}")
        if datetime.fromisoformat(lease["spec"]["renewTime"]) < since:
            return False
        node = self.plane.cluster().request("GET", f"/api/v1/nodes/{self.side}")
        beats = {one["type"]: one for one in node["status"].get("conditions", [])}
        return bool(beats.get("Ready", {}).get("status") == "True")

    def _until(self, what: str, holds: Callable[[], bool]) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            ended = [name for name, process in self.plane.processes.items() if process.poll() is not None]
            if gone := set(ended) - set(STARTED_AGAIN):
                raise PlaneProblem(f"{self.side}: {', '.join(sorted(gone))} ended; see {self.plane.folder}")
            for name in ended:
                self.run(name)
            try:
                if holds():
                    return
            except EnvProblem:
                pass
            time.sleep(0.5)
        raise PlaneProblem(f"{self.side}: in vain waited until {what}; see {self.plane.folder}")

    def _env(self) -> Mapping[str, str]:
        return self.plane.surroundings()

    def _furnish(self) -> None:
        """Mounts of its own: volumes must be seen by containers, and nothing of the machine's /run and logs."""
        logs = self.folder / "containers"
        logs.mkdir(exist_ok=True)
        for command in (
            ("mount", "--make-rshared", "/"),
            ("mount", "-t", "tmpfs", "run", "/run"),
            ("mount", "--bind", str(logs), "/var/log"),
            ("hostname", self.side),
        ):
            self.room.run(*command)

    def _write(self) -> None:
        """Keys and settings of all programs, once."""
        for folder in ("network", "plugins", "volumes"):
            (self.folder / folder).mkdir()
        now = datetime.now(UTC)
        authority = make_authority(f"callers of the kubelet of {self.side}", now=now)
        caller = issue(authority, "kube-apiserver", now=now)
        content = {
            "callers.crt": authority.certificate,
            "plane/caller.crt": caller.certificate,
            "plane/caller.key": caller.key,
            "resolv.conf": "",
            "network/pods.conflist": runtime.network(self.folder, self.own),
            "containerd.toml": runtime.containerd(self.folder, runc=PLACE.resolve() / "node/usr/sbin/runc"),
            "kubelet.yaml": yaml.safe_dump(runtime.kubelet(self.folder, self.own)),
            "kube-proxy.yaml": yaml.safe_dump(runtime.proxy(self.folder, self.own, self.side)),
        }
        for name, text in content.items():
            (self.folder / name).write_text(text)

    def _arguments(self) -> dict[str, tuple[str, ...]]:
        """Kubeconfigs name the API server's certificate, which it makes at its first start."""
        users = {"kubelet": f"system:node:{self.side}", "kube-proxy": "system:kube-proxy", "kube-router": "kube-router"}
        for program, user in users.items():
            (self.folder / f"{program}.kubeconfig").write_text(self.plane.kubeconfig(user))
        return {
            "containerd": (f"--config={self.folder}/containerd.toml",),
            "kubelet": (
                f"--config={self.folder}/kubelet.yaml",
                f"--kubeconfig={self.folder}/kubelet.kubeconfig",
                f"--root-dir={self.folder}/kubelet",
                f"--cert-dir={self.folder}/kubelet/pki",
                f"--hostname-override={self.side}",
                f"--node-ip={self.own.node}",
            ),
            "kube-proxy": (f"--config={self.folder}/kube-proxy.yaml",),
            "kube-router": (
                f"--kubeconfig={self.folder}/kube-router.kubeconfig",
                f"--hostname-override={self.side}",
                "--run-firewall=true",
                "--run-router=false",
                "--run-service-proxy=false",
                f"--service-cluster-ip-range={SERVICES}",
                "--health-port=0",
                "--metrics-port=0",
            ),
        }
