"""What was applied, release by release: settings, images and the schema their code was made for. Rollback reads it."""

import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import yaml

from scripts.env.environment import Environment
from scripts.env.errors import EnvProblem
from scripts.env.place import Contour, Side
from scripts.files import write_whole

_PACKAGES: Final[dict[Side, str]] = {"private": "pii_vault", "public": "app"}


class NoWayBack(EnvProblem):
    """Between the two releases the schema took a step that no code undoes; the older one would misread the data."""

    hint = "restore the backup that was taken before it (`larets env restore`), or go on to a corrected release"


class Irreversible(EnvProblem):
    """The upgrade takes a step of the schema that no code undoes."""

    hint = "take a backup, then set `database.irreversible: accepted` for this one upgrade"


@dataclass(frozen=True, slots=True)
class Bundle:
    """One applied release. `settings` is the file as it was, comments and all; it holds no secret."""

    release: str
    at: str
    digest: str
    schema: str
    settings: str

    @property
    def images(self) -> Mapping[str, Any]:
        images: Mapping[str, Any] = yaml.safe_load(self.settings)["images"]
        return images


def keep(contour: Contour, applied: Mapping[str, Any]) -> None:
    """After an apply: its bundle, unless nothing but the cluster changed since the last one."""
    settings = contour.settings.read_text("utf-8")
    known = bundles(contour)
    if known and known[-1].settings == settings and known[-1].release == applied["release"]:
        return
    bundle = Bundle(applied["release"], applied["at"], applied["digest"], schema_of(contour.side), settings)
    folder = contour.folder / "releases"
    folder.mkdir(exist_ok=True, mode=0o700)
    write_whole(folder / f"{len(known):05}.json", json.dumps(asdict(bundle), ensure_ascii=False), mode=0o600)


def bundles(contour: Contour) -> list[Bundle]:
    """The oldest first."""
    found = sorted((contour.folder / "releases").glob("*.json"))
    return [Bundle(**json.loads(path.read_text("utf-8"))) for path in found]


def previous(contour: Contour) -> Bundle:
    """The last bundle that ran other images than now.

    Raises:
        EnvProblem: there is none.
        NoWayBack: a migration in between cannot be undone.
    """
    known = bundles(contour)
    now = yaml.safe_load(contour.settings.read_text("utf-8"))["images"]
    for count in range(len(known), 0, -1):
        bundle = known[count - 1]
        if bundle.images != now:
            steps = steps_without_return(contour.side, _made_for(known[:count]))
            if steps:
                raise NoWayBack(f"the migrations {', '.join(steps)} came after the release of {bundle.at}: no way back")
            return bundle
    raise EnvProblem("there is no earlier release to go back to", hint="`larets env status` shows what was applied")


def _made_for(known: Sequence[Bundle]) -> str:
    """The schema of the last bundle's image: newer code that applied it again told its own schema, not the image's."""
    image = known[-1].images["larets"]
    first = known[-1]
    for bundle in reversed(known):
        if bundle.images["larets"] != image:
            break
        first = bundle
    return first.schema


def refuse_without_return(environment: Environment) -> None:
    """Before an upgrade. The Job of migrations refuses the same, but in the middle of an apply.

    Raises:
        Irreversible: this code has migrations after what was applied last that cannot be undone, and nobody said yes.
    """
    known = bundles(environment.contour)
    if not known or environment.settings.database.irreversible == "accepted":
        return
    steps = steps_without_return(environment.contour.side, _made_for(known))
    if steps:
        raise Irreversible(f"these migrations cannot be undone: {', '.join(steps)}; nothing was touched")


def schema_of(side: Side) -> str:
    """The schema that this code was made for."""
    from scripts.database import head_of  # noqa: PLC0415  half a second, and an apply without changes needs none of it

    return head_of(importlib.import_module(f"{_PACKAGES[side]}.migrations"))


def steps_without_return(side: Side, since: str) -> list[str]:
    """None after a schema that this code does not know: that one is newer."""
    from alembic.script.revision import ResolutionError  # noqa: PLC0415

    from scripts.database import irreversible_steps  # noqa: PLC0415

    try:
        return irreversible_steps(importlib.import_module(f"{_PACKAGES[side]}.migrations"), since)
    except ResolutionError:
        return []
