"""Whole contours as manifests: valid, within the rules, and without a secret anywhere."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from infra import material
from infra.errors import ContractChanged, RenderedForAnother, SettingsInvalid
from infra.lib.names import Contour, Stack
from infra.lib.settings import StackSettings
from infra.registered import Registered
from infra.render import LIST, REQUIRED, registrations, render, render_all, write
from infra.values import GivenValues
from policies.judge import judge
from policies.rules.model import Facts, Resource
from scripts.env.findings import rendered_findings
from tests.support.stacks import settings
from tests.unit.infra.conftest import Opened, all_registered, rendered

CONTOURS: list[Contour] = ["private", "public"]
# Their schemas come with their operators, not with Kubernetes.
CUSTOM = {"Cluster", "Certificate", "ClusterIssuer", "ExternalSecret", "ServiceMonitor", "PrometheusRule", "Gateway",
          "HTTPRoute", "TLSRoute", "BackendTLSPolicy"}  # fmt: skip
VARIANTS: list[dict[str, Any]] = [
    {"stage": "production"},
    {"stage": "rehearsal"},
    {"stage": "production", "secrets": {"kind": "external-secrets", "store": "vault"}},
    {"stage": "staging", "edge__kind": "proxy", "certificates": {"kind": "issued"}},
    {"stage": "production", "telemetry": {"kind": "prometheus-operator"}},
]
every = pytest.mark.parametrize("variant", VARIANTS, ids=lambda one: "-".join(map(str, one.values()))[:40])
both = pytest.mark.parametrize("contour", CONTOURS)


def with_values(own: StackSettings, values: GivenValues) -> list[Registered]:
    return registrations(own.contour, own, values)


@pytest.fixture(scope="module")
def validate() -> Iterator[Callable[[dict[str, Any]], None]]:
    """The validator reads its schemas anew for each manifest; here each file is read once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kubernetes_validate.utils, "schema_contents", cache(kubernetes_validate.utils.schema_contents))
        yield lambda manifest: kubernetes_validate.validate(manifest, "1.36", strict=True)


@both
@every
def test_every_manifest_is_valid(contour: Contour, variant: dict[str, Any], opened: Opened, validate: Any) -> None:
    checked = [one for one in rendered(opened(contour, **variant)) if one["kind"] not in CUSTOM]
    for manifest in checked:
        validate(manifest)
    assert len(checked) > 25


