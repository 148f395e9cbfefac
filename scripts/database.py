"""`python -m scripts.database`: what a deployed contour's Jobs and pods do to their database before they serve.

`migrate` makes the roles where nobody else does, refuses a step that cannot be undone unless told, and brings the
schema up; `wait` ends when the schema is the one this code was made for. Secrets are files in `LARETS_SECRETS_DIR`.
"""

import importlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Final, TypeVar

import psycopg
import typer
from alembic.script import ScriptDirectory
from psycopg import sql

from scripts.voice import fail, say

cli = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=__doc__)

PATIENCE: Final = 300.0
Chosen = Annotated[str, typer.Option("--contour", help="private or public")]
_PACKAGES: Final[dict[str, tuple[str, str]]] = {"private": ("vault", "pii_vault"), "public": ("app", "app")}
T = TypeVar("T")


def _part(contour: str) -> tuple[str, ModuleType]:
    if contour not in _PACKAGES:
        fail(f"no such contour: {contour}", hint="private or public")
    name, package = _PACKAGES[contour]
    return name, importlib.import_module(f"{package}.migrations")


def _read(name: str) -> str:
    path = Path(os.environ.get("LARETS_SECRETS_DIR", ".")) / name
    try:
        return path.read_text("utf-8").strip()
    except OSError as error:
        fail(f"cannot read the secret {name}: {error.strerror}", hint="LARETS_SECRETS_DIR names the folder of secrets")


def _patiently(act: Callable[[], T], *, what: str) -> T:
    """Again until the database answers, then no more: a Job that hangs for ever tells nobody."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return act()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                fail(f"{what}: the database does not answer ({type(error).__name__})", hint="is it up and reachable?")
            time.sleep(1)


def head_of(migrations: ModuleType) -> str:
    """The version this code was made for."""
    return str(_scripts(migrations).get_current_head())


def _scripts(migrations: ModuleType) -> ScriptDirectory:
    return ScriptDirectory.from_config(migrations.alembic_config("postgresql://unused"))


def current(url: str) -> str | None:
    """The schema's version, None before the first migration."""
    with psycopg.connect(url, connect_timeout=5) as connection:
        known = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
        if not known or known[0] is None:
            return None
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(found[0]) if found else None


def irreversible_steps(migrations: ModuleType, since: str | None) -> list[str]:
    """Steps after `since` whose module says `irreversible = True`: no code brings back what they drop."""
    steps = _scripts(migrations).iterate_revisions("head", since or "base")
    return [step.revision for step in steps if step.revision != since and getattr(step.module, "irreversible", False)]


def _is_newer(migrations: ModuleType, version: str | None) -> bool:
    """A version this code does not know is of a later release: migrations expand before they contract."""
    return version is not None and version not in {step.revision for step in _scripts(migrations).walk_revisions()}


def make_roles(superuser_url: str, name: str, *, owner_password: str, runtime_password: str) -> None:
    """Roles without rights of their own, their passwords, and a database nobody else may connect to. Idempotent."""
    owner, runtime = f"larets_{name}_owner", f"larets_{name}"
    with psycopg.connect(superuser_url, autocommit=True, connect_timeout=5) as connection:
        for role, password in ((owner, owner_password), (runtime, runtime_password)):
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
            rights = " ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION PASSWORD {}"
            statement = sql.SQL(("ALTER" if known else "CREATE") + rights)
            connection.execute(statement.format(sql.Identifier(role), sql.Literal(password)))
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            statement = sql.SQL("CREATE DATABASE {} OWNER {}")
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(owner)))
        closed = sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name))
        connection.execute(closed)
        opened = sql.SQL("GRANT CONNECT ON DATABASE {} TO {}, {}")
        connection.execute(opened.format(*map(sql.Identifier, (name, owner, runtime))))


@cli.command()
def migrate(
    contour: Chosen,
    roles: Annotated[bool, typer.Option("--roles", help="make roles and database first, as superuser")] = False,
    accept_irreversible: Annotated[
        bool, typer.Option("--accept-irreversible", help="take steps that cannot be undone")
    ] = False,
) -> None:
    """Bring the schema to this code's version; a newer one, as after a rollback, stays as it is."""
    name, migrations = _part(contour)
    if roles:
        passwords = {part: _read(f"{part}_password") for part in ("owner", "runtime")}
        superuser = _read("superuser_url")
        _patiently(
            lambda: make_roles(
                superuser, name, owner_password=passwords["owner"], runtime_password=passwords["runtime"]
            ),
            what="roles",
        )
    url = _read("owner_url")
    since = _patiently(lambda: current(url), what="version")
    if _is_newer(migrations, since):
        say(f"the schema is at {since}, newer than this code's {head_of(migrations)}: nothing to do")
        return
    steps = irreversible_steps(migrations, since)
    if steps and not accept_irreversible:
        fail(
            f"these migrations cannot be undone: {', '.join(steps)}",
            hint="take a backup, then set database.irreversible: accepted for this one upgrade",
        )
    migrations.upgrade(url)
    with psycopg.connect(url, autocommit=True) as connection:
        # `wait` runs as the runtime role, which owns nothing and is otherwise given what migrations grant.
        grant = sql.SQL("GRANT SELECT ON alembic_version TO {}").format(sql.Identifier(f"larets_{name}"))
        connection.execute(grant)
    say(f"the schema is at {head_of(migrations)}")


@cli.command()
def wait(contour: Chosen, seconds: Annotated[float, typer.Option(min=1)] = PATIENCE) -> None:
    """End when the schema is this code's version or newer."""
    name, migrations = _part(contour)
    url, head = _read(f"larets_{name}_database_url"), head_of(migrations)
    deadline = time.monotonic() + seconds
    found: Any = None
    while time.monotonic() < deadline:
        try:
            found = current(url)
        except psycopg.Error as error:
            found = type(error).__name__
        else:
            if found == head or _is_newer(migrations, found):
                return
        time.sleep(1)
    fail(f"the schema is not at {head} but at {found}", hint="look at the Job `migrate-…` of this namespace")


@cli.command()
def keyring(source: Path, target: Path) -> None:
    """Copy a rehearsal's keyring to its volume, once; two pods may try at the same time."""
    if target.exists():
        return
    part = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copyfile(source, part)
    part.chmod(0o600)
    try:
        os.link(part, target)  # fails where another pod was faster, and never shows half a file
    except FileExistsError:
        pass
    finally:
        part.unlink()


if __name__ == "__main__":
    cli()
