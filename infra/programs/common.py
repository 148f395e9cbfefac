"""What every program begins with: the cluster, by three names."""

from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes

from infra.components.objects import Place
from infra.lib.settings import StackSettings


def open_place(settings: StackSettings) -> Place:
    """An explicit provider on exactly one cluster; it never looks at the surroundings."""
    cluster = settings.cluster
    provider = kubernetes.Provider(
        "cluster",
        kubeconfig=str(Path(settings.folder, cluster.kubeconfig).absolute()),
        context=cluster.context,
        cluster_identifier=cluster.identifier,
        enable_server_side_apply=True,
        enable_patch_force=False,
        suppress_helm_hook_warnings=True,
        opts=pulumi.ResourceOptions(),
    )
    return Place(settings.contour, provider, settings.protect_data)
