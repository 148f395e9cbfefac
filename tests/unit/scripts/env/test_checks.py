"""`larets env check`: everything that bad input can be told by before anything changes, with what to do.

The answers of the API server are told to a stand-in here; `make rehearse` asks the same of two real ones.
"""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import pki
from infra.errors import CertificateExpired, SharedState
from scripts.env.checks import Checked, check_all
from scripts.env.environment import Environment, open_environment
from scripts.env.errors import EnvProblem
from scripts.env.example import PLACEHOLDER
from scripts.env.planning import draft_plan
from scripts.env.verbs.status import describe
from scripts.local.instance import ROOT
from tests.support.fake_cluster import FakeCluster
from tests.support.stacks import REGISTRY
from tests.unit.scripts.env.conftest import Opener, run


def failed(environment: Environment) -> dict[str, Checked]:
    """Without what a machine with no tools lacks."""
    return {one.name: one for one in check_all(environment) if not one.ok and one.name not in {"engine", "provider"}}


def test_a_cluster_that_will_do_passes(cluster: FakeCluster, opened: Opener) -> None:
    assert failed(opened()) == {}
    assert cluster.changed == []


def one_failed(environment: Environment, name: str) -> Checked:
    found = failed(environment)
    assert set(found) == {name}
    assert found[name].hint
    return found[name]


def line_of(environment: Environment, key: str) -> str:
    lines = environment.contour.settings.read_text().splitlines()
    number = next(number for number, line in enumerate(lines, 1) if line.strip().startswith(f"{key}:"))
    return f"settings.yaml:{number}:"


def test_a_cluster_too_old_is_told(cluster: FakeCluster, opened: Opener) -> None:
    cluster.answers["/version"] = {"major": "1", "minor": "29+"}
    assert "too old" in one_failed(opened(), "version").told


def test_the_oldest_that_will_do_is_the_one_the_guide_names(cluster: FakeCluster, opened: Opener) -> None:
    oldest = re.search(r"Kubernetes (1\.\d+) or newer", (ROOT / "docs" / "clouds.md").read_text("utf-8"))
    assert oldest
    major, minor = oldest[1].split(".")
    environment = opened(cluster__kubernetes=oldest[1])
    cluster.answers["/version"] = {"major": major, "minor": minor}
    assert failed(environment) == {}
    cluster.answers["/version"] = {"major": major, "minor": str(int(minor) - 1)}
    assert "too old" in one_failed(environment, "version").told


def test_a_cluster_older_than_the_settings_say_is_told_with_the_line(cluster: FakeCluster, opened: Opener) -> None:
    cluster.answers["/version"] = {"major": "1", "minor": "32"}
    environment = opened(cluster__kubernetes="1.34")
    assert line_of(environment, "kubernetes") in one_failed(environment, "version").hint


def test_a_cluster_that_is_away_is_told(opened: Opener, tmp_path: Path, cluster: FakeCluster) -> None:
    (tmp_path / "kubeconfig").write_text(cluster.kubeconfig.read_text().replace(f":{cluster.port}", ":1"))
    found = one_failed(opened(), "reachable")
    assert "does not answer" in found.told


def test_another_cluster_is_told_with_the_line_and_asked_nothing_more(cluster: FakeCluster, opened: Opener) -> None:
    cluster.answers["/api/v1/namespaces/kube-system"] = {"metadata": {"uid": "11111111-0000-4000-8000-000000000001"}}
    environment = opened()
    assert line_of(environment, "identifier") in one_failed(environment, "cluster").hint


def test_a_context_that_is_not_there_is_told_with_those_that_are(cluster: FakeCluster, opened: Opener) -> None:
    del cluster
    assert "test" in one_failed(opened(cluster__context="other"), "reachable").hint


def test_a_kubeconfig_that_is_not_there_is_told_with_the_line(opened: Opener) -> None:
    environment = opened()
    assert line_of(environment, "kubeconfig") in one_failed(environment, "reachable").told


