"""One real control plane on loopback ports: etcd, API server, controller manager, scheduler, and KWOK for the nodes.

All data stand in one folder, which the caller removes. The processes end with `stop`, by their own ids.
"""

import base64
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from scripts.env.errors import ClusterAway, EnvProblem
from scripts.env.kube import Cluster, connect
from scripts.local.sockets import free_ports
from scripts.tools.tool import BIN, PLACE

STAGES: Final = PLACE / "kwok"
STORAGE: Final = "volume-fast-storage-class.yaml"  # an object among the stages
PATIENCE: Final = 60.0
STOP_SECONDS: Final = 2.0  # data are thrown away, so nobody needs to be waited for
ADMISSION: Final = "NodeRestriction"
NODE_CPU, NODE_MEMORY = "16", "64Gi"
ROOT_GROUP: Final = "system:masters"


class PlaneProblem(EnvProblem):
    """A control plane of the rehearsal did not start."""

    hint = "read the logs in the folder it names; `make tools` builds what is missing"


@dataclass(slots=True)
class Plane:
    """A started control plane. `users` are further names with a token of their own and no rights yet."""

    name: str
    folder: Path
    users: Sequence[str] = ()
    nodes: int = 2
    address: str = "127.0.0.1"
    tokens: dict[str, str] = field(default_factory=dict)
    port: int = 0
    others: list[int] = field(default_factory=list)  # ports of all else; etcd stores its own, so they stay
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def context(self) -> str:
        return f"rehearsal-{self.name}"

    @property
    def server(self) -> str:
        return f"https://{self.address}:{self.port}"

    def start(self) -> "Plane":
        """Raises PlaneProblem with the folder of the logs."""
        self.prepare()
        self.run_control()
        self._run_nodes()
        return self

    def prepare(self) -> None:
        """The folder with keys and names of users; nothing runs yet."""
        self.folder.mkdir(parents=True)
        own, *self.others = free_ports(6)
        self.port = self.port or own
        self.tokens = {user: secrets.token_urlsafe(24) for user in ("admin", *self.users)}
        self._write_keys()

    def run_control(self) -> None:
        """Start the control plane on what the folder holds, also again. Raises PlaneProblem."""
        etcd, peer, manager, scheduler, _ = self.others
        self.run(
            "etcd",
            f"--data-dir={self.folder}/etcd",
            f"--listen-client-urls=http://127.0.0.1:{etcd}",
            f"--advertise-client-urls=http://127.0.0.1:{etcd}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-cluster=default=http://127.0.0.1:{peer}",
            "--unsafe-no-fsync",
            "--log-level=error",
        )
        self.run(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{etcd}",
            f"--bind-address={self.address}",
            f"--advertise-address={self.address}",
            f"--secure-port={self.port}",
            f"--cert-dir={self.folder}/tls",
            f"--token-auth-file={self.folder}/tokens.csv",
            "--authorization-mode=Node,RBAC",
            f"--enable-admission-plugins={ADMISSION}",
            f"--encryption-provider-config={self.folder}/encryption.yaml",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.folder}/accounts.key",
            f"--service-account-signing-key-file={self.folder}/accounts.key",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--allow-privileged=true",  # so that it is Pod Security which refuses
            *self.server_flags(),
        )
        self._await_server()
        config = self.folder / "admin.kubeconfig"
        self.run(
            "kube-controller-manager",
            f"--kubeconfig={config}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            f"--secure-port={manager}",
            f"--service-account-private-key-file={self.folder}/accounts.key",
            f"--root-ca-file={self.folder}/tls/apiserver.crt",
            "--use-service-account-credentials=true",
            "--controllers=*,bootstrap-signer-controller,token-cleaner-controller",
        )
        self.run(
            "kube-scheduler",
            f"--kubeconfig={config}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            f"--secure-port={scheduler}",
        )

    def _run_nodes(self) -> None:
        config, kwok = self.folder / "admin.kubeconfig", self.others[-1]
        stages = [f"--config={path}" for path in sorted(STAGES.glob("*.yaml")) if path.name != STORAGE]
        self.run(
            "kwok",
            f"--kubeconfig={config}",
            "--manage-all-nodes=true",
            "--node-lease-duration-seconds=40",
            f"--server-address=127.0.0.1:{kwok}",
            *stages,
        )
        self._add_nodes()
        self.cluster().apply(yaml.safe_load((STAGES / STORAGE).read_text()))

    def server_flags(self) -> tuple[str, ...]:
        """What the API server is told of its nodes: simulated ones are called by nobody."""
        return ("--endpoint-reconciler-type=none",)

    def group_of(self, user: str) -> str:
        return ROOT_GROUP if user == "admin" else ""

    def command(self, program: str, arguments: Sequence[str]) -> list[str]:
        return [str(BIN / program), *arguments]

    def anew(self) -> "Plane":
        """Another control plane at the same address, started. Raises PlaneProblem."""
        return Plane(self.name, self.folder, self.users, self.nodes, self.address, port=self.port).start()

    def stop(self) -> None:
        """End the processes, last started first; data stay in the folder."""
        for process in reversed(self.processes.values()):
            process.send_signal(signal.SIGTERM)
        for process in reversed(self.processes.values()):
            try:
                process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()

    def kubeconfig(self, user: str = "admin") -> str:
        authority = base64.b64encode((self.folder / "tls" / "apiserver.crt").read_bytes()).decode()
        whole: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": self.name, "cluster": {"server": self.server, "certificate-authority-data": authority}}
            ],
            "users": [{"name": user, "user": {"token": self.tokens[user]}}],
            "contexts": [{"name": self.context, "context": {"cluster": self.name, "user": user}}],
            "current-context": self.context,
        }
        return yaml.safe_dump(whole, sort_keys=False)

    def cluster(self, user: str = "admin") -> Cluster:
        return connect(self.kubeconfig(user), self.context)

    def run(self, program: str, *arguments: str) -> None:
        if not (BIN / program).exists():
            raise PlaneProblem(f"{program} is not built", hint="run `make tools`")
        command = self.command(program, arguments)
        with (self.folder / f"{program}.log").open("ab") as log:
            self.processes[program] = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, start_new_session=True, env=self.surroundings()
            )

    def _write_keys(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        (self.folder / "accounts.key").write_bytes(pem)
        groups = {user: self.group_of(user) for user in self.tokens}
        rows = [
            f"{token},{user},{user}" + (f',"{groups[user]}"' if groups[user] else "")
            for user, token in self.tokens.items()
        ]
        (self.folder / "tokens.csv").write_text("\n".join(rows) + "\n")
        secret = base64.b64encode(secrets.token_bytes(32)).decode()
        encryption = {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "EncryptionConfiguration",
            "resources": [
                {"resources": ["secrets"], "providers": [{"secretbox": {"keys": [{"name": "k", "secret": secret}]}}]}
            ],
        }
        (self.folder / "encryption.yaml").write_text(yaml.safe_dump(encryption))

    def _await_server(self) -> None:
        until = time.monotonic() + PATIENCE
        while True:
            ended = [name for name, process in self.processes.items() if process.poll() is not None]
            if ended or time.monotonic() > until:
                self.stop()
                raise PlaneProblem(f"the control plane {self.name} did not start: see {self.folder}")
            try:
                (self.folder / "admin.kubeconfig").write_text(self.kubeconfig())
                if self.cluster().request("GET", "/readyz") == "ok":
                    return
            except (EnvProblem, FileNotFoundError, ClusterAway):
                time.sleep(0.1)

    def _add_nodes(self) -> None:
        size: Mapping[str, str] = {"cpu": NODE_CPU, "memory": NODE_MEMORY, "pods": "110"}
        for number in range(self.nodes):
            node = {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {
                    "name": f"node-{number}",
                    "annotations": {"kwok.x-k8s.io/node": "fake"},
                    "labels": {"kubernetes.io/hostname": f"node-{number}", "kubernetes.io/os": "linux"},
                },
                "status": {"allocatable": size, "capacity": size},
            }
            self.cluster().request("POST", "/api/v1/nodes", body=node)

    def surroundings(self) -> dict[str, str]:
        """The environment of every program of the plane."""
        return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "GOMAXPROCS": "2"}
