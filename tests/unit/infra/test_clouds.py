"""The clouds' adapters against stand-ins of the SDKs that Pulumi generates from the vendors' providers."""

import hashlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pulumi
import pytest

from infra.clouds import selectel, vkcloud, yandex
from infra.clouds.choose import handle_of
from infra.clouds.vendor import Vendor
from infra.errors import SettingsInvalid, VendorMissing
from infra.lib.settings import StackSettings
from infra.registered import Registered, run
from infra.render import registrations
from tests.support.stacks import settings

CLOUDS: dict[str, tuple[Vendor, dict[str, str]]] = {
    "yandex": (yandex.VENDOR, dict.fromkeys(yandex._NEEDED, "x")),
    "vkcloud": (vkcloud.VENDOR, dict.fromkeys(vkcloud._NEEDED, "x")),
    "selectel": (selectel.VENDOR, dict.fromkeys(selectel._NEEDED, "x")),
}
each_cloud = pytest.mark.parametrize("cloud", CLOUDS)


def made_by(cloud: str, folder: Path, **changes: Any) -> StackSettings:
    _, given = CLOUDS[cloud]
    cluster = {"adapter": cloud, "cloud": given, "api_server": ["10.0.0.1/32"]} | changes
    return settings("private", cluster=cluster).model_copy(update={"folder": folder})


@pytest.fixture
def vendors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Binaries with their checksums, and modules in the shape of the generated SDKs."""
    folder = tmp_path / "vendor"
    folder.mkdir()
    for vendor, _ in CLOUDS.values():
        (folder / vendor.binary).write_bytes(b"a provider")
        (folder / f"{vendor.binary}.sha256").write_text(hashlib.sha256(b"a provider").hexdigest())
        monkeypatch.setitem(sys.modules, vendor.package, sdk(vendor.name))
    return tmp_path


def sdk(name: str) -> ModuleType:
    class Resource(pulumi.CustomResource):
        kind = ""

        def __init__(self, resource_name: str, *, opts: pulumi.ResourceOptions | None = None, **inputs: Any) -> None:
            super().__init__(f"{name}:index:{self.kind}", resource_name, inputs, opts)
            self.master = pulumi.Output.from_input(
                {"internal_v4_endpoint": "https://10.0.0.1", "cluster_ca_certificate": "-----BEGIN"}
            )
            self.k8s_config = pulumi.Output.from_input("canary-kubeconfig")

    class Provider(pulumi.ProviderResource):
        def __init__(self, resource_name: str, **inputs: Any) -> None:
            super().__init__(name, resource_name, inputs)

    def read(*, opts: pulumi.InvokeOutputOptions | None = None, **_: Any) -> SimpleNamespace:
        assert opts is not None, "what is read from a cloud is read by an explicit provider too"
        assert isinstance(opts.provider, Provider)
        return SimpleNamespace(raw_config="canary-kubeconfig")

    module = ModuleType(f"pulumi_{name}")
    module.Provider = Provider  # type: ignore[attr-defined]
    for kind in ("KubernetesCluster", "KubernetesNodeGroup", "MksClusterV1", "MksNodegroupV1"):
        setattr(module, kind, type(kind, (Resource,), {"kind": kind}))
    module.get_mks_kubeconfig_v1_output = read  # type: ignore[attr-defined]
    return module


def registered(own: StackSettings) -> list[Registered]:
    def program() -> None:
        handle_of(own)

    return run(program, stack="test")


@each_cloud
def test_an_adapter_makes_a_cluster_and_nodes_without_public_addresses(cloud: str, vendors: Path) -> None:
    found = registered(made_by(cloud, vendors))
    kinds = {one.type.rpartition(":")[2].lower() for one in found}
    assert any("nodegroup" in kind for kind in kinds)
    assert any("cluster" in kind for kind in kinds)
    text = repr([one.inputs for one in found])
    assert not any(opened in text for opened in ("'nat': True", "'public_ip': True", "'floating_ip_enabled': True"))


def without_provider(found: list[Registered]) -> list[str]:
    """Resources that would go to a default provider, which the engine refuses: it looks at the surroundings."""
    return [
        f"{one.type} {one.name}"
        for one in found
        if not one.type.startswith(("larets:", "pulumi:")) and (not one.provider or "::default" in one.provider)
    ]


@each_cloud
def test_each_resource_of_a_platform_in_a_cloud_has_an_explicit_provider(cloud: str, vendors: Path) -> None:
    found = registrations("platform", made_by(cloud, vendors))
    assert {one.type.partition(":")[0] for one in found} >= {CLOUDS[cloud][0].name, "kubernetes"}
    assert without_provider(found) == []


@pytest.mark.parametrize(("stack", "contour"), [("platform", "public"), ("private", "private"), ("public", "public")])
def test_each_resource_of_the_other_stacks_has_an_explicit_provider(stack: Any, contour: str) -> None:
    assert without_provider(registrations(stack, settings(contour))) == []


def test_the_twin_a_resource_without_a_provider_is_seen(vendors: Path) -> None:
    del vendors
    sloppy = run(lambda: sys.modules["pulumi_yandex"].KubernetesCluster("c") and None, stack="test")
    assert without_provider(sloppy) == ["yandex:index:KubernetesCluster c"]


@each_cloud
def test_the_kubeconfig_is_secret_where_it_reaches_the_provider(cloud: str, vendors: Path) -> None:
    provider = next(one for one in registrations("platform", made_by(cloud, vendors)) if one.name == "cluster")
    assert "kubeconfig" in provider.secret


@each_cloud
def test_a_missing_answer_is_named(cloud: str, vendors: Path) -> None:
    own = made_by(cloud, vendors)
    bare = own.model_copy(update={"cluster": own.cluster.model_copy(update={"cloud": {}})})
    with pytest.raises(SettingsInvalid, match=r"cluster\.cloud\."):
        handle_of(bare)


@each_cloud
def test_a_missing_binary_gives_the_exact_steps(cloud: str, tmp_path: Path) -> None:
    with pytest.raises(VendorMissing) as caught:
        handle_of(made_by(cloud, tmp_path))
    for step in ("download", "sha256sum", "pulumi package add terraform-provider", "wheel"):
        assert step in caught.value.hint


@each_cloud
def test_another_binary_than_the_pinned_one_is_not_run(cloud: str, vendors: Path) -> None:
    vendor, _ = CLOUDS[cloud]
    (vendors / "vendor" / vendor.binary).write_bytes(b"another provider")
    with pytest.raises(VendorMissing, match="checksum"):
        handle_of(made_by(cloud, vendors))


def test_a_missing_sdk_gives_the_steps_too(vendors: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pulumi_yandex")
    with pytest.raises(VendorMissing, match="SDK pulumi_yandex"):
        handle_of(made_by("yandex", vendors))


def test_an_existing_cluster_is_taken_as_the_settings_name_it() -> None:
    handle = handle_of(settings("private"))
    assert (handle.context, handle.identifier) == ("shop-private", "0b0b0b0b-0000-4000-8000-000000000001")
    assert handle.made == ()


def test_the_halves_wait_until_somebody_has_written_down_how_a_made_cluster_is_reached(vendors: Path) -> None:
    with pytest.raises(SettingsInvalid, match="the platform stack has made the cluster"):
        registrations("private", made_by("yandex", vendors))