def test_an_absent_crd_is_told_by_its_kind(cluster: FakeCluster, opened: Opener) -> None:
    del cluster.answers["/apis/policy/v1"]
    assert "PodDisruptionBudget (policy/v1)" in one_failed(opened(), "crds").told


@pytest.mark.parametrize("right", [("patch", "networkpolicies"), ("delete", "secrets")])
def test_a_right_that_is_missing_is_told(cluster: FakeCluster, opened: Opener, right: tuple[str, str]) -> None:
    cluster.denied = {right}
    assert " ".join(right) in one_failed(opened(), "rights").told


def test_a_quota_too_small_is_told_with_its_namespace(cluster: FakeCluster, opened: Opener) -> None:
    quota = {"metadata": {"namespace": "vault"}, "spec": {"hard": {"requests.cpu": "100m", "requests.memory": "64Gi"}}}
    cluster.answers["/api/v1/resourcequotas"] = {"items": [quota]}
    found = one_failed(opened(), "quotas")
    assert "the quota of vault allows 0.1 requests.cpu of " in found.told


@pytest.mark.parametrize(
    ("place", "hard"),
    [
        ("vault", {"pods": "2"}),
        ("vault", {"limits.cpu": "1"}),
        ("data", {"requests.storage": "10Gi"}),
        ("data", {"persistentvolumeclaims": "0"}),
        ("edge", {"pods": "1"}),
        ("edge", {"memory": "64Mi"}),
    ],
)
def test_every_line_of_a_quota_is_compared_in_every_namespace(
    cluster: FakeCluster, opened: Opener, place: str, hard: dict[str, str]
) -> None:
    quota: dict[str, Any] = {"metadata": {"namespace": place}, "spec": {"hard": hard}}
    cluster.answers["/api/v1/resourcequotas"] = {"items": [quota]}
    assert f"the quota of {place} allows" in one_failed(opened(), "quotas").told
    quota["spec"] |= {"scopes": ["BestEffort"]}  # of pods that are none of ours
    assert failed(opened()) == {}


def test_a_quota_has_to_allow_what_an_autoscaler_may_make(cluster: FakeCluster, opened: Opener) -> None:
    quota = {"metadata": {"namespace": "edge"}, "spec": {"hard": {"pods": "5"}}}
    cluster.answers["/api/v1/resourcequotas"] = {"items": [quota]}
    assert failed(opened(sizes__edge={"replicas": 2, "max_replicas": 4})) == {}
    found = one_failed(opened(sizes__edge={"replicas": 2, "max_replicas": 5}), "quotas")
    assert "allows 5 pods of 6" in found.told


def test_nodes_too_small_are_told(cluster: FakeCluster, opened: Opener) -> None:
    cluster.answers["/api/v1/nodes"] = {"items": [{"status": {"allocatable": {"cpu": "500m", "memory": "64Gi"}}}]}
    assert "the nodes have 0.5 requests.cpu of " in one_failed(opened(), "capacity").told


def test_nodes_with_room_for_too_few_pods_are_told(cluster: FakeCluster, opened: Opener) -> None:
    room = {"cpu": "16", "memory": "64Gi", "pods": "3"}
    cluster.answers["/api/v1/nodes"] = {"items": [{"status": {"allocatable": room}}]}
    assert "the nodes have 3 pods of " in one_failed(opened(), "capacity").told


def test_no_storage_class_is_told_with_those_that_are_there(cluster: FakeCluster, opened: Opener) -> None:
    cluster.answers["/apis/storage.k8s.io/v1/storageclasses"] = {"items": [{"metadata": {"name": "hdd"}}]}
    assert "hdd" in one_failed(opened(), "storage class").hint
    environment = opened(cluster__storage_class="ssd")
    assert line_of(environment, "storage_class") in one_failed(environment, "storage class").hint


def test_the_class_of_shared_volumes_is_looked_for_too(cluster: FakeCluster, opened: Opener) -> None:
    del cluster
    environment = opened(cluster__shared_storage_class="nfs")
    found = one_failed(environment, "storage class")
    assert line_of(environment, "shared_storage_class") in found.hint
    assert "nfs" in found.told
    assert failed(opened(cluster__shared_storage_class="ssd")) == {}
    assert failed(opened("public", cluster__shared_storage_class="nfs")) == {}  # nothing there is shared


