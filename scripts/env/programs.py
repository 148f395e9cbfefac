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
    return tuple(Program(stack, program(stack, settings)) for stack in stacks_of(settings.contour))
