"""A stage without clusters: `larets env` answers as a test says. For showing that a check sees the breach it guards."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

from scripts.env.place import SIDES, Side
from scripts.rehearse.stage import NAME, Said, Stage

Script = Callable[[str, Side, tuple[str, ...]], Any]
CLOCK = 0.1


def refusal(*words: str, code: int = 1) -> Said:
    return Said(code, "", f"larets: error: {' '.join(words)}", CLOCK)


@dataclass(slots=True)
class Play(Stage):
    """`script` gives the JSON of a command's answer, or how it ended. `api` is the cluster of both sides."""

    script: Script = lambda *_: {}
    api: Any = None
    ran: list[tuple[str, ...]] = field(default_factory=list)

    def run(self, verb: str, side: Side, *arguments: str, env: str = NAME, answer: str = "") -> Said:
        del env, answer
        self.ran.append((verb, side, *arguments))
        said = self.script(verb, side, arguments)
        return said if isinstance(said, Said) else Said(0, json.dumps(said), "", CLOCK)

    def cluster(self, side: Side) -> Any:
        del side
        return self.api


def play(folder: Path, script: Script, *, api: Any = None) -> Play:
    """With the files of both halves as `larets env init` leaves them, as far as checks touch them."""
    planes: dict[Side, Any] = {
        side: SimpleNamespace(context=f"c-{side}", port=6443, kubeconfig=lambda *_: "server: https://127.0.0.1:6443\n")
        for side in SIDES
    }
    made = Play(folder, planes, script=script, api=api)
    for side in SIDES:
        contour = made.contour(side)
        contour.make()
        contour.passphrase.write_text("of the tests")
        contour.settings.write_text(
            yaml.safe_dump(
                {
                    "cluster": {"context": "c"},
                    "database": {},
                    "hosts": {},
                    "images": {},
                    "sizes": {},
                    "state": {"backend": f"file://{contour.state}"},
                }
            )
        )
        (folder / f"{side}.kubeconfig").write_text("server: https://127.0.0.1:6443\n")
    return made
