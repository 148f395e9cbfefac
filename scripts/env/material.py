"""A stack's secrets: made once, kept in its configuration, which the contour's passphrase encrypts."""

from datetime import UTC, datetime

from infra import material
from infra.material import AUTHORITY
from scripts.env.edit import merged, set_lines
from scripts.env.engine import Engine
from scripts.env.environment import Environment
from scripts.env.errors import EnvProblem
from scripts.env.held import held, refuse_held
from scripts.voice import say


def ensure_material(environment: Environment) -> list[str]:
    """Makes what the stacks need and do not have; says the names of what was made.

    Raises:
        Held: the cluster has some of it, which new values would replace.
        MaterialMissing: only a person can give some of it.
    """
    made: list[str] = []
    for engine in environment.engines:
        stack = engine.program.stack
        absent = lacking(environment, engine)
        if not absent:
            continue
        refuse_held(environment, engine, absent)
        fresh = material.make(stack, environment.settings, engine.values(), now=datetime.now(UTC))
        if fresh:
            put(engine, fresh)
            made += fresh
            say(f"  {environment.contour.side}: made {len(fresh)} values for {stack}, kept encrypted")
    return made


def take_over(environment: Environment) -> tuple[list[str], list[str]]:
    """Names of what was read back from the cluster, and of what was made because it stands nowhere (ADR 0050).

    What runs goes on with what it has. An authority whose key is lost gets a successor, and both are trusted.

    Raises:
        EnvProblem: there is nothing to take over, or it is not as these settings write it; nothing was changed.
    """
    engine = environment.engine(environment.contour.side)
    taken = held(environment, engine, lacking(environment, engine))
    if not taken:
        raise EnvProblem(
            "there is nothing to take over: the cluster holds no secret that this state lacks",
            hint="is it the right cluster? For a new one `larets env plan` makes what is missing",
        )
    certificate, key = f"{AUTHORITY}-crt", f"{AUTHORITY}-key"
    made: dict[str, str] = {}
    if certificate in taken and key not in taken:
        made = material.successor(environment.settings, taken[certificate], now=datetime.now(UTC))
    put(engine, taken | made)
    return sorted(taken), sorted(made)


def lacking(environment: Environment, engine: Engine) -> frozenset[str]:
    """Names of the values that the stack needs and its configuration does not hold."""
    needed = material.needed(engine.program.stack, environment.settings)
    return frozenset(key for one in needed for key in one.keys) - engine.configured()


def put(engine: Engine, values: dict[str, str]) -> None:
    engine.set_values({name: (value, material.is_secret(name)) for name, value in values.items()})


def next_generation(environment: Environment) -> None:
    """Pods read their secrets when they start: with another generation all that read them are started anew."""
    path = environment.contour.settings
    set_lines(path, merged(path, {"secrets": {"generation": environment.settings.secrets.generation + 1}}))
