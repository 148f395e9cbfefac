"""The default: a cluster that is there, by the file and the context in the settings."""

from pathlib import Path

from infra.clouds.handle import ClusterHandle
from infra.lib.settings import StackSettings


def existing(settings: StackSettings) -> ClusterHandle:
    cluster = settings.cluster
    return ClusterHandle(str(Path(settings.folder, cluster.kubeconfig).absolute()), cluster.context)
