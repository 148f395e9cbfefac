"""A stack's secrets: made once, kept in its configuration, which the contour's passphrase encrypts."""

from datetime import UTC, datetime

from infra import material
from scripts.env.edit import merged, set_lines
from scripts.env.engine import Engine
from scripts.env.environment import Environment
from scripts.voice import say


def ensure_material(environment: Environment) -> list[str]:
    """Makes what the stacks need and do not have; says the names of what was made.

    Raises:
        MaterialMissing: only a person can give some of it.
    """
    made: list[str] = []
    for engine in environment.engines:
        stack = engine.program.stack
        needed = [key for one in material.needed(stack, environment.settings) for key in one.keys]
        if set(needed) <= engine.configured():
            continue
        have = engine.values()
        fresh = material.make(stack, environment.settings, have, now=datetime.now(UTC))
        if fresh:
            put(engine, fresh)
            made += fresh
            say(f"  {environment.contour.side}: made {len(fresh)} values for {stack}, kept encrypted")
    return made


def put(engine: Engine, values: dict[str, str]) -> None:
    engine.set_values({name: (value, material.is_secret(name)) for name, value in values.items()})


def next_generation(environment: Environment) -> None:
    """Pods read their secrets when they start: with another generation all that read them are started anew."""
    path = environment.contour.settings
    set_lines(path, merged(path, {"secrets": {"generation": environment.settings.secrets.generation + 1}}))
