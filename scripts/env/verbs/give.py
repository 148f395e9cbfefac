"""`larets env give NAME --file FILE`: what a person alone can give: passwords and authorities of somebody else's."""

from pathlib import Path
from typing import Annotated

import typer

from infra import material
from scripts.env.command import AsJson, Name, Which, told
from scripts.env.environment import Environment, open_environment
from scripts.env.errors import EnvProblem
from scripts.env.material import next_generation, put
from scripts.env.place import chosen
from scripts.voice import emit, result

cli = typer.Typer()


@cli.command()
@told
def give(
    contour: Which,
    value: Annotated[str, typer.Argument(help="its name, as `plan` tells it: key-service-secret, tls-database-crt, …")],
    file: Annotated[Path, typer.Option("--file", help="where it stands; never on the command line, which others see")],
    env: Name = "",
    as_json: AsJson = False,
) -> None:
    """Keep a value that nobody can make, encrypted by the contour's passphrase.

    One that takes another's place also starts the pods anew, one after the other, with the next plan and apply.
    """
    environment = open_environment(chosen(env), contour)
    stack = stack_of(environment, value)
    try:
        content = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise EnvProblem(f"{file} cannot be read as text", hint="name a file that holds the value alone") from error
    if not content:
        raise EnvProblem(f"{file} is empty", hint="name a file that holds the value alone")
    if not material.may_be_given(value, content):
        raise EnvProblem(
            f"{value} cannot stand in an address of the database",
            hint="16 or more of A-Z a-z 0-9 . _ ~ - and nothing else: change it there, then give it",
        )
    engine = environment.engine(stack)
    replaced = value in engine.configured()
    put(engine, {value: content})
    if replaced:
        next_generation(environment)
    if as_json:
        emit({"stack": stack, "given": value})
    else:
        result(f"{stack}: {value} is kept, encrypted; it takes effect with the next plan and apply")


def stack_of(environment: Environment, value: str) -> str:
    """The stack that reads it. Raises EnvProblem: none does, or larets makes it itself."""
    known: dict[str, str] = {}
    for engine in environment.engines:
        stack = engine.program.stack
        wanted = material.needed(stack, environment.settings)
        known |= {key: stack for one in wanted if one.kind == "given" for key in one.keys}
    if value not in known:
        names = ", ".join(sorted(known)) or "nothing: all of it is made"
        raise EnvProblem(f"{value} is not for a person to give here", hint=f"with these settings: {names}")
    return known[value]
