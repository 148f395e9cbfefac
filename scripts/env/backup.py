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
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from infra.lib import postgres
from infra.lib.names import DATA
from infra.lib.pods import RUN
from scripts.env import elsewhere
from scripts.env.environment import Environment
from scripts.env.errors import EnvProblem
from scripts.env.place import Contour
from scripts.env.releases import schema_of
from scripts.tools.tool import BIN

PARTS: Final = ("settings.yaml", "stacks", "state", "releases", "history.jsonl", "peer.json", "prices.yaml")
MANIFEST, DUMP = "backup.json", "database.dump"
KEPT: Final = "before-restore-"  # a folder of what a restore has put aside
GONE: Final = "before-return-"  # and of what the way back has put aside in turn
# The plain pod asks for a password on its socket too; it is read where it lies, and stands on no command line.
WITH_PASSWORD: Final = ("sh", "-c", f'PGPASSWORD="$(cat {RUN}/superuser/password)" exec "$@"', "sh")
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
    """Write the backup, wholly or not at all. Raises EngineFailed: a state that is elsewhere cannot be had."""
    contour = environment.contour
    with tempfile.TemporaryDirectory(dir=contour.folder) as folder:
        staged = Path(folder)
        for part in PARTS:
            _copy(contour.folder / part, staged / part)
        elsewhere.export(environment, staged)
        if database:
            with (staged / DUMP).open("wb") as dump:
                in_database(environment, ["pg_dump", "--format=custom", "--no-password"], stdout=dump)
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
    if not _is_of(manifest, contour):
        raise BackupInvalid(f"this is a backup of {manifest.environment}/{manifest.side}")
    return manifest


def chosen(path: Path, point: datetime | None, contour: Contour) -> Path:
    """`path`, or, where it is a folder of backups, the newest of this contour that is not later than `point`.

    Raises:
        BackupInvalid: there is none; a file that is later than `point`.
    """
    found = [(datetime.fromisoformat(one.at), file) for file, one in _manifests(path) if _is_of(one, contour)]
    early = [pair for pair in found if point is None or pair[0] <= point]
    if not early:
        told = f" of {point:%Y-%m-%d %H:%M:%S%z} or before" if point else ""
        raise BackupInvalid(f"{path} holds no backup of {contour.environment}/{contour.side}{told}")
    return max(early)[1]


def _manifests(path: Path) -> Iterator[tuple[Path, Manifest]]:
    """Of one file or of all in a folder; what is no backup is passed over in a folder."""
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        try:
            with tarfile.open(file, "r:gz") as archive:
                held = archive.extractfile(f"./{MANIFEST}")
                if held is not None:
                    yield file, Manifest(**json.load(held))
        except (OSError, tarfile.TarError, ValueError, TypeError, KeyError) as error:
            if file == path:
                raise BackupInvalid(f"{path} is no backup ({type(error).__name__})") from error


def _is_of(manifest: Manifest, contour: Contour) -> bool:
    return (manifest.environment, manifest.side) == (contour.environment, contour.side)


def stamp_of_now() -> str:
    """What is put aside by one restore bears it: files and database."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")


def put_back(contour: Contour, folder: Path, *, aside: str = KEPT) -> Path:
    """The files of an opened backup in place of those that are there; these are kept in the folder that is returned."""
    kept = contour.folder / f"{aside}{stamp_of_now()}"
    kept.mkdir(mode=0o700)
    for part in (*PARTS, elsewhere.PART):
        if (contour.folder / part).exists():
            (contour.folder / part).replace(kept / part)
        _copy(folder / part, contour.folder / part)
    return kept


def in_database(
    environment: Environment,
    command: Sequence[str],
    *,
    database: str = "",
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes] | None = None,
) -> None:
    """Runs a program of PostgreSQL in the database's pod, on the contour's own database unless another is named."""
    own, _, _ = postgres.names(environment.contour.side == "private")
    signed = [*command, "--username=postgres", f"--dbname={database or own}"]
    if environment.settings.database.kind == "statefulset":
        signed = [*WITH_PASSWORD, *signed]
    in_database_pod(environment, signed, stdin=stdin, stdout=stdout)


def in_database_pod(
    environment: Environment, command: Sequence[str], *, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None
) -> None:
    """Raises EnvProblem: the database is elsewhere, has no pod, or the command failed there."""
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
    kubectl = str(BIN / "kubectl") if (BIN / "kubectl").exists() else shutil.which("kubectl") or "kubectl"
    where = ["--kubeconfig", str(environment.kubeconfig), "--context", environment.settings.cluster.context]
    inside = ["exec", "--namespace", DATA, names[0], "--container", "postgres", "--stdin", "--"]
    done = subprocess.run(
        [kubectl, *where, *inside, *command],
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
    """A dump may be larger than the memory, so no file is read at once."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != MANIFEST:
            with path.open("rb") as content:
                found.append((str(path.relative_to(folder)), hashlib.file_digest(content, "sha256").hexdigest()))
    return found


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    elif source.exists():
        shutil.copy2(source, target)
