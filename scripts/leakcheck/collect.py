"""Everything of an environment's public contour that its administrator can read, with that contour's rights alone.

It knows none of the planted values: what it reads goes to the process that looks for them.
"""

import json
import os
import threading
from collections.abc import Iterator, Sequence
from typing import IO, Any, Final

from infra.lib.names import NAMESPACES
from scripts.env.backup import in_database, in_database_pod
from scripts.env.environment import Environment
from scripts.env.errors import ClusterRefused, EnvProblem
from scripts.env.kube import Cluster
from scripts.leakcheck.stream import PIECE, Piece

# What the API server keeps and shows of a namespace. Secrets are not read: nobody of the public contour needs to.
OBJECTS: Final = {
    "/api/v1": ("configmaps", "events", "pods", "services", "serviceaccounts", "persistentvolumeclaims"),
    "/apis/apps/v1": ("deployments", "statefulsets", "replicasets"),
    "/apis/batch/v1": ("jobs",),
    "/apis/networking.k8s.io/v1": ("networkpolicies",),
}
DATA_FOLDER: Final = "/var/lib/postgresql/data"
NEVER: Final = (
    "memory and environment of the processes: nobody has the right to look into a pod",
    "traffic between the contours and to the database: no recorder stands between, as it does in the local check",
    "secrets of the public namespaces: their content is read by pods alone",
    "volumes of snapshots and of the nodes' disks, load balancers and logs outside the cluster: ask whoever keeps them",
)


def pieces(environment: Environment, *, files: bool) -> Iterator[Piece]:
    """`files`: the database's volume byte by byte too, with its write-ahead log."""
    cluster = environment.cluster()
    for namespace in NAMESPACES["public"]:
        yield from _objects(cluster, namespace)
        yield from _logs(cluster, namespace)
    yield from _dump(environment)
    if files:
        yield from _volume(environment)
    else:
        yield Piece("files", "database", unread="not asked for: --files reads the database's volume byte by byte")
    yield from (Piece("never", str(number), unread=reason) for number, reason in enumerate(NEVER))


def _objects(cluster: Cluster, namespace: str) -> Iterator[Piece]:
    for base, kinds in OBJECTS.items():
        for kind in kinds:
            place = f"{namespace}/{kind}"
            try:
                listed = cluster.request("GET", f"{base}/namespaces/{namespace}/{kind}")
            except ClusterRefused as refused:
                yield Piece(
                    "objects", place, unread=f"{refused.reason or refused.status}: this account may not list them"
                )
                continue
            yield Piece("objects", place, json.dumps(listed, ensure_ascii=False).encode())


def _logs(cluster: Cluster, namespace: str) -> Iterator[Piece]:
    """Of every container there is, and of the one before it."""
    base = f"/api/v1/namespaces/{namespace}/pods"
    for pod in cluster.request("GET", base)["items"]:
        name, spec = pod["metadata"]["name"], pod["spec"]
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            for previous in ("false", "true"):
                query = {"container": container["name"], "previous": previous}
                try:
                    log = cluster.request("GET", f"{base}/{name}/log", query=query)
                except ClusterRefused as refused:
                    if refused.status == 403:  # noqa: PLR2004
                        yield Piece("logs", f"{namespace}/{name}", unread="this account may not read logs")
                    continue  # 400: not started yet, or there is no one before it
                text = log if isinstance(log, str) else json.dumps(log, ensure_ascii=False)
                yield Piece("logs", f"{namespace}/{name}/{container['name']}", text.encode())


def _dump(environment: Environment) -> Iterator[Piece]:
    """Every row of every table, as `pg_dump` writes it."""
    yield from _piped(environment, "database", "pg_dump", ("pg_dump", "--no-password"), signed=True)


def _volume(environment: Environment) -> Iterator[Piece]:
    """Files as they lie there: deleted rows, indexes, the write-ahead log. What is compressed in them is not undone."""
    command = (
        "tar",
        "--create",
        "--file=-",
        "--ignore-failed-read",
        "--warning=none",
        f"--directory={DATA_FOLDER}",
        ".",
    )
    yield from _piped(environment, "files", "the database's volume", command, signed=False)


def _piped(
    environment: Environment, channel: str, place: str, command: Sequence[str], *, signed: bool
) -> Iterator[Piece]:
    """What a program in the database's pod prints, piece by piece."""
    reading, writing = os.pipe()
    problems: list[str] = []

    def run(stdout: IO[bytes]) -> None:
        with stdout:
            try:
                (in_database if signed else in_database_pod)(environment, command, stdout=stdout)
            except EnvProblem as problem:
                problems.append(f"{problem}; {problem.hint}")

    worker = threading.Thread(target=run, args=(os.fdopen(writing, "wb"),))
    worker.start()
    read: Any = None
    with os.fdopen(reading, "rb") as stdout:
        while read := stdout.read(PIECE):
            yield Piece(channel, place, read)
    worker.join()
    # tar ends with 1 when a file changed while it was read, as those of a running server do.
    if problems and not (channel == "files" and "ended with 1 " in problems[0]):
        yield Piece(channel, place, unread=problems[0])
