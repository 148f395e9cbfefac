"""A cluster that the platform stack makes: what is needed before, and what is written down after."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.clouds.choose import handle_of
from infra.programs.platform import CONTEXT, KUBECONFIG
from infra.registered import run
from scripts.env.environment import Environment
from scripts.env.plugins import bridge, prepare
from scripts.files import write_whole

FILE: Final = "kubeconfig.made"


@dataclass(frozen=True, slots=True)
class Made:
    kubeconfig: Path
    context: str

    @property
    def next(self) -> str:
        """What a person does with it, in the cluster's network."""
        ask = f"kubectl --kubeconfig {self.kubeconfig} get namespace kube-system -o jsonpath={{.metadata.uid}}"
        return f"cluster.kubeconfig: ./{FILE}, context: {self.context}, identifier: what `{ask}` says; then plan again"


def ready(environment: Environment) -> None:
    """The plugins that the programs need stand in the contour's engine home, and an adapter has all it asks for.

    Raises:
        SettingsInvalid, VendorMissing: an answer or the cloud's provider is missing; the engine was not started.
        PluginMissing: with the steps to get it.
    """
    cluster = environment.settings.cluster
    if cluster.adapter != "kubeconfig":
        told(environment)
        bridge(environment.contour)
    if not cluster.awaited:
        prepare(environment.contour)


def told(environment: Environment) -> str:
    """Raises SettingsInvalid, VendorMissing."""

    def program() -> None:
        handle_of(environment.settings)

    made = run(program, stack=environment.contour.stack)
    return f"{environment.settings.cluster.adapter} makes {len(made)} resources; never run against the cloud itself"


def written_down(environment: Environment) -> Made:
    """The made cluster's kubeconfig, in the contour's folder, for nobody else to read."""
    outputs = environment.engine("platform").outputs(secret=True)
    path = environment.contour.folder / FILE
    write_whole(path, str(outputs[KUBECONFIG]), mode=0o600)
    return Made(path, str(outputs[CONTEXT]))
