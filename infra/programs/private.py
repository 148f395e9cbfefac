"""The private half."""

from infra.lib.settings import StackSettings
from infra.programs.common import open_place
from infra.values import Values


def build(settings: StackSettings, values: Values) -> None:
    del values
    open_place(settings)
