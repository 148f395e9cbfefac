"""Selectel: a fault-tolerant Managed Kubernetes cluster and its node group."""

from pathlib import Path
from typing import Final

import pulumi

from infra.clouds.handle import ClusterHandle
from infra.clouds.made import asked, kept
from infra.clouds.vendor import Vendor
from infra.lib.settings import StackSettings

VENDOR: Final = Vendor(
    "selectel",
    "terraform-provider-selectel",
    "the releases of selectel/terraform-provider-selectel, or the mirror in Selectel's documentation",
    "pulumi_selectel",
)
_NEEDED: Final = ("project_id", "region", "zone", "network_id", "subnet_id")


def selectel(settings: StackSettings, vendor_folder: Path) -> ClusterHandle:
    """Raises SettingsInvalid, VendorMissing."""
    given = asked(settings, *_NEEDED)
    sdk = VENDOR.sdk(vendor_folder)
    own = sdk.Provider("selectel")
    name = f"{settings.environment}-{settings.contour}"
    cluster = sdk.MksClusterV1(
        name,
        name=name,
        project_id=given["project_id"],
        region=given["region"],
        kube_version=settings.cluster.kubernetes,
        network_id=given["network_id"],
        subnet_id=given["subnet_id"],
        zonal=False,
        private_kube_api=True,
        enable_audit_logs=True,
        enable_pod_security_policy=False,  # long gone from Kubernetes; Pod Security takes its place
        enable_autorepair=True,
        enable_patch_version_auto_upgrade=False,  # what is upgraded is planned
        opts=kept(own, settings),
    )
    nodes = sdk.MksNodegroupV1(
        f"{name}-nodes",
        cluster_id=cluster.id,
        project_id=given["project_id"],
        region=given["region"],
        availability_zone=given["zone"],
        nodes_count=int(given.get("nodes", "3")),
        cpus=int(given.get("cores", "4")),
        ram_mb=int(given.get("memory", "16")) * 1024,
        volume_gb=int(given.get("disk", "64")),
        volume_type=given.get("volume_type", f"fast.{given['zone']}"),
        opts=kept(own, settings),
    )
    config = sdk.get_mks_kubeconfig_v1_output(
        cluster_id=cluster.id,
        project_id=given["project_id"],
        region=given["region"],
        opts=pulumi.InvokeOutputOptions(provider=own),
    )
    return ClusterHandle(
        kubeconfig=pulumi.Output.secret(config.raw_config),
        context=given.get("context", f"{name}-admin@{name}"),
        made=(cluster, nodes),
    )
