"""The `larets` command: one module per command group, imported only when it is called."""

import importlib
from typing import Any, Final

import typer.main
from typer.core import TyperGroup

from scripts.local.instance import InstanceProblem
from scripts.local.postgres import PostgresProblem
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
    "audit": ("scripts.audit", "the audit log: verify"),
    "tenant": ("scripts.tenant", "shops: create, suspend"),
    "staff": ("scripts.staff", "staff of a shop: invite, roles, second factor"),
    "shop": ("scripts.shop", "a shop's connections, dictionary and deliveries"),
    "dev": ("scripts.dev", "tokens and secrets of the local instance (dev only)"),
}


class LazyGroup(TyperGroup):
    """Knows the names of all commands and imports a module only to run it, or to print its own help."""

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module_name, summary = COMMANDS[cmd_name]
        cli: Any = importlib.import_module(module_name).cli
        command = typer.main.get_command(cli)
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
    except PostgresProblem as problem:
        fail(
            str(problem),
            hint="look at the end of the server's log; a full disk or a taken port are the usual causes",
        )


if __name__ == "__main__":
    main()
