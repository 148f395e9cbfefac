"""A cluster that the platform stack makes: planned and applied by the real engine, and then written down.

The cloud is none: its plugin says yes. What a cloud would say to these fields nobody knows before it was asked.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from typer.testing import CliRunner, Result

from scripts.env.command import cli
from scripts.env.made_cluster import FILE
from scripts.env.place import VARIABLE, Contour, contour_of
from scripts.env.plugins import BRIDGE
from scripts.local.instance import ROOT
from tests.support.clouds import CANARY, CLOUDS, put_vendors
from tests.support.stacks import content

CLOUD: Final = "vkcloud"


def larets(*words: str) -> Result:
    return CliRunner().invoke(cli, [*words, "--env", "shop", "--contour", "private"])


def settings(contour: Contour, **changes: str) -> None:
    _, given = CLOUDS[CLOUD]
    made = content("private", cluster={"adapter": CLOUD, "cloud": given | changes})
    contour.settings.write_text(yaml.safe_dump(made | {"state": {"backend": f"file://{contour.state}"}}))


@pytest.fixture(autouse=True)
def loops(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The engine's SDK makes an event loop where a thread has none, and leaves it open."""
    made: list[asyncio.AbstractEventLoop] = []
    make = asyncio.new_event_loop

    def noted() -> asyncio.AbstractEventLoop:
        made.append(make())
        return made[-1]

    monkeypatch.setattr(asyncio, "new_event_loop", noted)
    yield
    for loop in made:
        loop.close()


@pytest.fixture
def contour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Contour:
    """As a person leaves it who has followed docs/clouds.md, on a machine without a kubeconfig."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "environments"))
    found = contour_of("shop", "private")
    found.folder.mkdir(parents=True)
    settings(found)
    put_vendors(found.folder, monkeypatch)
    plugins = found.engine_home / "plugins"
    (plugins / f"{BRIDGE}1.0.0").mkdir(parents=True)
    name = CLOUDS[CLOUD][0].name
    program = plugins / f"resource-{name}-v1.0.0" / f"pulumi-resource-{name}"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncd '{ROOT}' && exec '{Path(sys.executable)}' -m tests.support.cloud_plugin\n")
    program.chmod(0o755)
    return found


def planned() -> dict[str, Any]:
    done = larets("plan", "--json")
    assert done.exit_code == 0, done.output
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_it_is_planned_applied_and_written_down_before_anything_stands_in_it(contour: Contour) -> None:
    checked = {one["name"]: one for one in json.loads(larets("check", "--json").stdout)["checks"]}
    assert checked["cloud"]["ok"]
    assert "reachable" not in checked
    plan = planned()
    made = {step["object"] for step in plan["steps"] if step["op"] == "create"}
    assert {"KubernetesCluster shop-private", "KubernetesNodeGroup shop-private-nodes"} <= made
    assert {step["stack"] for step in plan["steps"]} == {"platform"}
    applied = larets("apply", "--plan", plan["plan"])
    assert applied.exit_code == 0, applied.output
    kubeconfig = contour.folder / FILE
    assert kubeconfig.read_text() == CANARY
    assert kubeconfig.stat().st_mode & 0o077 == 0
    assert f"cluster.kubeconfig: ./{FILE}" in applied.stderr
    assert CANARY not in applied.output
    kept = [path for path in contour.folder.rglob("*") if path.is_file() and path != kubeconfig]
    assert not [path for path in kept if CANARY in path.read_text("utf-8", errors="replace")]
    again = planned()
    assert again["empty"]
    assert larets("apply", "--plan", again["plan"]).exit_code == 0


def test_a_replacement_is_stopped_by_its_protection(contour: Contour) -> None:
    assert larets("apply", "--plan", planned()["plan"]).exit_code == 0
    settings(contour, network_id="another")
    refused = larets("plan")
    assert refused.exit_code == 1
    assert "protect" in refused.stderr


def test_what_the_adapter_lacks_is_told_before_the_engine_is_started(contour: Contour) -> None:
    (contour.folder / "vendor" / CLOUDS[CLOUD][0].binary).unlink()
    refused = larets("plan")
    assert refused.exit_code == 1
    assert "pulumi package add terraform-provider" in refused.stderr
    assert not contour.state.exists() or not list(contour.state.rglob("*.json"))


def test_what_needs_a_cluster_says_that_there_is_none(contour: Contour) -> None:
    del contour
    for words in (["drift"], ["status"]):
        refused = larets(*words)
        assert refused.exit_code not in (0, 3), words
        assert "not written down yet" in refused.stderr, words
