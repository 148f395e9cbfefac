"""Where an environment's files stand: settings, and for each contour its own state, passphrase and engine home.

    <environments>/<name>/private/           settings.yaml passphrase[.sealed] state/ engine/ stacks/ plans/ …
    <environments>/<name>/public/            the same, of the other half

A command opens one contour's folder and never the other's.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from scripts.env.errors import EnvProblem
from scripts.local.instance import ROOT

Side = Literal["private", "public"]

SIDES: Final[tuple[Side, ...]] = ("private", "public")
NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,30}")
VARIABLE: Final = "LARETS_ENVIRONMENTS"


@dataclass(frozen=True, slots=True)
class Contour:
    """One half of one environment."""

    environment: str
    side: Side
    folder: Path

    @property
    def stack(self) -> str:
        """The engine's name for this half; names of two halves differ, so no state can be taken for the other's."""
        return f"{self.environment}-{self.side}"

    @property
    def settings(self) -> Path:
        """What the administrator edits."""
        return self.folder / "settings.yaml"

    @property
    def state(self) -> Path:
        """Where the settings of `init` put the engine's state."""
        return self.folder / "state"

    @property
    def passphrase(self) -> Path:
        return self.folder / "passphrase"

    @property
    def sealed(self) -> Path:
        """What stands instead of the passphrase where a key service seals it."""
        return self.folder / "passphrase.sealed"

    @property
    def upcoming(self) -> Path:
        """A fresh passphrase, as it is to rest, for as long as it is not that of every stack."""
        return self.folder / "passphrase.next"

    @property
    def engine_home(self) -> Path:
        return self.folder / "engine"

    @property
    def plans(self) -> Path:
        return self.folder / "plans"

    @property
    def encrypted(self) -> bool:
        """Stands something here that only its passphrase opens?"""
        return any(self.folder.glob("stacks/*/Pulumi.*.yaml"))

    def make(self) -> None:
        """Its folders; what is there stays."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (self.state, self.engine_home, self.plans):
            folder.mkdir(exist_ok=True, mode=0o700)


def environments() -> Path:
    return Path(os.environ.get(VARIABLE) or ROOT / "var" / "environments").resolve()


def folder_of(environment: str) -> Path:
    if not NAME.fullmatch(environment):
        raise EnvProblem(
            f"{environment!r} cannot name an environment", hint="lower-case letters, digits, hyphens; up to 31"
        )
    return environments() / environment


def chosen(environment: str) -> str:
    """The environment that is named, or the only one there is.

    Raises:
        EnvProblem: none was named, and there are several or none.
    """
    if environment:
        return environment
    there = sorted(path.name for path in environments().iterdir()) if environments().is_dir() else []
    if len(there) == 1:
        return there[0]
    raise EnvProblem(
        "which environment?" if there else "there is no environment here",
        hint=f"--env NAME; there are {', '.join(there)}" if there else "larets env init --env NAME --contour private",
    )


def contour_of(environment: str, side: Side) -> Contour:
    return Contour(environment, side, folder_of(environment) / side)
