"""What the cluster holds of a contour's secrets: values read back from where the programs write them."""

from base64 import b64decode
from collections.abc import Collection, Iterator

from infra.components.secrets import read_back
from infra.held import Holder, holders
from infra.values import NOT_GIVEN
from scripts.env.engine import Engine
from scripts.env.environment import Environment
from scripts.env.errors import LOST, EnvProblem


class Held(EnvProblem):
    """The cluster holds secrets of this contour that its state does not know; nothing was made"""

    hint = (
        "is `state.backend` the right one, and `stacks` in its folder? If state or passphrase are lost for good: "
        f"`larets env init --take-over` ({LOST})"
    )


def refuse_held(environment: Environment, engine: Engine, names: Collection[str]) -> None:
    """Raises Held: new values in place of living ones would shut the contour out of its own data."""
    if living := held(environment, engine, names):
        raise Held(f"{Held.__doc__}: {', '.join(sorted(living))}")


def held(environment: Environment, engine: Engine, names: Collection[str]) -> dict[str, str]:
    """Those of the named values that the cluster holds. Never print them.

    Raises:
        EnvProblem: a Secret is not as these settings would write it, or two of them differ; which, is told.
    """
    found: dict[str, tuple[str, str]] = {}
    for holder in holders(engine.program.stack, environment.settings):
        wanted = {key: text for key, text in holder.texts.items() if any(f"{{{name}}}" in text for name in names)}
        for where, name, value in _values(environment, holder, wanted):
            if name not in names or value == NOT_GIVEN:
                continue
            before, known = found.setdefault(name, (where, value))
            if known != value:
                raise EnvProblem(
                    f"{name} in Secret {where} is another one than in Secret {before}",
                    hint="an apply ended between them, or somebody changed one: put into both what is in use",
                )
    return {name: value for name, (_, value) in found.items()}


def _values(environment: Environment, holder: Holder, wanted: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    live = environment.cluster().read(holder.manifest) if wanted else None
    data = (live or {}).get("data") or {}
    where = f"{holder.manifest['metadata']['namespace']}/{holder.manifest['metadata']['name']}"
    for key in sorted(wanted.keys() & data.keys()):
        values = read_back(wanted[key], b64decode(data[key]).decode("utf-8", "replace"))
        if values is None:
            raise EnvProblem(
                f"{key} of Secret {where} is not as these settings would write it",
                hint="put back the settings of the last apply (`releases/`, a backup), take over, then change them",
            )
        for name, value in values.items():
            yield where, name, value
