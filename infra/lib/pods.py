"""Pods as Kubernetes knows them, with every safeguard that Pod Security and the benchmarks ask for. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from infra.lib.parts import WorkloadSize

USER: Final = 10001  # above the ids of any node's own accounts
_READ_ONLY: Final = 0o440
RUN: Final = "/run/larets"
TEMPORARY: Final = "/tmp"  # noqa: S108  the pod's own, in its own volume


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder of a pod: of a Secret, a ConfigMap, a claim, or empty. `items` renames keys to file names.

    `audience`: the file `token` by which the pod signs in there, and nowhere else; the kubelet renews it.
    """

    name: str
    path: str
    secret: str = ""
    config: str = ""
    claim: str = ""
    audience: str = ""
    items: Mapping[str, str] = field(default_factory=dict)
    size: str = "64Mi"

    def volume(self) -> dict[str, Any]:
        items = {"items": [{"key": key, "path": path} for key, path in self.items.items()]} if self.items else {}
        if self.secret:
            return {"name": self.name, "secret": {"secretName": self.secret, "defaultMode": _READ_ONLY} | items}
        if self.config:
            return {"name": self.name, "configMap": {"name": self.config, "defaultMode": _READ_ONLY} | items}
        if self.claim:
            return {"name": self.name, "persistentVolumeClaim": {"claimName": self.claim}}
        if self.audience:
            token = {"path": "token", "audience": self.audience, "expirationSeconds": 3600}
            source = [{"serviceAccountToken": token}]
            return {"name": self.name, "projected": {"sources": source, "defaultMode": _READ_ONLY}}
        return {"name": self.name, "emptyDir": {"sizeLimit": self.size}}

    def mount(self) -> dict[str, Any]:
        changing = not (self.secret or self.config or self.audience)
        return {"name": self.name, "mountPath": self.path, "readOnly": not changing}


@dataclass(frozen=True, slots=True)
class Probe:
    """How the kubelet asks: over HTTP by host name, or by a command."""

    port: int = 0
    ready: str = "/readyz"
    live: str = "/healthz"
    host: str = ""
    scheme: str = "HTTP"
    command: tuple[str, ...] = ()

    def _ask(self, path: str) -> dict[str, Any]:
        if self.command:
            return {"exec": {"command": list(self.command)}}
        headers = {"httpHeaders": [{"name": "Host", "value": self.host}]} if self.host else {}
        return {"httpGet": {"path": path, "port": self.port, "scheme": self.scheme} | headers}

    def probes(self) -> dict[str, Any]:
        """Slow to give up on a start, quick to take out of service, slow to kill."""
        often = {"periodSeconds": 5, "timeoutSeconds": 4}
        return {
            "startupProbe": self._ask(self.live) | {"periodSeconds": 2, "timeoutSeconds": 4, "failureThreshold": 60},
            "readinessProbe": self._ask(self.ready) | often | {"failureThreshold": 2},
            "livenessProbe": self._ask(self.live) | {"periodSeconds": 10, "timeoutSeconds": 8, "failureThreshold": 6},
        }


@dataclass(frozen=True, slots=True)
class Container:
    """One process of a pod. `env` holds no secret: those are files."""

    name: str
    image: str
    command: tuple[str, ...]
    size: WorkloadSize
    env: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    probe: Probe | None = None

    def manifest(self) -> dict[str, Any]:
        described: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in sorted(self.env.items())]
        described += [
            {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in self.fields.items()
        ]
        return {
            "name": self.name,
            "image": self.image,
            "imagePullPolicy": "IfNotPresent",
            "command": list(self.command),
            **({"env": described} if described else {}),
            **({"ports": [_port(name, port) for name, port in self.ports.items()]} if self.ports else {}),
            "volumeMounts": [mount.mount() for mount in self.mounts],
            "resources": {
                "requests": {"cpu": self.size.cpu, "memory": self.size.memory},
                "limits": {"cpu": self.size.cpu_limit, "memory": self.size.memory},
            },
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "privileged": False,
                "readOnlyRootFilesystem": True,
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "capabilities": {"drop": ["ALL"]},
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            **(self.probe.probes() if self.probe else {}),
        }


def _port(name: str, port: int) -> dict[str, Any]:
    return {"name": name, "containerPort": port, "protocol": "TCP"}


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of one container, with what runs before it."""

    container: Container
    labels: Mapping[str, str]
    before: tuple[Container, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    account: str = "default"
    restart: str = "Always"
    grace_seconds: int = 40

    def template(self) -> dict[str, Any]:
        """The template of a Deployment, StatefulSet or Job."""
        everyone = (*self.before, self.container)
        volumes = {mount.name: mount.volume() for one in everyone for mount in one.mounts}
        name = next(iter(self.labels.values()))
        spec: dict[str, Any] = {
            "serviceAccountName": self.account,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "hostNetwork": False,
            "hostPID": False,
            "hostIPC": False,
            "restartPolicy": self.restart,
            "terminationGracePeriodSeconds": self.grace_seconds,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "fsGroupChangePolicy": "OnRootMismatch",
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [self.container.manifest()],
            "volumes": list(volumes.values()),
        }
        if self.before:
            spec["initContainers"] = [one.manifest() for one in self.before]
        if self.aliases:
            spec["hostAliases"] = [{"ip": ip, "hostnames": [host]} for host, ip in sorted(self.aliases.items())]
        if self.restart == "Always":
            spec["topologySpreadConstraints"] = [
                _spread(key, name) for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
            ]
        annotated = {"annotations": dict(self.annotations)} if self.annotations else {}
        return {"metadata": {"labels": dict(self.labels)} | annotated, "spec": spec}


def _spread(key: str, name: str) -> dict[str, Any]:
    return {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app.kubernetes.io/name": name}},
    }


def temporary(size: str = "128Mi") -> Mount:
    return Mount("tmp", TEMPORARY, size=size)
