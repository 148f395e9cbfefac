"""A group of commands that knows the names of all and imports a module only to run it, or to print its own help."""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

import typer.main
from typer.core import TyperGroup

from scripts.voice import fail

# By name, so that no driver is imported for an error that did not happen.
AWAY: Final = frozenset({"OperationalError", "TransportError", "StoreUnavailable", "ConnectionError"})


class LazyGroup(TyperGroup):
    """`commands`: name → (module, what it does)."""

    def __init__(
        self, *, known: Mapping[str, tuple[str, str]], load: Callable[[str], ModuleType], **settings: Any
    ) -> None:
        super().__init__(**settings)
        self._known = known
        self._load = load

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return list(self._known)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        del ctx
        if cmd_name not in self._known:
            return None
        command = typer.main.get_command(self._load(cmd_name).cli)
        command.name = cmd_name
        command.short_help = self._known[cmd_name][1]
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in self._known.items()])


def end_if_away(problem: Exception, *, who: str, hint: str) -> None:
    """End the command with what to do when what it works on does not answer; else return."""
    if not AWAY.isdisjoint(kind.__name__ for kind in type(problem).__mro__):
        fail(f"{who} does not answer ({type(problem).__name__})", hint=hint)
