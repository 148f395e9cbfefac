"""`python -m scripts.inside.command`: the commands that an image holds, by the names `larets` gives them."""

import importlib
from pathlib import Path
from types import ModuleType

from scripts.commands import COMMANDS, INSIDE
from scripts.group import LazyGroup, end_if_away


def here() -> dict[str, tuple[str, str]]:
    """The commands of both contours whose modules are in this image."""
    named = {name for names in INSIDE.values() for name in names}
    return {name: told for name, told in COMMANDS.items() if name in named and _is_here(told[0])}


def _is_here(module: str) -> bool:
    return (Path(__file__).parents[2] / f"{module.replace('.', '/')}.py").exists()


def load(name: str) -> ModuleType:
    return importlib.import_module(COMMANDS[name][0])


def main() -> None:
    group = LazyGroup(
        known=here(),
        load=load,
        name="larets",
        help="Commands inside a deployed contour.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    try:
        group(prog_name="larets")
    except Exception as problem:
        end_if_away(problem, who="the contour", hint="`larets env status` says what is ready")
        raise


if __name__ == "__main__":
    main()
