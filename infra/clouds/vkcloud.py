"""VK Cloud: a Kubernetes cluster and its node group, without a public address."""

from pathlib import Path
from typing import Final

import pulumi

from infra.clouds.handle import ClusterHandle
from infra.clouds.made import asked, kept
from infra.clouds.vendor import Vendor
from infra.lib.settings import StackSettings

VENDOR: Final = Vendor(
    "vkcs",
    "terraform-provider-vkcs",
    "the provider mirror in VK Cloud's documentation (hub.mcs.mail.ru)",
    "pulumi_vkcs",
)
_NEEDED: Final = ("cluster_template_id", "network_id", "subnet_id", "zone", "master_flavor", "node_flavor")


def vkcloud(settings: StackSettings, vendor_folder: Path) -> ClusterHandle:
    """Raises SettingsInvalid, VendorMissing."""
    given = asked(settings, *_NEEDED)
    sdk = VENDOR.sdk(vendor_folder)
    own = sdk.Provider("vkcloud")
    name = f"{settings.environment}-{settings.contour}"
    cluster = sdk.KubernetesCluster(
        name,
        name=name,
        cluster_template_id=given["cluster_template_id"],
        master_flavor=given["master_flavor"],
        master_count=3,
        network_id=given["network_id"],
        subnet_id=given["subnet_id"],
        availability_zone=given["zone"],
        floating_ip_enabled=False,
        opts=kept(own, settings),
    )
    nodes = sdk.KubernetesNodeGroup(
        f"{name}-nodes",
        name="nodes",
        cluster_id=cluster.id,
        node_count=int(given.get("nodes", "3")),
        flavor_id=given["node_flavor"],
        autoscaling_enabled=False,
        opts=kept(own, settings),
    )
    return ClusterHandle(
        kubeconfig=pulumi.Output.secret(cluster.k8s_config),
        context=given.get("context", name),
        made=(cluster, nodes),
    )
