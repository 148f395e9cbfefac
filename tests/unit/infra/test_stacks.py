"""The projects for the official CLI are thin, start their own stack, and have no default provider to fall back to."""

import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

import infra.entry
from infra.errors import WrongCluster
from infra.lib.names import Stack
from infra.values import ConfigValues
from tests.support.stacks import content, settings
from tests.unit.infra.conftest import rendered

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
