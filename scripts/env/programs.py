"""Which programs a contour's environment is made of, in the order of deployment."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infra.lib.names import Stack, stacks_of
from infra.lib.settings import StackSettings
from infra.programs import program


@dataclass(frozen=True, slots=True)
class Program:
    """A stack's program. `project` is the engine's name for it, the same as in `stacks/<stack>/Pulumi.yaml`."""

    stack: Stack
    run: Callable[[], Any]

    @property
    def project(self) -> str:
        return f"larets-{self.stack}"


def programs_of(settings: StackSettings) -> tuple[Program, ...]:
    """As long as the cluster is to be made, the platform alone."""
    stacks = stacks_of(settings.contour)
    return tuple(Program(one, program(one, settings)) for one in (stacks[:1] if settings.cluster.awaited else stacks))
