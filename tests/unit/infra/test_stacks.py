"""The projects for the official CLI are thin, start their own stack, and have no default provider to fall back to."""

import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

import infra.entry
from infra.errors import WrongCluster
from infra.lib.names import VAULT, Stack
from infra.values import ConfigValues
from tests.support.stacks import content, settings
from tests.unit.infra.conftest import all_registered, rendered

STACKS = Path(__file__).resolve().parents[3] / "stacks"
NAMES: list[Stack] = ["platform", "private", "public"]
each = pytest.mark.parametrize("stack", NAMES)


@each
def test_a_project_starts_its_own_stack(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr(infra.entry, "run_stack", started.append)
    runpy.run_path(str(STACKS / stack / "__main__.py"))
    assert started == [stack]
    assert len((STACKS / stack / "__main__.py").read_text().splitlines()) < 10


@each
def test_a_project_disables_default_providers(stack: Stack) -> None:
    project = yaml.safe_load((STACKS / stack / "Pulumi.yaml").read_text())
    assert project["name"] == f"larets-{stack}"
    assert project["config"]["pulumi:disable-default-providers"]["value"] == ["*"]


def test_the_wrong_cluster_stops_a_project_before_its_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(yaml.safe_dump(content("private")))

    class Config:
        def __init__(self, _: str) -> None: ...

        def require(self, _: str) -> str:
            return str(tmp_path / "shop.yaml")

    def program(*_: Any) -> Any:
        pytest.fail("the program was started")

    monkeypatch.setattr("pulumi.Config", Config)
    monkeypatch.setattr(infra.entry, "uid_of", lambda _: "another")
    monkeypatch.setattr(infra.entry, "program", program)
    with pytest.raises(WrongCluster):
        infra.entry.run_stack("private")


def test_a_vault_without_keys_is_not_started_yet() -> None:
    def deployed(**changes: Any) -> set[tuple[str, str]]:
        return {(one["kind"], one["metadata"]["name"]) for one in rendered(settings("private", **changes))}

    ready, empty = deployed(), deployed(keys={"state": "empty"})
    assert {name for kind, name in ready - empty if kind == "Deployment"} == {"vault", "vault-worker"}
    assert {kind for kind, _ in empty} >= {"StatefulSet", "Job", "Cluster"}  # what the keys are made with is there
    assert ("ServiceAccount", "command") in empty


def test_a_first_apply_ends_before_anybody_has_made_the_keys() -> None:
    """The key service is sealed until then, and the proxy starts only when its server's name has an address."""
    own = settings("private", keys={"state": "empty"}, edge={"kind": "proxy", "addresses": ["203.0.113.10"]})
    found = {(one["kind"], one["metadata"]["name"]): one for one in rendered(own)}
    assert found["StatefulSet", "key-service"]["metadata"]["annotations"] == {"pulumi.com/skipAwait": "true"}
    assert f"{VAULT}.{found['Service', 'vault']['metadata']['namespace']}.svc:" in str(found["ConfigMap", "edge"])
    assert not {("ServiceAccount", "vault"), ("PodDisruptionBudget", "vault"), ("Service", "vault-worker")} & set(found)
    assert not [kind for kind, name in found if kind == "HorizontalPodAutoscaler" and name == "vault"]


def test_the_vaults_service_is_the_same_object_before_and_after() -> None:
    """Of another component it would be made anew, and the old one's end would take it away again."""

    def made(**changes: Any) -> list[Any]:
        seen = {one.name: one for one in all_registered(settings("private", **changes))}
        return [seen["service/vault/vault"].inputs, seen["vault/vault"].type]

    assert made() == made(keys={"state": "empty"})
    assert made()[1] == "larets:Workload"


def test_what_rolls_out_by_itself_is_waited_for() -> None:
    skipping = [one["metadata"]["name"] for one in rendered(settings("private")) if "skipAwait" in str(one)]
    assert skipping == ["key-service"]


async def test_a_secret_that_comes_later_is_no_reason_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    class Config:
        def __init__(self, _: str) -> None: ...

        def get_secret(self, _: str) -> None:
            return None

        def require_secret(self, name: str) -> Any:
            raise LookupError(name)

    monkeypatch.setattr("pulumi.Config", Config)
    values = ConfigValues()
    assert values.secret("key-service-secret") is not None
    with pytest.raises(LookupError):
        values.secret("database-runtime")


@pytest.mark.parametrize("contour", ["private", "public"])
def test_images_are_looked_at_wherever_a_container_can_be_added(contour: Any) -> None:
    policy = next(
        one["spec"] for one in rendered(settings(contour))
        if (one["kind"], one["metadata"]["name"]) == ("ValidatingAdmissionPolicy", "larets-images")
    )  # fmt: skip
    seen = {
        (kind, operation)
        for rule in policy["matchConstraints"]["resourceRules"]
        for kind in rule["resources"]
        for operation in rule["operations"]
    }
    assert seen >= {("pods", "CREATE"), ("pods", "UPDATE"), ("pods/ephemeralcontainers", "UPDATE")}
