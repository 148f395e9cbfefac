"""`larets env accept`: takes the other contour's contract once its fingerprint was read and compared by a person."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from infra import contract
from scripts.env.command import AsJson, Name, Which, told
from scripts.env.edit import set_lines
from scripts.env.environment import open_environment
from scripts.env.errors import EnvProblem
from scripts.env.place import chosen
from scripts.files import write_whole
from scripts.voice import emit, result, say

PEER: Final = "peer.json"

cli = typer.Typer()


@cli.command()
@told
def accept(
    contour: Which,
    file: Annotated[Path, typer.Argument(help="the other contour's contract")],
    env: Name = "",
    fingerprint: Annotated[str, typer.Option("--fingerprint", help="as its administrator told it to you")] = "",
    as_json: AsJson = False,
) -> None:
    """Accept a contract. The link opens with the next plan and apply."""
    environment = open_environment(chosen(env), contour)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise EnvProblem(f"{file} cannot be read", hint="name the contract's file") from error
    offered = contract.read(content)
    contract.check_facts(offered.facts, environment.settings, now=datetime.now(UTC))
    say(f"contract of {offered.facts.environment}/{offered.facts.contour}, link to {offered.facts.link_host}")
    if offered.facts.policy_digest:
        say(f"its vault enforces the policies {offered.facts.policy_digest}")
    said = fingerprint or typer.prompt("the fingerprint, as its administrator told it to you", err=True)
    if said.strip() != offered.fingerprint:
        raise EnvProblem(
            "the fingerprint is another one: this is not the contract you were told of",
            hint="ask its administrator again, over another channel than the file came by",
        )
    write_whole(environment.contour.folder / PEER, content)
    set_lines(environment.contour.settings, {"peer": {"contract": PEER, "fingerprint": offered.fingerprint}})
    if as_json:
        policies = offered.facts.policy_digest
        emit({"accepted": offered.fingerprint, "contour": offered.facts.contour, "policies": policies})
    else:
        result(f"accepted {offered.fingerprint}; plan and apply to open the link")
