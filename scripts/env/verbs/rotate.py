"""`larets env rotate`: certificates, database passwords or the state's passphrase, made anew."""

from typing import Annotated, Literal

import typer

from infra.lib.names import KEYS
from scripts.env.command import AsJson, Name, Which, told
from scripts.env.ending import in_order
from scripts.env.environment import Environment, open_environment
from scripts.env.locks import refuse_locked
from scripts.env.passphrase import HalfRotated, refuse_half_rotated
from scripts.env.place import chosen
from scripts.env.rotate import new_passphrase, remake, replaced_by_hand
from scripts.voice import emit, result, say

cli = typer.Typer()


@cli.command()
@told
@in_order()
def rotate(
    contour: Which,
    what: Annotated[Literal["certificates", "passwords", "passphrase"], typer.Argument(help="what is made anew")],
    env: Name = "",
    as_json: AsJson = False,
) -> None:
    """Certificates and passwords take effect with the next plan and apply, pod by pod, without a gap."""
    environment = open_environment(chosen(env), contour)
    refuse_locked(environment.engines)
    if what == "passphrase":
        if environment.contour.upcoming.exists():
            say("  going on with a rotation that was cut off")
        _renewed(environment)
        made = ["passphrase"]
        say("larets: hint: keep a copy of the new passphrase where the state's backups are not; old plans are void")
    else:
        refuse_half_rotated(environment.contour)
        made = remake(environment, what)
        say("larets: hint: `larets env plan`, read it, `larets env apply`")
    by_hand = replaced_by_hand(environment, what)
    if by_hand:
        say(f"larets: hint: the key service keeps its old ones until you delete in `{KEYS}` {', '.join(by_hand)}:")
        say("larets: hint: after the apply, one at a time, the next when the one before is unsealed")
    if as_json:
        emit({"rotated": what, "made": made, "delete_by_hand": by_hand})
    else:
        result(f"made anew: {', '.join(made)}")


def _renewed(environment: Environment) -> None:
    try:
        new_passphrase(environment)
    except BaseException:  # an interruption too
        if environment.contour.upcoming.exists():
            say(f"larets: error: {(HalfRotated.__doc__ or '').strip()}")
            say(f"larets: hint: {HalfRotated.hint}")
        raise
