"""Which Kubernetes provider plugin a contour's engine uses: the genuine one, or the rehearsal's stand-in.

The genuine plugin comes from Pulumi's download site alone. Where that cannot be reached, its folder is brought there
from a machine that can, and put where `ENGINE_PLUGINS` or the user's own `~/.pulumi/plugins` has it.
"""

import re
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal

from scripts.env.errors import EnvProblem
from scripts.env.place import Contour
from scripts.tools.tool import PLACE

Kind = Literal["genuine", "stand-in", "absent"]

EXECUTABLE: Final = "pulumi-resource-kubernetes"
SIGN: Final = "STAND-IN"
ENGINE_PLUGINS: Final = PLACE / "plugins"


BRIDGE: Final = "resource-terraform-provider-v"


class PluginMissing(EnvProblem):
    """The engine's Kubernetes provider plugin is not installed."""


def plugin_version() -> str:
    """The plugin that the installed Python package asks for."""
    return re.sub(r"[a-z].*", "", version("pulumi-kubernetes"))


def folder_name() -> str:
    return f"resource-kubernetes-v{plugin_version()}"


def provider_kind(contour: Contour) -> Kind:
    folder = contour.engine_home / "plugins" / folder_name()
    if not (folder / EXECUTABLE).exists():
        return "absent"
    return "stand-in" if (folder / SIGN).exists() else "genuine"


def genuine() -> Path | None:
    """The folder of the genuine plugin on this machine."""
    for place in (ENGINE_PLUGINS, Path.home() / ".pulumi" / "plugins"):
        folder = place / folder_name()
        if (folder / EXECUTABLE).exists() and not (folder / SIGN).exists():
            return folder
    return None


def prepare(contour: Contour) -> Kind:
    """Puts the genuine plugin into the contour's engine home, unless one stands there.

    Raises:
        PluginMissing: with the steps to get it.
    """
    kind = provider_kind(contour)
    if kind != "absent":
        return kind
    found = genuine()
    if found is None:
        wanted = plugin_version()
        raise PluginMissing(
            hint=f"where the internet can be reached: `pulumi plugin install resource kubernetes v{wanted}`; "
            f"then copy ~/.pulumi/plugins/{folder_name()} to {ENGINE_PLUGINS}"
        )
    place = contour.engine_home / "plugins"
    place.mkdir(parents=True, exist_ok=True)
    (place / folder_name()).symlink_to(found)
    return "genuine"


def bridge(contour: Contour) -> None:
    """Puts the engine's bridge to Terraform providers into the contour's engine home, unless one stands there.

    Raises:
        PluginMissing: with the steps to get it.
    """
    place = contour.engine_home / "plugins"
    if any(place.glob(f"{BRIDGE}*")):
        return
    places = (Path.home() / ".pulumi" / "plugins", ENGINE_PLUGINS)
    found = {one.name: one for folder in places for one in folder.glob(f"{BRIDGE}*")}
    if not found:
        raise PluginMissing(
            "the engine's bridge to Terraform providers is not installed",
            hint="`pulumi package add` of docs/clouds.md brings it where the internet can be reached; "
            f"then copy ~/.pulumi/plugins/{BRIDGE}… to {ENGINE_PLUGINS}",
        )
    place.mkdir(parents=True, exist_ok=True)
    for name, folder in found.items():
        (place / name).symlink_to(folder)
