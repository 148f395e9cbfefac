"""Before and after a cluster that the platform stack makes; by the real engine: `tests/keys/test_made_cluster.py`."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.env import plugins
from scripts.env.destroy import losses, remove
from scripts.env.environment import Environment
from scripts.env.errors import EnvProblem
from scripts.env.place import Contour
from scripts.env.plan import PlannedStep
from scripts.env.planning import _forgotten
from scripts.env.plugins import BRIDGE, PluginMissing, bridge
from tests.support.fake_cluster import FakeCluster
from tests.unit.scripts.env.conftest import Opener

UNWRITTEN = dict.fromkeys(("cluster__kubeconfig", "cluster__context", "cluster__identifier"), "")
CLUSTER = {"type": "vkcs:index/kubernetesCluster:KubernetesCluster", "urn": "urn:x::shop-private", "protect": True}
SERVICE = {
    "type": "kubernetes:core/v1:Service",
    "urn": "urn:y",
    "inputs": {"metadata": {"name": "edge"}, "kind": "Service"},
}


def gone(object_: str, type_: str, op: str = "delete") -> PlannedStep:
    return PlannedStep("platform", f"urn:{object_}", op, type_, object_, {})


def test_until_it_is_written_down_there_is_the_platform_alone(opened: Opener, cluster: FakeCluster) -> None:
    del cluster
    environment = opened(cluster__adapter="vkcloud", **UNWRITTEN)
    assert [engine.program.stack for engine in environment.engines] == ["platform"]
    environment.prove_cluster()
    with pytest.raises(EnvProblem, match="not written down yet"):
        environment.cluster()
    written = opened(cluster__adapter="vkcloud")
    assert [engine.program.stack for engine in written.engines] == ["platform", "private"]
    written.cluster()


def test_an_identifier_that_is_taken_out_again_blocks_the_plan(opened: Opener) -> None:
    steps = [
        gone("Namespace vault", "kubernetes:core/v1:Namespace"),
        gone("KubernetesCluster shop", "vkcs:index/kubernetesCluster:KubernetesCluster", "create"),
    ]
    [finding] = _forgotten(opened(cluster__adapter="vkcloud", **UNWRITTEN), steps)
    assert finding.blocks
    assert (finding.object, "put it back" in finding.reason) == ("Namespace vault", True)
    assert _forgotten(opened(), steps) == []


def removing(*resources: dict[str, Any]) -> tuple[Environment, list[str]]:
    """A contour whose platform stack holds these; what is done to it is noted."""
    done: list[str] = []

    class Engine:
        known = True
        program = SimpleNamespace(stack="platform")

        def exported(self) -> dict[str, Any]:
            return {"resources": resources}

        def unprotect(self) -> None:
            done.append("unprotect")

        def destroy(self) -> None:
            done.append("destroy")

    def cluster() -> Any:
        pytest.fail("the cluster is gone with the stack: nobody is there to be asked")

    made: Any = SimpleNamespace(engines=[Engine()], cluster=cluster, contour=SimpleNamespace(side="private"))
    return made, done


def test_a_made_cluster_is_among_what_is_lost_and_goes_only_with_its_data() -> None:
    environment, done = removing(SERVICE, CLUSTER)
    assert losses(environment).data == losses(environment).protected == ["KubernetesCluster shop-private"]
    kept = remove(environment, with_data=False)
    assert (kept["removed"], done) == (0, [])
    assert remove(environment, with_data=True) == {"removed": 2, "kept": []}
    assert done == ["unprotect", "destroy"]


def test_the_bridge_is_taken_from_where_it_was_brought_or_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.setattr(plugins, "ENGINE_PLUGINS", tmp_path / "plugins")
    contour = Contour("shop", "private", tmp_path / "shop")
    with pytest.raises(PluginMissing, match="bridge to Terraform") as missing:
        bridge(contour)
    assert "pulumi package add" in missing.value.hint
    brought = tmp_path / "plugins" / f"{BRIDGE}1.0.0"
    brought.mkdir(parents=True)
    bridge(contour)
    assert (contour.engine_home / "plugins" / brought.name).resolve() == brought
    bridge(contour)
