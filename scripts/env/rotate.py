"""New certificates, database passwords or state passphrase. The first two reach the pods by the next plan and apply."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from infra import material, pki
from infra.components.key_service import NAME
from infra.material import AUTHORITY, Material
from scripts.env.environment import Environment
from scripts.env.errors import EnvProblem
from scripts.env.material import next_generation, put
from scripts.env.passphrase import fresh_passphrase, read_clear
from scripts.env.rekey import change, is_under, put_back
from scripts.files import write_whole
from scripts.voice import say


def _certificate(one: Material) -> bool:
    return one.kind == "certificate"


def _password(one: Material) -> bool:
    # What the database itself holds is changed by the migration Job of the next generation.
    return one.name in material.PASSWORDS and one.kind == "password"


KINDS: Final[dict[str, Callable[[Material], bool]]] = {"certificates": _certificate, "passwords": _password}


def replaced_by_hand(environment: Environment, kind: str) -> list[str]:
    """Pods that no apply starts anew: each member of the key service has to be unsealed again by people."""
    keys = environment.settings.keys
    if kind != "certificates" or environment.contour.side != "private" or keys.kind != "openbao":
        return []
    return [f"{NAME}-{number}" for number in range(keys.replicas)]


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
    if kind == "certificates":  # an authority that was succeeded stays for as long as what it signed runs
        known = f"{AUTHORITY}-crt"
        signed = [have[key] for one in chosen for key in one.keys if key in have and not material.is_secret(key)]
        put(engine, {known: pki.in_use(have[known], signed)})
    put(engine, made)
    next_generation(environment)
    return sorted(made)


def new_passphrase(environment: Environment) -> None:
    """Every stack's secrets encrypted anew. Where it was cut off, the next run goes on with the same passphrase.

    Plans made before carry the old key and are refused from now on. Raises EngineFailed, Locked: as it was before,
    unless a stack is under the new one already.
    """
    contour, held = environment.contour, environment.passphrase
    held.text()
    engines = [engine for engine in environment.engines if engine.known]
    if not contour.upcoming.exists():
        # A key service that refuses is told before anything is under a new passphrase; so is a disk that is full.
        write_whole(contour.upcoming, held.prepared(fresh_passphrase()) + "\n", mode=0o600)
    prepared = read_clear(contour.upcoming)
    fresh = held.read(prepared)
    try:
        for engine in engines:
            change(engine, fresh)
    except EnvProblem:
        if not any(is_under(engine, fresh) for engine in engines):
            for engine in engines:
                put_back(engine)
            contour.upcoming.unlink()
        raise
    held.adopt(fresh, prepared)
    for engine in environment.engines:
        engine.values()  # proves that the new one opens it, before nothing tells of a rotation any more
    contour.upcoming.unlink()
    _forget_former(environment)


def _forget_former(environment: Environment) -> None:
    """The engine keeps copies of the state under the old passphrase: of no use, and not to be kept."""
    engines = environment.engines
    for engine in engines:
        for old in ("backups", "history") if engine.in_files else ():
            shutil.rmtree(engine.locks.parent / old, ignore_errors=True)
    if not all(engine.in_files for engine in engines):
        say("larets: hint: remove `.pulumi/backups` and `.pulumi/history` in the bucket: they are under the old one")
