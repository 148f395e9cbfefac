"""One contour of one environment, opened: its settings checked, its cluster proved to be the right one."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from infra.lib.located import Located
from infra.lib.settings import StackSettings, load_settings, refuse_shared_state
from scripts.env.engine import Engine
from scripts.env.errors import EnvProblem, WrongCluster
from scripts.env.kube import Cluster, connect
from scripts.env.passphrase import Passphrase, passphrase_of
from scripts.env.place import SIDES, Contour, Side, contour_of, environments
from scripts.env.programs import Program, programs_of


@dataclass(slots=True)
class Environment:
    """What a command works on. It holds the credentials of one contour and cannot reach the other's."""

    contour: Contour
    settings: StackSettings
    programs: tuple[Program, ...]
    passphrase: Passphrase = field(init=False, repr=False)
    _cluster: Cluster | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.passphrase = passphrase_of(self.contour, self.settings)

    @property
    def release(self) -> str:
        return version("larets")

    @property
    def key(self) -> bytes:
        """Seals secrets in plans, and the plans themselves."""
        return self.passphrase.key("plan")

    @property
    def engines(self) -> list[Engine]:
        backend = self.settings.state.backend
        return [Engine(self.contour, self.passphrase, backend, program) for program in self.programs]

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
                raise WrongCluster(at=self.at("cluster", "identifier"))
            self._cluster = opened
        return self._cluster

    def prove_cluster(self) -> None:
        """Raises WrongCluster: there has to be one, and it is not this."""
        if not self.settings.cluster.awaited:
            self.cluster()

    def made_from(self) -> dict[str, str]:
        """SHA-256 of settings and of each stack's state; empty where a state is no file and cannot be seen whole."""
        files = {"settings": self.contour.settings} | {one.program.stack: one.state for one in self.engines}
        if not all(path.is_file() for path in files.values()):
            return {}
        return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}

    def at(self, *where: str) -> str:
        """`settings.yaml:12: cluster.context`, for a message about what stands there."""
        return f"{Located.read(self.contour.settings).at(where)}: {'.'.join(where)}"

    def connect(self) -> Cluster:
        """Whatever cluster is behind the context. Only `check` and `init` may look at one that is not proved."""
        if self.settings.cluster.awaited:
            raise EnvProblem(
                f"the cluster is not written down yet ({self.at('cluster', 'adapter')})",
                hint="`larets env plan`, `apply` make it; then kubeconfig, context, identifier go into the settings",
            )
        try:
            text = self.kubeconfig.read_text()
        except OSError as error:
            raise EnvProblem(
                f"the kubeconfig cannot be read: {self.kubeconfig} ({self.at('cluster', 'kubeconfig')})",
                hint="put it there, or correct that line",
            ) from error
        return connect(text, self.settings.cluster.context)


def open_environment(name: str, side: Side) -> Environment:
    """Raises SettingsInvalid, SharedState: nothing was touched."""
    contour = contour_of(name, side)
    if not contour.settings.exists():
        raise EnvProblem(
            f"there is no environment {name} with a {side} contour here",
            hint=f"larets env init --env {name} --contour {side}",
        )
    settings = load_settings(contour.settings)
    if (settings.environment, settings.contour) != (name, side):
        raise EnvProblem(
            f"{contour.settings} is of {settings.environment}/{settings.contour}, not of {name}/{side}",
            hint="correct `environment` and `contour` there, or name the right one",
        )
    refuse_shared_state([settings, *_others(contour)])
    contour.make()
    opened = Environment(contour, settings, programs_of(settings))
    if settings.state.sealed_by is None and not contour.encrypted:  # a sealed one: `init`, `seal`
        opened.passphrase.make()
    return opened


def _others(contour: Contour) -> Iterator[StackSettings]:
    """Settings of all other halves here: they hold no secret."""
    for folder in sorted(environments().iterdir()):
        for side in SIDES:
            path = folder / side / "settings.yaml"
            if path.exists() and path != contour.settings:
                yield load_settings(path)
