"""PostgreSQL of a contour: a CloudNativePG cluster, or one plain pod where a rehearsal has no operator."""

from dataclasses import dataclass
from typing import Any, Final, Literal

from infra.components.objects import Component, Manifest, Place, metadata
from infra.components.secrets import SecretArgs
from infra.lib import postgres
from infra.lib.demand import mebibytes, millicores
from infra.lib.labels import labels, selector
from infra.lib.names import DATA, POSTGRES, DataClass
from infra.lib.parts import WorkloadSize
from infra.lib.pods import RUN, Container, Mount, Pod, Probe, temporary
from infra.lib.postgres_sizing import MIB, STANDBY, sized

_DATA = "/var/lib/postgresql/data"


@dataclass(frozen=True, slots=True)
class DatabaseArgs:
    kind: Literal["cloudnative-pg", "statefulset"]
    data_class: DataClass
    image: str
    database: str
    owner: str
    runtime: str
    instances: int
    storage: str
    storage_class: str
    cpu: str
    memory: str
    generation: int


class Database(Component):
    """The server; databases and roles are made by the operator, or by the migration's Job."""

    def __init__(self, args: DatabaseArgs, place: Place, *, after: Any = ()) -> None:
        super().__init__("Database", "postgres", place, after=after)
        own = labels("postgres", contour=place.contour, data_class=args.data_class)
        if args.kind == "cloudnative-pg":
            self.add(cluster(args, own), holds_data=True)
        else:
            for manifest in (_configuration(args, own), _service(own), _account(own)):
                self.add(manifest)
            self.add(stateful_set(args, own), holds_data=True)
        self.register_outputs({})


def secrets(args: DatabaseArgs) -> tuple[SecretArgs, ...]:
    """What the server itself reads."""
    if args.kind == "statefulset":
        return (SecretArgs("postgres-superuser", DATA, args.data_class, {"password": "{database-superuser}"}),)
    return tuple(
        SecretArgs(
            f"postgres-{role}", DATA, args.data_class,
            {"username": name, "password": f"{{database-{role}}}"}, "kubernetes.io/basic-auth",
        )
        for role, name in (("owner", args.owner), ("runtime", args.runtime))
    )  # fmt: skip


def cluster(args: DatabaseArgs, own: dict[str, str]) -> Manifest:
    """CloudNativePG: no superuser from outside, own certificate, members on different nodes."""
    resources = {"cpu": args.cpu, "memory": args.memory}
    runtime = {
        "name": args.runtime, "ensure": "present", "login": True, "inherit": True,
        "passwordSecret": {"name": "postgres-runtime"},
    }  # fmt: skip
    return {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "Cluster",
        "metadata": metadata("postgres", DATA, own),
        "spec": {
            "instances": args.instances,
            "imageName": args.image,
            "enableSuperuserAccess": False,
            "enablePDB": True,
            "inheritedMetadata": {"labels": {key: value for key, value in own.items() if "/" not in key}},
            "storage": _storage(args),
            "resources": {"requests": resources, "limits": resources},
            "affinity": {"enablePodAntiAffinity": True, "podAntiAffinityType": "required"},
            "certificates": {"serverTLSSecret": "tls-database", "serverCASecret": "tls-database"},
            "bootstrap": {
                "initdb": {
                    "database": args.database,
                    "owner": args.owner,
                    "secret": {"name": "postgres-owner"},
                    "encoding": "UTF8",
                    "dataChecksums": True,
                }
            },
            "managed": {"roles": [runtime]},
            "postgresql": {
                "parameters": parameters(args) | STANDBY,
                "pg_hba": ["hostnossl all all all reject", "hostssl all all all scram-sha-256"],
            },
        },
    }


def parameters(args: DatabaseArgs) -> dict[str, str]:
    """The server's own settings, sized to what its pod may have."""
    cores = max(1, millicores(args.cpu) // 1000)
    return postgres.PARAMETERS | sized(mebibytes(args.memory) * MIB, cores)


def _storage(args: DatabaseArgs) -> dict[str, Any]:
    return {"size": args.storage} | ({"storageClass": args.storage_class} if args.storage_class else {})


# A pod that was deleted by force may run on beside its successor, and PostgreSQL, whose own lock is a process id, does
# not see over the walls of a pod: two servers on one folder lose what either commits. The server holds this for life.
_ALONE: Final = ("flock", "--exclusive", "--no-fork", "--timeout", "90", f"{_DATA}/server.lock")


def stateful_set(args: DatabaseArgs, own: dict[str, str]) -> Manifest:
    """One pod of an image that starts as the official one does (POSTGRES_PASSWORD_FILE, PGDATA, arguments)."""
    settings = parameters(args) | {
        "max_parallel_maintenance_workers": "0",  # their common memory would be more than a pod's /dev/shm
        "ssl": "on",
        "ssl_min_protocol_version": "TLSv1.3",
        "ssl_cert_file": f"{RUN}/tls/tls.crt",
        "ssl_key_file": f"{RUN}/tls/tls.key",
        "hba_file": f"{RUN}/config/pg_hba.conf",
    }
    arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    size = WorkloadSize(replicas=1, max_replicas=1, cpu="100m", cpu_limit=args.cpu, memory=args.memory)
    container = Container(
        "postgres",
        args.image,
        (*_ALONE, "docker-entrypoint.sh", "postgres", *arguments),
        size,
        env={"POSTGRES_PASSWORD_FILE": f"{RUN}/superuser/password", "PGDATA": f"{_DATA}/main"},
        ports={"postgres": POSTGRES},
        mounts=(
            Mount("data", _DATA, claim="data"),
            Mount("tls", f"{RUN}/tls", secret="tls-database"),  # noqa: S106  a name
            Mount("superuser", f"{RUN}/superuser", secret="postgres-superuser"),  # noqa: S106
            Mount("config", f"{RUN}/config", config="postgres"),
            Mount("socket", "/var/run/postgresql"),
            temporary(),
        ),
        probe=Probe(command=("pg_isready", "-q", "-h", "/var/run/postgresql")),
    )
    pod = Pod(
        container, own, annotations={"larets/generation": str(args.generation)}, account="postgres", grace_seconds=60
    ).template()
    pod["spec"]["volumes"] = [volume for volume in pod["spec"]["volumes"] if volume["name"] != "data"]
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata("postgres", DATA, own),
        "spec": {
            "serviceName": "postgres",
            "replicas": 1,
            "selector": {"matchLabels": selector("postgres")},
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            "template": pod,
            "volumeClaimTemplates": [claim("data", args.storage, args.storage_class, own)],
        },
    }


def claim(name: str, size: str, storage_class: str, own: dict[str, str]) -> dict[str, Any]:
    chosen = {"storageClassName": storage_class} if storage_class else {}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "labels": dict(own)},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}} | chosen,
    }


def _configuration(args: DatabaseArgs, own: dict[str, str]) -> Manifest:
    del args
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata("postgres", DATA, own),
        "data": {"pg_hba.conf": postgres.ACCESS},
    }


def _service(own: dict[str, str]) -> Manifest:
    port = {"name": "postgres", "port": POSTGRES, "targetPort": POSTGRES, "protocol": "TCP"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata("postgres", DATA, own),
        "spec": {"type": "ClusterIP", "selector": selector("postgres"), "ports": [port]},
    }


def _account(own: dict[str, str]) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata("postgres", DATA, own),
        "automountServiceAccountToken": False,
    }
