"""Yandex Cloud: a Managed Kubernetes cluster and its nodes, without public addresses, network policies enforced."""

from pathlib import Path
from typing import Final

from infra.clouds.handle import ClusterHandle
from infra.clouds.made import asked, kept, kubeconfig
from infra.clouds.vendor import Vendor
from infra.lib.settings import StackSettings

VENDOR: Final = Vendor(
    "yandex",
    "terraform-provider-yandex",
    "the provider mirror in Yandex Cloud's documentation (terraform-mirror.yandexcloud.net)",
    "pulumi_yandex",
)
_NEEDED: Final = (
    "folder_id",
    "network_id",
    "subnet_id",
    "zone",
    "service_account_id",
    "node_service_account_id",
    "kms_key_id",
)


def yandex(settings: StackSettings, vendor_folder: Path) -> ClusterHandle:
    """Raises SettingsInvalid, VendorMissing."""
    given = asked(settings, *_NEEDED)
    sdk = VENDOR.sdk(vendor_folder)
    own = sdk.Provider("yandex", folder_id=given["folder_id"], zone=given["zone"])
    name = f"{settings.environment}-{settings.contour}"
    cluster = sdk.KubernetesCluster(
        name,
        name=name,
        folder_id=given["folder_id"],
        network_id=given["network_id"],
        network_policy_provider="CALICO",
        service_account_id=given["service_account_id"],
        node_service_account_id=given["node_service_account_id"],
        kms_provider={"key_id": given["kms_key_id"]},  # Secrets of the cluster are encrypted at rest
        master={
            "version": settings.cluster.kubernetes,
            "public_ip": False,
            "zonal": {"zone": given["zone"], "subnet_id": given["subnet_id"]},
            "master_logging": {"enabled": True, "audit_enabled": True, "folder_id": given["folder_id"]},
        },
        opts=kept(own, settings),
    )
    nodes = sdk.KubernetesNodeGroup(
        f"{name}-nodes",
        cluster_id=cluster.id,
        version=settings.cluster.kubernetes,
        instance_template={
            "platform_id": given.get("platform_id", "standard-v3"),
            "network_interfaces": [{"nat": False, "subnet_ids": [given["subnet_id"]]}],
            "resources": {"cores": int(given.get("cores", "4")), "memory": int(given.get("memory", "16"))},
            "boot_disk": {"type": "network-ssd", "size": int(given.get("disk", "64"))},
        },
        scale_policy={"fixed_scale": {"size": int(given.get("nodes", "3"))}},
        opts=kept(own, settings),
    )
    master = cluster.master
    return ClusterHandle(
        kubeconfig=kubeconfig(
            name,
            master["internal_v4_endpoint"],
            master["cluster_ca_certificate"],
            command="yc",
            arguments=["k8s", "create-token"],
        ),
        context=name,
        made=(cluster, nodes),
    )
