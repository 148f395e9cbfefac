"""A backup of one contour in one file: settings, encrypted configuration, state and a dump of its database.

The passphrase is never in it: a backup that falls into other hands opens no secret. The dump holds ciphertext in the
private contour and tokens in the public one; the file is for its owner's eyes all the same.
"""

import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from infra.lib import postgres
from infra.lib.names import DATA
from scripts.env.environment import Environment
from scripts.env.errors import EnvProblem
from scripts.env.place import Contour
from scripts.env.releases import schema_of
from scripts.tools.tool import BIN

PARTS: Final = ("settings.yaml", "stacks", "state", "releases", "history.jsonl", "peer.json", "prices.yaml")
MANIFEST, DUMP = "backup.json", "database.dump"
PODS: Final = {"statefulset": "app.kubernetes.io/name=postgres", "cloudnative-pg": "cnpg.io/instanceRole=primary"}


class BackupInvalid(EnvProblem):
    """The backup is not whole, or of another contour; nothing was touched."""

    hint = "compare its checksum with the one that was noted, or take another backup"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself. `files` are SHA-256 by name."""

    environment: str
    side: str
    release: str
    schema: str
    at: str
    database: bool
    files: dict[str, str]


def take(environment: Environment, path: Path, *, database: bool) -> Manifest:
    """Write the backup, wholly or not at all."""
    contour = environment.contour
    with tempfile.TemporaryDirectory(dir=contour.folder) as folder:
        staged = Path(folder)
        for part in PARTS:
            _copy(contour.folder / part, staged / part)
        if database:
            with (staged / DUMP).open("wb") as dump:
                _in_database(environment, ["pg_dump", "--format=custom", "--no-password"], stdout=dump)
        manifest = Manifest(
            contour.environment,
            contour.side,
            environment.release,
            schema_of(contour.side),
            datetime.now(UTC).isoformat(timespec="seconds"),
            database,
            dict(_digests(staged)),
        )
        (staged / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1))
        fresh = path.with_name(f".{path.name}.new")
        fresh.touch(mode=0o600)
        with tarfile.open(fresh, "w:gz") as archive:
            archive.add(staged, arcname=".")
        fresh.replace(path)
    return manifest


def opened(path: Path, contour: Contour, folder: Path) -> Manifest:
    """Unpacks a backup into `folder` and proves that it is whole and of this contour.

    Raises:
        BackupInvalid: nothing but `folder` was touched.
    """
    try:
        with tarfile.open(path, "r:gz") as archive:
            archive.extractall(folder, filter="data")
        manifest = Manifest(**json.loads((folder / MANIFEST).read_text()))
    except (OSError, tarfile.TarError, ValueError, TypeError, KeyError) as error:
        raise BackupInvalid(f"{path} is no backup ({type(error).__name__})") from error
    if dict(_digests(folder)) != manifest.files:
        raise BackupInvalid(f"{path} is not as it was written")
    if (manifest.environment, manifest.side) != (contour.environment, contour.side):
        raise BackupInvalid(f"this is a backup of {manifest.environment}/{manifest.side}")
    return manifest


def put_back(contour: Contour, folder: Path) -> Path:
    """The files of an opened backup in place of those that are there; these are kept in the folder that is returned."""
    kept = contour.folder / f"before-restore-{datetime.now(UTC).strftime('%Y%m%dT%H%M%SZ')}"
    kept.mkdir(mode=0o700)
    for part in PARTS:
        if (contour.folder / part).exists():
            (contour.folder / part).replace(kept / part)
        _copy(folder / part, contour.folder / part)
    return kept


def restore_database(environment: Environment, dump: Path) -> None:
    """One transaction: all of it or nothing. Whoever writes meanwhile must have been stopped before."""
    command = ["pg_restore", "--clean", "--if-exists", "--single-transaction", "--exit-on-error", "--no-password"]
    with dump.open("rb") as content:
        _in_database(environment, command, stdin=content)


def _in_database(
    environment: Environment, command: Sequence[str], *, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None
) -> None:
    """Runs a program of PostgreSQL inside the pod that holds the database."""
    kind = environment.settings.database.kind
    if kind not in PODS:
        raise EnvProblem(
            "the database is somebody else's machine", hint="dump it with its own tools, and give --without-database"
        )
    listed: Any = environment.cluster().request(
        "GET", f"/api/v1/namespaces/{DATA}/pods", query={"labelSelector": PODS[kind]}
    )
    names = [item["metadata"]["name"] for item in listed["items"]]
    if not names:
        raise EnvProblem("no pod of the database runs", hint="`larets env status` says what is ready")
    database, _, _ = postgres.names(environment.contour.side == "private")
    kubectl = str(BIN / "kubectl") if (BIN / "kubectl").exists() else shutil.which("kubectl") or "kubectl"
    where = ["--kubeconfig", str(environment.kubeconfig), "--context", environment.settings.cluster.context]
    inside = ["exec", "--namespace", DATA, names[0], "--container", "postgres", "--stdin", "--"]
    done = subprocess.run(
        [kubectl, *where, *inside, *command, "--username=postgres", f"--dbname={database}"],
        stdin=stdin,
        stdout=stdout or subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        raise EnvProblem(
            f"{command[0]} ended with {done.returncode} in the database's pod",
            hint="this account needs `create pods/exec` in namespace data for as long as this takes",
        )


def _digests(folder: Path) -> list[tuple[str, str]]:
    return [
        (str(path.relative_to(folder)), hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    ]


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    elif source.exists():
        shutil.copy2(source, target)