def test_an_invalid_manifest_would_be_seen(validate: Any) -> None:
    manifest = rendered(settings("private", stage="rehearsal"))[0] | {"speck": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        validate(manifest)


@both
@every
def test_every_rule_holds(contour: Contour, variant: dict[str, Any], opened: Opened) -> None:
    own = opened(contour, **variant)
    assert rendered_findings(all_registered(own), own) == []


@both
@pytest.mark.parametrize(("part", "end"), [("ingress", "from"), ("egress", "to")])
def test_a_path_that_nobody_meant_would_be_seen(contour: Contour, part: str, end: str, opened: Opened) -> None:
    own = opened(contour, stage="rehearsal")
    found = all_registered(own)
    policy = next(one for one in found if one.name == "networkpolicy/data/allow-postgres").inputs["spec"]
    peer = policy["ingress"][0]["from"]
    policy[part].append({end: peer, "ports": [{"protocol": "TCP", "port": 22}]})
    assert {(one.rule, one.blocks) for one in rendered_findings(found, own)} == {("only_intended_paths", True)}


@both
def test_a_rule_that_is_broken_would_be_seen(contour: Contour) -> None:
    manifests = rendered(settings(contour, stage="rehearsal"))
    deployment = next(one for one in manifests if one["kind"] == "Deployment")
    deployment["spec"]["template"]["spec"]["hostNetwork"] = True
    found = judge(map(Resource, manifests), Facts(contour, ("registry.example.ru/larets",)))
    assert [one.rule.id for one in found] == ["no_host_access"]


def planted(own: StackSettings) -> dict[str, str]:
    """A canary for every secret value that the stack reads."""
    keys = [key for one in material.needed(own.contour, own) for key in one.keys if material.is_secret(key)]
    return {key: f"canary-{key}" for key in keys}


def holding(text: str, values: dict[str, str]) -> set[str]:
    """Which of the values stand in the text, in clear or in base64 at any of its three offsets."""

    def spellings(value: str) -> set[str]:
        raw = value.encode()
        return {value} | {base64.b64encode(b"\0" * shift + raw).decode()[4 if shift else 0 : -4] for shift in range(3)}

    return {name for name, value in values.items() if any(one in text for one in spellings(value))}


def in_clear(found: list[Registered], values: dict[str, str]) -> set[str]:
    """Planted values in any input that did not come marked as secret."""
    plain = [{key: value for key, value in one.inputs.items() if key not in one.secret} for one in found]
    return holding(json.dumps(plain, ensure_ascii=False), values)


@both
@every
def test_no_planted_secret_stands_in_a_plain_input_or_a_manifest(contour: Contour, variant: dict[str, Any]) -> None:
    own = settings(contour, **variant)
    canaries = planted(own)
    assert len(canaries) > 8
    found = with_values(own, GivenValues(canaries))
    assert in_clear(found, canaries) == set()
    manifests = yaml.safe_dump_all(rendered(own))
    assert holding(manifests, canaries) == set()


def test_the_secrets_do_reach_the_secrets(opened: Opened) -> None:
    own = opened("private", stage="rehearsal")
    canaries = planted(own)
    marked = [one.inputs for one in with_values(own, GivenValues(canaries)) if one.inputs.get("kind") == "Secret"]
    unread = {"authority-key", "contract-key"}  # stay with who signs
    assert set(canaries) - holding(json.dumps(marked), canaries) == unread


@pytest.mark.parametrize("spelt", [lambda text: text, lambda text: base64.b64encode(text.encode()).decode()])
def test_a_secret_in_an_environment_would_be_found(spelt: Any) -> None:
    own = settings("private", stage="rehearsal")
    canaries = planted(own)
    found = all_registered(own)
    deployment = next(one for one in found if one.name == "deployment/vault/vault")
    container = deployment.inputs["spec"]["template"]["spec"]["containers"][0]
    container["env"].append({"name": "PLANTED", "value": spelt("x" + canaries["database-runtime"] + "x")})
    assert in_clear(found, canaries) == {"database-runtime"}


def test_a_rendered_secret_names_its_keys_and_holds_none() -> None:
    manifest = next(
        one for one in render("private", settings("private", stage="rehearsal"))
        if one["kind"] == "Secret" and one["metadata"]["name"] == "runtime"
    )  # fmt: skip
    assert manifest["metadata"]["annotations"][REQUIRED] == "larets_vault_database_url"
    assert not {"data", "stringData"} & set(manifest)


def test_secrets_that_others_put_there_are_left_to_them() -> None:
    kinds = {one["kind"] for one in render("public", settings("public", secrets={"kind": "existing"}))}
    assert not kinds & {"Secret", "ExternalSecret"}


@both
def test_what_holds_data_is_protected_and_kept(contour: Contour) -> None:
    kept = {
        one.inputs["kind"]: (one.protect, one.retain_on_delete)
        for one in all_registered(settings(contour))
        if one.inputs.get("kind") in {"Cluster", "StatefulSet"}
    }
    assert kept
    assert set(kept.values()) == {(True, True)}


def test_a_rehearsal_may_throw_its_data_away() -> None:
    assert not any(one.protect for one in all_registered(settings("private", stage="rehearsal")))


@both
@every
def test_everything_goes_to_the_named_cluster_under_a_name_of_its_own(
    contour: Contour, variant: dict[str, Any]
) -> None:
    found = all_registered(settings(contour, **variant))
    objects = [one for one in found if one.type.startswith("kubernetes:")]
    assert {one.provider.split("::")[-2] for one in objects} == {"cluster"}
    addresses = [one.name for one in objects]
    assert len(addresses) == len(set(addresses))


def test_rendering_twice_gives_the_same() -> None:
    own = settings("private", stage="rehearsal")
    assert render_all(own) == render_all(own)


@pytest.mark.parametrize(("contour", "stack"), [("private", "public"), ("public", "private")])
def test_a_stack_of_the_other_contour_is_refused(contour: Contour, stack: Stack) -> None:
    with pytest.raises(SettingsInvalid, match="is not of the"):
        render(stack, settings(contour))


def test_a_changed_contract_stops_the_program_before_anything_is_registered(opened: Opened) -> None:
    own = opened("private")
    other = own.peer.model_copy(update={"fingerprint": "sha256:" + "0" * 64})
    with pytest.raises(ContractChanged):
        registrations("private", own.model_copy(update={"peer": other}))


def test_files_are_written_by_namespace_and_kind(tmp_path: Path) -> None:
    manifests = render("platform", settings("public"))
    written = write(manifests, tmp_path, of="shop/public")
    assert len(set(written.files)) == len(manifests)
    assert yaml.safe_load((tmp_path / "app" / "networkpolicy-default-deny.yaml").read_text())["kind"] == "NetworkPolicy"
    assert (tmp_path / "cluster" / "namespace-edge.yaml").exists()
    assert (written.removed, written.left) == ((), ())


def _job(digit: str) -> dict[str, Any]:
    return {"kind": "Job", "metadata": {"namespace": "vault", "name": f"migrate-{digit}"}}


def test_what_an_earlier_rendering_alone_wrote_is_removed(tmp_path: Path) -> None:
    """Two images into one folder: the first one's migration would be run again."""
    write([_job("a")], tmp_path, of="shop/private")
    (tmp_path / "vault" / "job-own.yaml").write_text("somebody's own")
    written = write([_job("b")], tmp_path, of="shop/private")
    assert [path.name for path in written.removed] == ["job-migrate-a.yaml"]
    assert [path.name for path in written.left] == ["job-own.yaml"]
    assert {path.name for path in tmp_path.glob("*/*.yaml")} == {"job-migrate-b.yaml", "job-own.yaml"}
    assert write([], tmp_path, of="shop/private").left == (tmp_path / "vault" / "job-own.yaml",)


def test_what_somebody_changed_since_is_left(tmp_path: Path) -> None:
    write([_job("a")], tmp_path, of="shop/private")
    (tmp_path / "vault" / "job-migrate-a.yaml").write_text("mine now")
    written = write([_job("b")], tmp_path, of="shop/private")
    assert (written.removed, [path.name for path in written.left]) == ((), ["job-migrate-a.yaml"])


def test_a_list_that_leads_out_of_the_folder_removes_nothing_there(tmp_path: Path) -> None:
    outside, linked, folder = tmp_path / "outside.yaml", tmp_path / "linked", tmp_path / "out"
    linked.mkdir()
    write([_job("a")], folder, of="shop/private")
    (folder / "vault" / "job-migrate-a.yaml").rename(linked / "job-migrate-a.yaml")
    (folder / "vault").rmdir()
    (folder / "vault").symlink_to(linked)
    outside.write_text("x")
    digest = hashlib.sha256(b"x").hexdigest()
    with (folder / LIST).open("a") as listed:
        listed.write(f"{digest}  ../outside.yaml\n{digest}  {outside}\nno line\n")
    assert write([], folder, of="shop/private").removed == ()
    assert outside.exists()
    assert (linked / "job-migrate-a.yaml").exists()


def test_a_folder_of_another_contour_is_refused(tmp_path: Path) -> None:
    write([_job("a")], tmp_path, of="shop/private")
    with pytest.raises(RenderedForAnother):
        write([_job("b")], tmp_path, of="shop/public")
    assert [path.name for path in tmp_path.glob("*/*.yaml")] == ["job-migrate-a.yaml"]


def test_material_and_programs_name_the_same_values() -> None:
    """A value that is made and not read, or read and not made, is a mistake of one of the two."""
    for contour in CONTOURS:
        own = settings(contour, stage="rehearsal")
        made = set(material.make(contour, own, {}, now=datetime.now(UTC)))
        read: set[str] = set()

        class Noting(GivenValues):
            def secret(self, name: str) -> Any:
                read.add(name)  # noqa: B023  used at once
                return super().secret(name)

        registrations(contour, own, Noting())
        assert read <= made
        assert made - read == {"authority-key", "contract-key"}
