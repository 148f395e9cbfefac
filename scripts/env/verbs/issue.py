"""`larets env issue`: a certificate by which a program of the private contour is known to the vault."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from infra import pki
from infra.material import AUTHORITY
from pii_vault.identity.programs import is_program_name
from scripts.env.command import AsJson, Name, told
from scripts.env.environment import open_environment
from scripts.env.errors import EnvProblem
from scripts.env.place import Side, chosen
from scripts.files import write_whole
from scripts.voice import emit, result, say

SIDE: Final[Side] = "private"

cli = typer.Typer()


@cli.command()
@told
def issue(
    program: Annotated[
        str, typer.Argument(help="its name, as `larets program register NAME --own-certificate` has it")
    ],
    env: Name = "",
    contour: Annotated[Side, typer.Option("--contour", help="programs are of the private contour alone")] = SIDE,
    out: Annotated[Path, typer.Option("--out", help="the folder for NAME.crt, NAME.key and ca.crt")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Sign one by the private contour's own authority. It opens nothing until the program is registered."""
    if contour != SIDE:
        raise EnvProblem("the public contour issues no programs", hint=f"--contour {SIDE}, by its administrator")
    if not is_program_name(program):
        raise EnvProblem(
            f"{program} cannot name a program", hint="lower-case letters, digits, hyphens; none of the contour's own"
        )
    held = open_environment(chosen(env), SIDE).engine(SIDE).values()
    if not all(held.get(f"{AUTHORITY}-{part}") for part in ("crt", "key")):
        raise EnvProblem("the contour has no authority yet", hint="`larets env plan` makes it")
    authority = pki.Pair(held[f"{AUTHORITY}-crt"], held[f"{AUTHORITY}-key"])
    made = pki.issue(authority, program, now=datetime.now(UTC))
    written = {f"{program}.crt": made.certificate, f"{program}.key": made.key, "ca.crt": authority.certificate}
    for name, content in written.items():
        write_whole(out / name, content, mode=0o600 if name.endswith(".key") else 0o644)
    if as_json:
        emit({"program": program, "files": sorted(written)})
    else:
        result(f"{out / program}.crt\n{out / program}.key\n{out / 'ca.crt'}")
        say("The key opens what the program may: keep it where only the program can read it.")
