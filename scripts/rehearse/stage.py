"""The rehearsal's stage: two control planes, one environment of two halves, and `larets env` run as a person would."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from scripts.env.kube import Cluster
from scripts.env.place import SIDES, VARIABLE, Contour, Side
from scripts.local.instance import ROOT
from scripts.rehearse.plane import Plane
from scripts.voice import say

NAME: Final = "rehearsal"
OPERATORS, OFFICERS = "larets:operators", "larets:officers"
COMMAND_SECONDS: Final = 240


class CheckFailed(Exception):
    """What the check looked for is not so; the message says what was found."""


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.out)
        except ValueError:
            raise CheckFailed(f"ended with {self.code} and no answer: {self.error}") from None

    @property
    def error(self) -> str:
        lines = [line for line in self.err.splitlines() if line.startswith("larets: error:")]
        return lines[-1] if lines else self.err[-400:]


@dataclass(slots=True)
class Stage:
    """Both planes up, the environment's files in `folder`."""

    folder: Path
    planes: dict[Side, Plane]
    provider: str = ""
    patience: float = COMMAND_SECONDS
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def environments(self) -> Path:
        return self.folder / "environments"

    def contour(self, side: Side) -> Contour:
        return Contour(NAME, side, self.environments / NAME / side)

    def cluster(self, side: Side) -> Cluster:
        return self.planes[side].cluster()

    def surroundings(self) -> dict[str, str]:
        return os.environ | {VARIABLE: str(self.environments)}

    def call(self, verb: str, side: Side, *arguments: str, env: str = NAME) -> list[str]:
        return [sys.executable, "-m", "scripts.main", "env", verb, "--env", env, "--contour", side, *arguments]

    def run(self, verb: str, side: Side, *arguments: str, env: str = NAME, answer: str = "") -> Said:
        """`larets env VERB`, with how it ended; nothing is raised for a refusal."""
        return self._said(self.call(verb, side, *arguments, env=env), answer)

    def larets(self, *words: str) -> Said:
        """Any other command of `larets`, where these environments are."""
        return self._said([sys.executable, "-m", "scripts.main", *words], "")

    def _said(self, command: list[str], answer: str) -> Said:
        began = time.monotonic()
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self.surroundings(),
            input=answer,
            capture_output=True,
            text=True,
            timeout=self.patience,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr, time.monotonic() - began)

    def must(self, verb: str, side: Side, *arguments: str, env: str = NAME) -> Any:
        """The JSON of a command that has to succeed.

        Raises:
            CheckFailed: with what it said.
        """
        said = self.run(verb, side, *arguments, "--json", env=env)
        if said.code:
            raise CheckFailed(f"larets env {verb} --contour {side} ended with {said.code}: {said.error}")
        return said.json

    def bring_up(self, side: Side) -> Mapping[str, Any]:
        """Plan, then apply that very plan."""
        planned = self.must("plan", side)
        applied: Mapping[str, Any] = self.must("apply", side, "--plan", planned["plan"])
        return applied

    def change(self, side: Side, part: str, **values: Any) -> None:
        """Edits a part of a half's settings, as its administrator would."""
        path = self.contour(side).settings
        content = yaml.safe_load(path.read_text())
        content[part] = {**(content.get(part) or {}), **values}
        path.write_text(yaml.safe_dump(content, sort_keys=False))


def answers(plane: Plane, side: Side, kubeconfig: Path) -> dict[str, Any]:
    """Settings of a half for simulated nodes: nothing that needs an operator, an outside service or a real image."""
    image = "registry.rehearsal.internal/larets"

    def digest(letter: str) -> str:
        return f"sha256:{letter * 64}"

    content: dict[str, Any] = {
        "domain": "larets.test",
        "stage": "rehearsal",
        "cluster": {
            "kubeconfig": str(kubeconfig),
            "context": plane.context,
            "identifier": plane.cluster().identifier(),
            "api_server": ["127.0.0.1/32"],
            "egress_addresses": ["203.0.113.10/32" if side == "private" else "203.0.113.20/32"],
        },
        "images": {
            "registries": ["registry.rehearsal.internal"],
            "larets": f"{image}/{'vault' if side == 'private' else 'app'}@{digest('a')}",
            "database": f"{image}/postgresql@{digest('b')}",
            "edge": f"{image}/edge@{digest('c')}",
        },
        "edge": {
            "kind": "proxy",
            "service": "ClusterIP",
            "addresses": ["203.0.113.11" if side == "private" else "203.0.113.21"],
        },
        "database": {"kind": "statefulset", "instances": 1, "storage": "1Gi"},
        "certificates": {"kind": "issued"},
        "access": {"operators": [OPERATORS], "officers": [OFFICERS]},
        "sizes": {"web": {"replicas": 1 if side == "private" else 2, "max_replicas": 1 if side == "private" else 3}},
    }
    if side == "private":
        content["keys"] = {"kind": "local-keyring", "local_keyring": "accepted"}
        content["relay"] = [{"host": "sms.example.ru", "addresses": ["203.0.113.99/32"]}]
    return content


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """Both planes started and ended; files stay in `folder`, which the caller owns."""
    planes = {side: Plane(side, folder / "planes" / side, users=("stranger",)) for side in SIDES}
    began = time.monotonic()
    try:
        for plane in planes.values():
            plane.start()
        say(f"  two control planes are up, {time.monotonic() - began:.0f} s")
        yield Stage(folder, planes)
    finally:
        for plane in planes.values():
            plane.stop()
