"""A database restored beside the present one. The two then change names, in one transaction, so that nothing of the
present one is lost before a person has said so; until then the way back is the same exchange.
"""

import tempfile
from pathlib import Path
from typing import Final

from infra.lib import postgres
from scripts.env.backup import PODS, in_database
from scripts.env.environment import Environment
from scripts.env.errors import EnvProblem

SERVER: Final = "postgres"  # the database from which others are made, named and dropped
PSQL: Final = (
    "psql",
    "--no-psqlrc",
    "--no-password",
    "--quiet",
    "--tuples-only",
    "--no-align",
    "--set=ON_ERROR_STOP=1",
)
RESTORE: Final = ("pg_restore", "--single-transaction", "--exit-on-error", "--no-password")


class NothingKept(EnvProblem):
    """Nothing of before a restore is kept here; nothing was touched."""


def restore(environment: Environment, dump: Path, *, stamp: str) -> str:
    """The dump in the present database's place. Whoever writes must be at rest. Returns the name of the one kept.

    A failure before the exchange leaves the present database as it was; what was begun goes with the next try.
    """
    name, owner, runtime = _names(environment)
    fresh = f"{name}_restored"
    _sql(
        environment,
        f"DROP DATABASE IF EXISTS {fresh} WITH (FORCE);",
        f"CREATE DATABASE {fresh} OWNER {owner} TEMPLATE template0;",
        f"REVOKE ALL ON DATABASE {fresh} FROM PUBLIC;",
        f"GRANT CONNECT ON DATABASE {fresh} TO {owner}, {runtime};",
    )
    with dump.open("rb") as content:
        in_database(environment, RESTORE, database=fresh, stdin=content)
    kept = f"{name}_before_{stamp.lower()}"
    _exchange(environment, present=name, aside=kept, coming=fresh)
    return kept


def kept(environment: Environment) -> list[str]:
    """Databases that restores have put aside, the oldest first."""
    name, _, _ = _names(environment)
    return [one for one in put_aside(environment) if one != f"{name}_restored"]


def put_aside(environment: Environment) -> list[str]:
    """All that `drop_kept` would remove: those of before a restore, and a restored one that was gone back from.

    On somebody else's machine no restore has put one aside, and nobody is asked.
    """
    if environment.settings.database.kind not in PODS:
        return []
    name, _, _ = _names(environment)
    which = f"datname LIKE '{name}\\_before\\_%' OR datname = '{name}_restored'"
    return _sql(environment, f"SELECT datname FROM pg_database WHERE {which} ORDER BY datname;").split()  # noqa: S608  names of ours


def go_back(environment: Environment) -> str:
    """The newest database put aside in the present one's place again; the restored one goes with the next restore.

    Raises:
        NothingKept
    """
    name, _, _ = _names(environment)
    there = kept(environment)
    if not there:
        raise NothingKept
    _sql(environment, f"DROP DATABASE IF EXISTS {name}_restored WITH (FORCE);")
    _exchange(environment, present=name, aside=f"{name}_restored", coming=there[-1])
    return there[-1]


def drop_kept(environment: Environment) -> list[str]:
    """For good. Raises NothingKept."""
    there = put_aside(environment)
    if not there:
        raise NothingKept
    _sql(environment, *(f"DROP DATABASE IF EXISTS {one} WITH (FORCE);" for one in there))
    return there


def _exchange(environment: Environment, *, present: str, aside: str, coming: str) -> None:
    """Nobody connects to the one that is put aside: it is kept, not used."""
    _sql(
        environment,
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ('{present}', '{coming}');",  # noqa: S608
        "BEGIN;",
        f"ALTER DATABASE {present} RENAME TO {aside};",
        f"ALTER DATABASE {coming} RENAME TO {present};",
        f"ALTER DATABASE {aside} ALLOW_CONNECTIONS false;",
        f"ALTER DATABASE {present} ALLOW_CONNECTIONS true;",
        "COMMIT;",
    )


def _names(environment: Environment) -> tuple[str, str, str]:
    return postgres.names(environment.contour.side == "private")


def _sql(environment: Environment, *statements: str) -> str:
    """Names alone are in it, all of them ours."""
    with tempfile.TemporaryFile() as script, tempfile.TemporaryFile() as answer:
        script.write("\n".join(statements).encode())
        script.seek(0)
        in_database(environment, PSQL, database=SERVER, stdin=script, stdout=answer)
        answer.seek(0)
        return answer.read().decode()
