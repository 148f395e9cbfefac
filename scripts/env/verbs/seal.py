"""`larets env seal`: the passphrase sealed by the key service of `state.sealed_by`, sealed anew, or back in a file."""

from typing import Annotated, Any

import typer

from scripts.env.command import AsJson, Name, Which, told
from scripts.env.environment import open_environment
from scripts.env.locks import refuse_locked
from scripts.env.passphrase import refuse_half_rotated
from scripts.env.place import chosen
from scripts.env.reseal import seal as seal_passphrase
from scripts.env.reseal import unseal
from scripts.voice import emit, result, say

cli = typer.Typer()


@cli.command()
@told
def seal(
    contour: Which,
    env: Name = "",
    back: Annotated[
        bool, typer.Option("--open", help="back into a file; `state.sealed_by` leaves the settings")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Seal the passphrase; run again after the key's rotation, it is sealed by the newest version."""
    environment = open_environment(chosen(env), contour)
    refuse_locked(environment.engines)
    refuse_half_rotated(environment.contour)
    if back:
        unseal(environment)
        answer: dict[str, Any] = {"sealed": False}
        said = f"the passphrase is at {environment.contour.passphrase}, in the clear"
    else:
        version, was_clear = seal_passphrase(environment)
        answer = {"sealed": True, "version": version}
        said = f"the passphrase is sealed by version {version} of the key"
        if was_clear:
            say("larets: hint: copies of the file that was still open the state: `larets env rotate passphrase`")
        say("larets: hint: keep a copy of passphrase.sealed; without the key service it opens to nobody")
    if as_json:
        emit(answer)
    else:
        result(said)
