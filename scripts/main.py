"""The `larets` command: one module per command group, imported only when it is called."""

import errno
import importlib
import subprocess
import sys
from types import ModuleType
from typing import Final

from scripts.commands import COMMANDS
from scripts.group import LazyGroup, end_if_away
from scripts.local.instance import ROOT, InstanceProblem
from scripts.voice import fail

# Commands that need the packages of the tests: `make up` alone does not install them.
CHECKS: Final = frozenset({"env", "rehearse", "rehearse-deep", "leakcheck", "bench"})


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


def main() -> None:
    """Entry point of the `larets` script."""
    group = LazyGroup(
        known=COMMANDS,
        load=load_command,
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
    end_if_away(problem, who="the instance", hint="`larets status` says what runs, `make up` starts it")
    if isinstance(problem, OSError):
        where = f": {problem.filename}" if problem.filename else ""
        full = problem.errno in {errno.ENOSPC, errno.EDQUOT}
        fail(
            f"{problem.strerror or type(problem).__name__}{where}",
            hint="free some space and run the same command again" if full else "",
        )


if __name__ == "__main__":
    main()
