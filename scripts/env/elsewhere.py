"""The engine's state where it does not lie in the contour's folder, in a backup and back from it.

It is taken out and brought in by the engine, with its secrets encrypted as they are. A stack that the backup does not
know stays as it is.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from scripts.env.engine import Engine
from scripts.env.environment import Environment, open_environment
from scripts.env.place import Contour
from scripts.files import write_whole

PART: Final = "exported"  # a folder with one file per stack


def export(environment: Environment, folder: Path) -> None:
    """Into `folder`; nothing where the contour's own folder has the state. Raises EngineFailed."""
    shutil.rmtree(folder / PART, ignore_errors=True)
    for engine in _elsewhere(environment):
        state = engine.sealed_state()
        if state:
            (folder / PART).mkdir(exist_ok=True, mode=0o700)
            write_whole(folder / PART / f"{engine.program.stack}.json", json.dumps(state), mode=0o600)


def bring(contour: Contour) -> None:
    """What stands in the contour's folder, into the backend that the settings name by now. Raises EngineFailed."""
    held = contour.folder / PART
    if held.exists():
        for engine in _elsewhere(open_environment(contour.environment, contour.side)):
            path = held / f"{engine.program.stack}.json"
            if path.exists():
                engine.bring_state(json.loads(path.read_text("utf-8")))
        shutil.rmtree(held)


def _elsewhere(environment: Environment) -> Iterator[Engine]:
    own = environment.contour.state.resolve()
    for engine in environment.engines:
        if not engine.in_files or Path(engine.backend.removeprefix("file://")).resolve() != own:
            yield engine
