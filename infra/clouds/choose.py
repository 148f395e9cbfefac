"""Which adapter the settings name."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from infra.clouds.existing import existing
from infra.clouds.handle import ClusterHandle
from infra.clouds.selectel import selectel
from infra.clouds.vkcloud import vkcloud
from infra.clouds.yandex import yandex
from infra.lib.settings import StackSettings

_MADE: Final[dict[str, Callable[[StackSettings, Path], ClusterHandle]]] = {
    "yandex": yandex,
    "vkcloud": vkcloud,
    "selectel": selectel,
}
# What the adapters make, by the last part of its type: with it goes all that runs and lies there.
KINDS: Final = frozenset({"KubernetesCluster", "KubernetesNodeGroup", "MksClusterV1", "MksNodegroupV1"})


def handle_of(settings: StackSettings) -> ClusterHandle:
    """The cluster of these settings. The vendors' binaries lie in `vendor/` beside the settings file.

    Raises:
        SettingsInvalid, VendorMissing: a cloud's adapter lacks an answer or its provider.
    """
    adapter = settings.cluster.adapter
    return existing(settings) if adapter == "kubeconfig" else _MADE[adapter](settings, settings.folder / "vendor")
