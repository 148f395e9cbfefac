"""The `larets` command: one module per command group, imported only when it is called."""

import errno
import importlib
import subprocess
import sys
from types import ModuleType
from typing import Any, Final

import typer.main
from typer.core import TyperGroup

from scripts.local.instance import ROOT, InstanceProblem
from scripts.voice import fail

# command → (module, what it does); the module has a typer application `cli` or, for a single command, `command`.
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "up": ("scripts.up", "start both contours and bring one order through"),
    "down": ("scripts.down", "stop the processes of this instance; data stay"),
    "reset": ("scripts.reset", "delete the data and secrets of this instance, after asking"),
    "status": ("scripts.status", "what runs where"),
    "logs": ("scripts.logs", "the logs of all processes"),
    "smoke": ("scripts.smoke", "send a fresh order and check who sees what"),
    "leakcheck": ("scripts.leakcheck.command", "plant canary persons and scan everything public"),
    "bench": ("scripts.bench.command", "measure speed against the bare database and cipher"),
    "classify": ("scripts.classify", "find personal data in notes, chats and transcripts"),
    "relay": ("scripts.relay", "what a shop may send outside, and what became of it"),
    "rows": ("scripts.rows", "files of rows: values to tokens and back"),
    "audit": ("scripts.audit", "the audit log: verify, export, who looked, go on after a restore"),
    "search": ("scripts.search", "indexes by parts of values: plan, re-index"),
    "keys": ("scripts.keys", "key versions: status, rotate, rewrap, trim"),
    "subject": ("scripts.subject", "a person's rights: find, export, correct, block, erase, prove"),
    "consent": ("scripts.consent", "consents: texts, give, withdraw, list"),
    "tenant": ("scripts.tenant", "shops: create, suspend"),
    "staff": ("scripts.staff", "staff of a shop: invite, roles, second factor"),
    "program": ("scripts.program", "programs that call the vault with a certificate"),
    "shop": ("scripts.shop", "a shop's connections, dictionary and deliveries"),
    "postgres": ("scripts.postgres_settings", "settings of PostgreSQL sized to a machine"),
    "tools": ("scripts.tools.command", "third-party programs for tests and rehearsals"),
    "images": ("scripts.images.command", "container images of both contours, with their lists of contents"),
    "rehearse": ("scripts.rehearse.command", "the deployment on two control planes of this machine"),
    "env": ("scripts.env.command", "both halves on their clusters: check, plan, apply, drift, …"),
    "dev": ("scripts.dev", "tokens and secrets of the local instance (dev only)"),
}
# Commands that need the packages of the tests: `make up` alone does not install them.
CHECKS: Final = frozenset({"env", "rehearse", "leakcheck", "bench"})
# By name, so that no driver is imported for an error that did not happen.
AWAY: Final = frozenset({"OperationalError", "TransportError", "StoreUnavailable", "ConnectionError"})


def load_command(name: str) -> ModuleType:
    """The module of a command; what a check needs and the environment lacks is set up first."""
    module, _ = COMMANDS[name]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        if name not in CHECKS:
            raise
    done = subprocess.run([sys.executable, "scripts/bootstrap.py", "dev"], cwd=ROOT, stdout=sys.stderr, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    importlib.invalidate_caches()
    return importlib.import_module(module)


class LazyGroup(TyperGroup):
    """Knows the names of all commands and imports a module only to run it, or to print its own help."""

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        _, summary = COMMANDS[cmd_name]
        command = typer.main.get_command(load_command(cmd_name).cli)
        command.name = cmd_name
        command.short_help = summary
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


def main() -> None:
    """Entry point of the `larets` script."""
    group = LazyGroup(
        name="larets",
        help="Larets: a CRM that holds only tokens, and the vault that holds the persons.",
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    try:
        group(prog_name="larets")
    except InstanceProblem as problem:
        fail(str(problem))
    except Exception as problem:
        _told(problem)
        raise


def _told(problem: Exception) -> None:
    """End with what to do, if this is what happens when the instance is away or the disk is full."""
    if type(problem).__name__ == "PostgresProblem":
        fail(
            str(problem),
            hint="look at the end of the server's log; a full disk or a taken port are the usual causes",
        )
    if not AWAY.isdisjoint(kind.__name__ for kind in type(problem).__mro__):
        fail(
            f"the instance does not answer ({type(problem).__name__})",
            hint="`larets status` says what runs, `make up` starts it",
        )
    if isinstance(problem, OSError):
        where = f": {problem.filename}" if problem.filename else ""
        full = problem.errno in {errno.ENOSPC, errno.EDQUOT}
        fail(
            f"{problem.strerror or type(problem).__name__}{where}",
            hint="free some space and run the same command again" if full else "",
        )


if __name__ == "__main__":
    main()
