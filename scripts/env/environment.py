"""One contour of one environment, opened: its settings checked, its cluster proved to be the right one."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from infra.lib.settings import StackSettings, load_settings, refuse_shared_state
from scripts.env.engine import Engine
from scripts.env.errors import EnvProblem, WrongCluster
from scripts.env.kube import Cluster, connect
from scripts.env.place import SIDES, Contour, Side, contour_of, environments
from scripts.env.programs import Program, programs_of


@dataclass(slots=True)
class Environment:
    """What a command works on. It holds the credentials of one contour and cannot reach the other's."""

    contour: Contour
    settings: StackSettings
    programs: tuple[Program, ...]
    _cluster: Cluster | None = field(default=None, repr=False)

    @property
    def release(self) -> str:
        return version("larets")

    @property
    def key(self) -> bytes:
        """Seals secrets in plans, and the plans themselves."""
        return self.contour.key("plan")

    @property
    def engines(self) -> list[Engine]:
        return [Engine(self.contour, self.settings.state.backend, program) for program in self.programs]

    def engine(self, stack: str) -> Engine:
        for engine in self.engines:
            if engine.program.stack == stack:
                return engine
        raise EnvProblem(f"there is no stack {stack} in the {self.contour.side} contour")

    @property
    def kubeconfig(self) -> Path:
        return Path(self.settings.folder, self.settings.cluster.kubeconfig)

    def cluster(self) -> Cluster:
        """The contour's cluster, once it has shown that it is the one the settings name.

        Raises:
            WrongCluster: before anything was asked of it but its name.
        """
        if self._cluster is None:
            opened = self.connect()
            if opened.identifier() != self.settings.cluster.identifier:
                raise WrongCluster
            self._cluster = opened
        return self._cluster

    def connect(self) -> Cluster:
        """Whatever cluster is behind the context. Only `check` and `init` may look at one that is not proved."""
        try:
            text = self.kubeconfig.read_text()
        except OSError as error:
            raise EnvProblem(f"the kubeconfig cannot be read: {self.kubeconfig}", hint="put it there") from error
        return connect(text, self.settings.cluster.context)


def open_environment(name: str, side: Side) -> Environment:
    """Raises SettingsInvalid, SharedState: nothing was touched."""
    contour = contour_of(name, side)
    if not contour.settings.exists():
        raise EnvProblem(
            f"there is no environment {name} with a {side} contour here",
            hint=f"larets env init {name} --contour {side}",
        )
    settings = load_settings(contour.settings)
    if (settings.environment, settings.contour) != (name, side):
        raise EnvProblem(
            f"{contour.settings} is of {settings.environment}/{settings.contour}, not of {name}/{side}",
            hint="correct `environment` and `contour` there, or name the right one",
        )
    refuse_shared_state([settings, *_others(contour)])
    contour.make()
    return Environment(contour, settings, programs_of(settings))


def _others(contour: Contour) -> Iterator[StackSettings]:
    """Settings of all other halves here: they hold no secret."""
    for folder in sorted(environments().iterdir()):
        for side in SIDES:
            path = folder / side / "settings.yaml"
            if path.exists() and path != contour.settings:
                yield load_settings(path)
