"""New certificates, database passwords or state passphrase. The first two reach the pods by the next plan and apply."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from infra import material
from infra.material import Material
from scripts.env.environment import Environment
from scripts.env.errors import EngineFailed, EnvProblem
from scripts.env.material import next_generation, put
from scripts.env.passphrase import fresh_passphrase


def _certificate(one: Material) -> bool:
    return one.kind == "certificate"


def _password(one: Material) -> bool:
    # What the database itself holds is changed by the migration Job of the next generation.
    return one.name in material.PASSWORDS and one.kind == "password"


KINDS: Final[dict[str, Callable[[Material], bool]]] = {"certificates": _certificate, "passwords": _password}


def remake(environment: Environment, kind: str) -> list[str]:
    """New values of a kind, and a new generation.

    Raises:
        EnvProblem: there is nothing of it to make: passwords of a database that is somebody else's.
    """
    engine = environment.engine(environment.contour.side)
    have = engine.values()
    chosen = [one for one in material.needed(engine.program.stack, environment.settings) if KINDS[kind](one)]
    if not chosen:
        raise EnvProblem(
            f"no {kind} are made here: the database is somebody else's and learns of none",
            hint="`\\password` in its psql for each role, `larets env give database-runtime --file FILE`, plan, apply",
        )
    kept = {name: value for name, value in have.items() if name not in {key for one in chosen for key in one.keys}}
    made = material.make(engine.program.stack, environment.settings, kept, now=datetime.now(UTC))
    put(engine, made)
    next_generation(environment)
    return sorted(made)


def new_passphrase(environment: Environment) -> None:
    """Every stack's secrets encrypted anew. A failure in between puts all of it back as it was.

    Plans made before carry the old key and are refused from now on.
    """
    contour, held, fresh = environment.contour, environment.passphrase, fresh_passphrase()
    held.text()
    prepared = held.prepared(fresh)  # a key service that refuses is told before anything is under a new passphrase
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    kept = contour.folder / f"before-rotation-{stamp}"
    kept.mkdir(mode=0o700)
    for name in ("state", "stacks"):
        if (contour.folder / name).exists():
            shutil.copytree(contour.folder / name, kept / name)
    shutil.copy2(held.resting, kept / held.resting.name)
    try:
        for engine in environment.engines:
            if engine.known:
                engine.change_passphrase(fresh)
    except EngineFailed:
        for name in ("state", "stacks"):
            if (kept / name).exists():
                shutil.rmtree(contour.folder / name)
                shutil.copytree(kept / name, contour.folder / name)
        raise
    held.adopt(fresh, prepared)
    for engine in environment.engines:
        engine.values()  # proves that the new one opens it, before the old copies go
    shutil.rmtree(kept)
    # The engine keeps copies of the state under the old passphrase: of no use, and not to be kept.
    for old in ("backups", "history"):
        shutil.rmtree(contour.state / ".pulumi" / old, ignore_errors=True)
