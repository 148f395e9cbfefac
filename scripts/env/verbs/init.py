"""`larets env init`: asks what cannot be guessed and writes a commented settings file; keeps one that is there.

`--take-over`: also reads the contour's secrets back from its cluster, where state or passphrase are lost.
"""

from pathlib import Path
from typing import Annotated, Any, Final

import typer
import yaml

from infra.lib.settings import load_settings, settings_of
from scripts.env.command import AsJson, Which, told
from scripts.env.environment import open_environment
from scripts.env.errors import LOST, EnvProblem
from scripts.env.example import example
from scripts.env.locks import refuse_locked
from scripts.env.material import take_over
from scripts.env.passphrase import passphrase_of
from scripts.env.place import Contour, Side, contour_of
from scripts.env.questions import asked
from scripts.files import write_whole
from scripts.voice import emit, result, say

HEADER: Final = """# Settings of the {side} contour of {name}. Nothing secret has a place here: `larets env` makes
# secrets and keeps them encrypted by the passphrase beside this file. Keep a copy of the passphrase where the
# state's backups are not.
# Every setting and its default: infra/README.md. After a change: larets env plan, read it, larets env apply.
"""
COMMENTS: Final = {
    "stage": "rehearsal, staging or production; production refuses every weakening",
    "hosts": "host names of both halves, of one site; the same in both contours",
    "cluster": "the file, the context in it, and the uid of its namespace kube-system: all three must agree",
    "state": "where the engine keeps this contour's state; of this contour alone",
    "images": "by digest, from named registries",
    "edge": "the one way in",
    "database": "cloudnative-pg, external, or statefulset in a rehearsal",
    "keys": "openbao, external (Vault, Stronghold), or local-keyring in a rehearsal",
    "certificates": "cert-manager, or issued by larets",
    "peer": "the other contour's contract, written by `larets env accept`",
}
NEW_KEYS: Final = {"state": "empty"}  # until the key service has its keys; the guide says when
cli = typer.Typer()


@cli.command()
@told
def init(
    contour: Which,
    env: Annotated[str, typer.Option("--env", help="a name for the environment")],
    answers: Annotated[
        Path | None, typer.Option("--answers", help="YAML with any settings; nothing is asked for then")
    ] = None,
    takes_over: Annotated[
        bool, typer.Option("--take-over", help="state or passphrase are lost: go on with the secrets the cluster holds")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write the settings of a new contour and make its passphrase."""
    place = contour_of(env, contour)
    if place.settings.exists():
        load_settings(place.settings)
        say(f"  {place.settings} is there already; it was checked and kept")
    else:
        content = answered(place, answers) if answers else asked(place)
        settings_of(content)  # a wrong answer is told before anything is written
        place.make()
        write_whole(place.settings, commented(content), mode=0o600)
    place.make()
    passphrase = passphrase_of(place, load_settings(place.settings))
    passphrase.make()
    answer: dict[str, Any] = {"settings": str(place.settings), "passphrase": str(passphrase.resting)}
    if takes_over:
        taken, made = _taken_over(env, contour)
        answer |= {"taken": taken, "made": made}
    if as_json:
        emit(answer)
    else:
        result(f"{place.settings}")
        say(f"larets: hint: read it, then `larets env check --env {env} --contour {contour}`")


def _taken_over(env: str, contour: Side) -> tuple[list[str], list[str]]:
    environment = open_environment(env, contour)
    refuse_locked(environment.engines)
    taken, made = take_over(environment)
    say(f"  taken over from the cluster, kept encrypted: {', '.join(taken)}")
    if made:
        say("  the authority's key stands nowhere: another one signs from now on, and both are trusted")
    say(f"larets: hint: plan, apply, then the contract and the certificates: {LOST}")
    return taken, made


def commented(content: dict[str, Any]) -> str:
    """The settings file, each part under what it means."""
    text = HEADER.format(side=content["contour"], name=content["environment"])
    for name, value in content.items():
        comment = f"\n# {COMMENTS[name]}\n" if name in COMMENTS else ""
        text += comment + yaml.safe_dump({name: value}, sort_keys=False, allow_unicode=True)
    return text


def answered(place: Contour, answers: Path) -> dict[str, Any]:
    try:
        given = yaml.safe_load(answers.read_text("utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise EnvProblem(
            f"{answers} cannot be read as answers", hint="YAML with settings, as in the example"
        ) from error
    if not isinstance(given, dict):
        raise EnvProblem(f"{answers} holds no answers", hint="one `key: value` per line, parts nested")
    base = example(place.environment, place.side, domain=given.pop("domain", "shop.example.ru"))
    # A part that is given replaces the example's: half of each would be nobody's choice.
    made = base | given | {"environment": place.environment, "contour": place.side}
    return made if place.side == "public" or "keys" in made else made | {"keys": dict(NEW_KEYS)}
