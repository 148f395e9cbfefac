"""`larets env`: both halves on their clusters, from a reviewed plan. One module per verb, loaded when it is called."""

import functools
import importlib
from collections.abc import Callable
from typing import Annotated, Any, Final, ParamSpec, TypeVar

import typer
import typer.main
from typer.core import TyperGroup

from infra.errors import DeployProblem
from scripts.env.errors import EnvProblem
from scripts.env.place import Contour, Side
from scripts.voice import fail, say

VERBS: Final[dict[str, str]] = {
    "init": "ask what is needed and write a commented settings file",
    "give": "a value that only a person can give, such as a key service's secret",
    "check": "versions, reachability, rights, quotas, classes, clock: before anything changes",
    "plan": "what would be done, in Kubernetes' terms, with its cost and the rules' findings",
    "apply": "do exactly what a plan shows",
    "drift": "what the cluster holds otherwise than was applied",
    "exec": "a command inside the contour: keys, audit, subject, tenant, staff, …",
    "status": "what was applied, what is ready, what was interrupted",
    "render": "the manifests, for GitOps and for readers; needs no cluster",
    "issue": "a certificate for a program of the private contour",
    "export": "this contour's signed contract, for the other contour's administrator",
    "accept": "accept the other contour's contract by its fingerprint",
    "upgrade": "other images by digest, planned",
    "rollback": "the previous release's images, planned",
    "rotate": "new certificates, database passwords or state passphrase",
    "seal": "the state passphrase sealed by a key service, or back in a file",
    "backup": "settings, state and database in one file, without the passphrase",
    "restore": "this contour back to a backup; what was there is kept beside it until that is confirmed",
    "doctor": "a bundle for support, without a single value",
    "unlock": "end what a killed command left: its lock, processes at rest",
    "destroy": "remove the contour, after naming what will be lost",
}
P = ParamSpec("P")
R = TypeVar("R")

Name = Annotated[str, typer.Option("--env", help="the environment; may be left out where there is one")]
Which = Annotated[Side, typer.Option("--contour", help="which half; a command works on one and cannot reach the other")]
Confirm = Annotated[str, typer.Option("--confirm", help="NAME/CONTOUR, instead of typing it")]
AsJson = Annotated[bool, typer.Option("--json", help="for programs")]


class Verbs(TyperGroup):
    """Knows all verbs and imports a module only to run it."""

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        del ctx
        if cmd_name not in VERBS:
            return None
        command: Any = typer.main.get_command(importlib.import_module(f"scripts.env.verbs.{cmd_name}").cli)
        command.name = cmd_name
        command.short_help = VERBS[cmd_name]
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


cli = typer.Typer(
    cls=Verbs,
    help="Both halves on their clusters, from a reviewed plan.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)


@cli.callback()
def _group() -> None:
    """Both halves on their clusters, from a reviewed plan."""


def named(contour: Contour, typed: str, what: str) -> None:
    """Whether the person means it: they type the contour's name, or gave it. Raises EnvProblem."""
    name = f"{contour.environment}/{contour.side}"
    if (typed or typer.prompt(f"type {name} to {what}", err=True)) != name:
        raise EnvProblem("the name was not typed; nothing was touched", hint=f"it is {name}")


def told(verb: Callable[P, R]) -> Callable[P, R]:
    """Ends a verb's known problems with their text and hint instead of a trace."""

    @functools.wraps(verb)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return verb(*args, **kwargs)
        except EnvProblem as problem:
            fail(str(problem), hint=problem.hint)
        except DeployProblem as problem:
            say(f"larets: error: {problem.detail}")
            if problem.hint:
                say(f"larets: hint: {problem.hint}")
            raise SystemExit(problem.exit_code) from problem

    return run
