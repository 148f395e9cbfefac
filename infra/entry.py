"""How a stack's `__main__.py` starts: settings by file, the right cluster or none, then the program."""

from pathlib import Path

import pulumi

from infra.guard import check_cluster, uid_of
from infra.lib.names import Stack
from infra.lib.settings import load_settings
from infra.programs import program


def run_stack(stack: Stack) -> None:
    """Run the program of a stack with the settings file that `larets:settings` names.

    Raises:
        SettingsInvalid, WrongCluster: before any resource is registered.
    """
    settings = load_settings(Path(pulumi.Config("larets").require("settings")))
    if not (stack == "platform" and settings.cluster.awaited):
        check_cluster(settings, uid_of)
    program(stack, settings)()
