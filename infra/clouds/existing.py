"""The default: a cluster that is there, by the file, the context and the identifier in the settings."""

from pathlib import Path

from infra.clouds.handle import ClusterHandle
from infra.lib.settings import StackSettings


def existing(settings: StackSettings) -> ClusterHandle:
    cluster = settings.cluster
    return ClusterHandle(
        kubeconfig=str(Path(settings.folder, cluster.kubeconfig).absolute()),
        context=cluster.context,
        identifier=cluster.identifier,
        storage_class=cluster.storage_class,
        load_balancer_class=cluster.load_balancer_class,
        egress_addresses=list(cluster.egress_addresses),
        object_storage=cluster.cloud.get("object_storage", ""),
    )
