"""The clouds' adapters against stand-ins of the SDKs that Pulumi generates from the vendors' providers."""

import sys
from pathlib import Path
from typing import Any

import pytest

from infra.clouds.choose import KINDS, handle_of
from infra.errors import SettingsInvalid, VendorMissing
from infra.lib.settings import StackSettings
from infra.registered import Registered, run
from infra.render import registrations
from scripts.env.plan import PlannedStep
from tests.support.clouds import CANARY, CLOUDS, put_vendors
from tests.support.stacks import settings

IDENTIFIER = "0b0b0b0b-0000-4000-8000-000000000001"
WRITTEN = {
    "kubeconfig": "kubeconfig.made",
    "context": "made",
    "identifier": IDENTIFIER,
    "pod_networks": ["10.244.0.0/16"],
}

each_cloud = pytest.mark.parametrize("cloud", CLOUDS)


def made_by(cloud: str, folder: Path, **changes: Any) -> StackSettings:
    _, given = CLOUDS[cloud]
    cluster = {"adapter": cloud, "cloud": given, "api_server": ["10.0.0.1/32"]} | changes
    return settings("private", cluster=cluster).model_copy(update={"folder": folder})


@pytest.fixture
def vendors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Binaries with their checksums, and modules in the shape of the generated SDKs."""
    put_vendors(tmp_path, monkeypatch)
    return tmp_path


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
    found = registrations("platform", made_by(cloud, vendors, **WRITTEN))
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
def test_the_cluster_comes_first_and_alone(cloud: str, vendors: Path) -> None:
    found = registrations("platform", made_by(cloud, vendors))
    assert {one.type.partition(":")[0] for one in found if not one.type.startswith("pulumi:")} == {
        CLOUDS[cloud][0].name
    }
    after = registrations("platform", made_by(cloud, vendors, **WRITTEN))
    assert [one for one in found if one.type.startswith(CLOUDS[cloud][0].name)] == [
        one for one in after if one.type.startswith(CLOUDS[cloud][0].name)
    ]  # and stays as it is when the rest joins it


@each_cloud
def test_the_provider_takes_the_cluster_that_was_written_down(cloud: str, vendors: Path) -> None:
    after = registrations("platform", made_by(cloud, vendors, **WRITTEN))
    [provider] = [one for one in after if one.name == "cluster"]
    assert provider.inputs["clusterIdentifier"] == IDENTIFIER
    assert provider.inputs["kubeconfig"] == str(vendors / "kubeconfig.made")
    assert CANARY not in repr([one.inputs for one in after])


@each_cloud
def test_cluster_and_nodes_are_protected_and_their_loss_is_red(cloud: str, vendors: Path) -> None:
    made = [one for one in registered(made_by(cloud, vendors)) if not one.type.startswith("pulumi:")]
    kinds = {one.type.rpartition(":")[2] for one in made}
    assert len(made) == len(kinds) == 2
    assert kinds <= KINDS
    assert all(one.protect for one in made)
    for one in made:
        for op in ("replace", "create-replacement", "delete-replaced", "delete"):
            assert PlannedStep("platform", "urn", op, one.type, one.name, {}).loses
        assert not PlannedStep("platform", "urn", "update", one.type, one.name, {}).loses


@each_cloud
@pytest.mark.parametrize("name", ["kubeconfig", "context"])
def test_a_cluster_that_is_written_down_in_part_is_refused(cloud: str, name: str, vendors: Path) -> None:
    with pytest.raises(SettingsInvalid, match=rf"cluster\.{name}: must be given"):
        made_by(cloud, vendors, **WRITTEN | {name: ""})


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
    assert handle.context == "shop-private"
    assert handle.made == ()


def test_the_halves_wait_until_somebody_has_written_down_how_a_made_cluster_is_reached(vendors: Path) -> None:
    with pytest.raises(SettingsInvalid, match="the platform stack's to make"):
        registrations("private", made_by("yandex", vendors))