def test_a_clock_that_is_off_is_told(cluster: FakeCluster, opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    del cluster
    later = datetime.now(UTC).timestamp() + 300
    monkeypatch.setattr("scripts.env.checks.time", type("Later", (), {"time": staticmethod(lambda: later)}))
    assert re.match(r"\d{3} s apart", one_failed(opened(), "clock").told)


def test_a_placeholder_of_the_example_is_told_with_its_line(cluster: FakeCluster, opened: Opener) -> None:
    del cluster
    environment = opened(images__edge=f"{REGISTRY}/edge@sha256:{PLACEHOLDER}")
    assert line_of(environment, "edge") in one_failed(environment, "images").told


def with_certificate(environment: Environment, *, ends: datetime) -> None:
    """As the engine keeps it: a certificate is no secret."""
    now = ends - pki.LEAF_LIFE
    authority = pki.make_authority("a", now=now)
    engine = environment.engine("private")
    engine.folder.mkdir(parents=True)
    value = {"larets:tls-vault-crt": pki.issue(authority, "vault", hosts=["vault"], now=now).certificate}
    (engine.folder / f"Pulumi.{environment.contour.stack}.yaml").write_text(yaml.safe_dump({"config": value}))


def test_an_expired_certificate_is_told_by_check_and_by_plan(cluster: FakeCluster, opened: Opener) -> None:
    environment = opened()
    with_certificate(environment, ends=datetime.now(UTC) - timedelta(days=1))
    found = one_failed(environment, "certificates")
    assert "tls-vault-crt: ends on" in found.told
    assert "larets env rotate" in found.hint
    with pytest.raises(CertificateExpired):
        draft_plan(environment)
    assert cluster.changed == []


@pytest.mark.parametrize(("days", "ending"), [(1, ["tls-vault"]), (29, ["tls-vault"]), (31, [])])
def test_a_certificate_in_force_passes_and_its_end_is_told(
    cluster: FakeCluster, opened: Opener, *, days: int, ending: list[str]
) -> None:
    del cluster
    environment = opened()
    with_certificate(environment, ends=datetime.now(UTC) + timedelta(days=days, hours=1))
    assert failed(environment) == {}
    [told] = [one for one in check_all(environment) if one.name == "certificates"]
    assert told.told == "1 are in force" + (f"; within 30 days end {', '.join(ending)}" if ending else "")
    assert ("rotate certificates" in told.hint) is bool(ending)
    assert describe(environment)["ending"] == ending
    assert ("ENDS SOON tls-vault" in run("status").output) is bool(ending)


def test_a_contract_that_cannot_be_read_is_told(cluster: FakeCluster, opened: Opener) -> None:
    del cluster
    environment = opened(peer={"contract": "peer.json", "fingerprint": "sha256:" + "0" * 64})
    (environment.contour.folder / "peer.json").write_text("{}")
    found = failed(environment)
    assert set(found) == {"contract", "manifests"}
    assert "no contract" in found["contract"].told


@pytest.mark.parametrize("spelt", ["{}", "{}/", "{}/../state", "{}/./"])
def test_two_environments_with_one_state_are_refused(opened: Opener, environments: Path, spelt: str) -> None:
    one = opened(name="one")
    with pytest.raises(SharedState, match=r"(one/private and two/private|two/private and one/private) keep"):
        opened(name="two", state__backend="file://" + spelt.format(one.contour.state))
    assert not (environments / "two" / "private" / "passphrase").exists()


def test_settings_of_another_half_are_refused(opened: Opener) -> None:
    environment = opened()
    content: dict[str, Any] = yaml.safe_load(environment.contour.settings.read_text())
    environment.contour.settings.write_text(yaml.safe_dump(content | {"environment": "other"}))
    with pytest.raises(EnvProblem, match="is of other/private, not of shop/private"):
        open_environment("shop", "private")
