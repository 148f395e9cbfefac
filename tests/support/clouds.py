"""Clouds that are none: binaries with checksums, answers for each adapter, and modules in the shape of the SDKs that
Pulumi generates from the vendors' providers.
"""

import hashlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Final

import pulumi
import pytest

from infra.clouds import selectel, vkcloud, yandex
from infra.clouds.vendor import Vendor

CANARY: Final = "canary-kubeconfig"
CLOUDS: Final[dict[str, tuple[Vendor, dict[str, str]]]] = {
    "yandex": (yandex.VENDOR, dict.fromkeys(yandex._NEEDED, "x")),
    "vkcloud": (vkcloud.VENDOR, dict.fromkeys(vkcloud._NEEDED, "x")),
    "selectel": (selectel.VENDOR, dict.fromkeys(selectel._NEEDED, "x")),
}


def put_vendors(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What docs/clouds.md has a person do: binaries in `home/vendor`, SDKs installed."""
    folder = home / "vendor"
    folder.mkdir(parents=True)
    for vendor, _ in CLOUDS.values():
        (folder / vendor.binary).write_bytes(b"a provider")
        (folder / f"{vendor.binary}.sha256").write_text(hashlib.sha256(b"a provider").hexdigest())
        monkeypatch.setitem(sys.modules, vendor.package, sdk(vendor.name))


def sdk(name: str) -> ModuleType:
    class Resource(pulumi.CustomResource):
        kind = ""

        def __init__(self, resource_name: str, *, opts: pulumi.ResourceOptions | None = None, **inputs: Any) -> None:
            super().__init__(f"{name}:index:{self.kind}", resource_name, inputs, opts)
            self.master = pulumi.Output.from_input(
                {"internal_v4_endpoint": "https://10.0.0.1", "cluster_ca_certificate": "-----BEGIN"}
            )
            self.k8s_config = pulumi.Output.from_input(CANARY)

    class Provider(pulumi.ProviderResource):
        def __init__(self, resource_name: str, **inputs: Any) -> None:
            super().__init__(name, resource_name, inputs)

    def read(*, opts: pulumi.InvokeOutputOptions | None = None, **_: Any) -> SimpleNamespace:
        assert opts is not None, "what is read from a cloud is read by an explicit provider too"
        assert isinstance(opts.provider, Provider)
        return SimpleNamespace(raw_config=CANARY)

    module = ModuleType(f"pulumi_{name}")
    module.Provider = Provider  # type: ignore[attr-defined]
    for kind in ("KubernetesCluster", "KubernetesNodeGroup", "MksClusterV1", "MksNodegroupV1"):
        setattr(module, kind, type(kind, (Resource,), {"kind": kind}))
    module.get_mks_kubeconfig_v1_output = read  # type: ignore[attr-defined]
    return module
