"""No secret stands in clear in what the deployment writes down: state, plans, settings, rendered manifests."""

import base64
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from infra.material import is_secret
from scripts.env.environment import open_environment
from scripts.env.place import SIDES
from scripts.rehearse.stage import NAME, CheckFailed, Stage

SHORTEST: Final = 12
PEM_HEAD, PEM_SECRET = 48, 24


def no_secret_in_clear(stage: Stage) -> dict[str, int]:
    """Every secret of both halves is a canary; the twin is one that is written down on purpose."""
    os.environ["LARETS_ENVIRONMENTS"] = str(stage.environments)
    canaries: dict[str, str] = {}
    for side in SIDES:
        rendered = stage.folder / "rendered" / side
        stage.must("render", side, "--out", str(rendered))
        for engine in open_environment(NAME, side).engines:
            canaries |= {f"{side} {name}": value for name, value in engine.values().items() if is_secret(name)}
    places = [stage.environments, stage.folder / "rendered"]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    leaked = list(leaks(files, canaries))
    if leaked:
        raise CheckFailed(f"in clear: {'; '.join(leaked[:5])}")
    twin = stage.contour("private").state / "twin.json"
    twin.write_text(f'{{"inputs": "{next(iter(canaries.values()))}"}}')
    seen = list(leaks([twin], canaries))
    twin.unlink()
    if not seen:
        raise CheckFailed("a secret written into the state on purpose was not seen")
    return {"canaries": len(canaries), "files": len(files)}


def leaks(files: Iterable[Path], canaries: dict[str, str]) -> Iterator[str]:
    """Where a canary stands, in clear or as base64, hex or escaped JSON."""
    forms = {form: name for name, value in canaries.items() for form in _forms(value)}
    for path in files:
        content = path.read_bytes()
        for form, name in forms.items():
            if form in content:
                yield f"{name} in {path.name}"
                break


def _forms(value: str) -> Iterator[bytes]:
    """Parts of a value that tell it from any other, as they may be written down."""
    raw = value.strip().encode()
    if raw.startswith(b"-----BEGIN"):
        # A key's text begins like that of all keys and ends with its public half: the secret lies between.
        body = raw.splitlines()[1:3]
        parts = [body[0][PEM_HEAD:], body[1][:PEM_SECRET]]
    else:
        parts = [raw]
    for part in parts:
        yield part
        yield part.hex().encode()
        for shift in range(3):  # base64 depends on where the value begins
            encoded = base64.b64encode(b" " * shift + part)[4:-4]
            if len(encoded) >= SHORTEST:
                yield encoded
