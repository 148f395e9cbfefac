"""The three programs. Each reads settings and secrets, puts components together and exports what others may know.

`program(stack, settings)` is what the engine runs, from a stack's `__main__.py` or inline through the Automation API;
`build` is the same with the secrets handed over.
"""

from collections.abc import Callable
from functools import partial

from infra.errors import SettingsInvalid
from infra.lib.names import Stack, stacks_of
from infra.lib.settings import StackSettings
from infra.programs import platform, private, public
from infra.values import ConfigValues, Values

_BUILDERS: dict[Stack, Callable[[StackSettings, Values], None]] = {
    "platform": platform.build,
    "private": private.build,
    "public": public.build,
}


def build(stack: Stack, settings: StackSettings, values: Values) -> None:
    """Raises SettingsInvalid: the stack is the other contour's."""
    if stack not in stacks_of(settings.contour):
        allowed = ", ".join(stacks_of(settings.contour))
        raise SettingsInvalid(f"the stack {stack} is not of the {settings.contour} contour; allowed: {allowed}")
    _BUILDERS[stack](settings, values)


def program(stack: Stack, settings: StackSettings) -> Callable[[], None]:
    """The stack's program, for the engine."""
    return partial(_from_configuration, stack, settings)


def _from_configuration(stack: Stack, settings: StackSettings) -> None:
    build(stack, settings, ConfigValues())
