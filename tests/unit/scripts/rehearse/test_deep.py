"""The parts of the deep rehearsal that need neither root nor a node."""

import json
import os
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from infra.paths import Networks, Pods
from infra.paths import Path as Way
from scripts.images import archive
from scripts.rehearse.deep import command, demands, static_image, sweep, system, wire
from scripts.rehearse.deep.addresses import OF
from scripts.rehearse.deep.checks.paths import Host, lets
from scripts.rehearse.deep.node import Node
from scripts.rehearse.deep.pods import Pod
from scripts.rehearse.plane import PlaneProblem

EDGE, MAIN = Pods("edge", (("n", "edge"),)), Pods("vault", (("n", "vault"),))
NODE = Node("private", Path("nowhere"))  # it is never started
WAYS = (
    Way("internet → edge", Networks("internet", ("0.0.0.0/0",)), EDGE, (8443,)),
    Way("edge → vault", EDGE, MAIN, (8200,)),
    Way("vault → keys", MAIN, Networks("keys", ("203.0.113.30/32",)), (8200,)),
)


def _pod(namespace: str, name: str, address: str) -> Pod:
    return Pod(namespace, name, {"n": name}, address, (), "", NODE)


def test_a_path_needs_both_ends() -> None:
    edge, vault = _pod("edge", "edge", "10.11.0.2"), _pod("vault", "vault", "10.11.0.3")
    assert lets(WAYS, edge, vault, 8200)
    assert not lets(WAYS, edge, vault, 8201)
    assert not lets(WAYS, vault, edge, 8443), "the internet may come in, but this pod may not go out"
    assert lets(WAYS, vault, Host("keys", "203.0.113.30", ()), 8200)
    assert not lets(WAYS, edge, Host("keys", "203.0.113.30", ()), 8200)


def test_the_metadata_address_is_no_part_of_the_internet() -> None:
    out = (Way("edge → internet", EDGE, Networks("internet", ("0.0.0.0/0",)), (80,)),)
    edge = _pod("edge", "edge", "10.11.0.2")
    assert lets(out, edge, Host("somebody", "198.51.100.7", ()), 80)
    assert not lets(out, edge, Host("metadata", "169.254.169.254", ()), 80)


def test_an_image_of_one_program_is_read_as_an_image(tmp_path: Path) -> None:
    program, made = tmp_path / "pause", tmp_path / "pause.tar"
    program.write_bytes(b"\x7fELF and so on")
    static_image.write(program, "localhost/pause:1", made)
    assert archive.digest(made).startswith("sha256:")
    assert archive.files(made, lambda path: path == "pause") == {"pause": program.read_bytes()}
    other = tmp_path / "other.tar"
    static_image.write(program, "localhost/pause:1", other)
    assert archive.digest(other) == archive.digest(made), "the same program gives the same image"


def test_what_was_left_is_swept_and_what_was_kept_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "remove_groups", lambda _folder: None)
    left, kept, foreign = tmp_path / f"{sweep.PREFIX}a", tmp_path / f"{sweep.PREFIX}b", tmp_path / "larets-other"
    for folder in (left, kept, foreign):
        folder.mkdir()
    (kept / sweep.KEPT).touch()
    sweep.sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([kept.name, foreign.name])


def test_a_lost_node_leaves_nothing_but_the_note_of_its_control_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Node("private", tmp_path / "private")
    (node.folder / "plane" / "etcd").mkdir(parents=True)
    (node.folder / sweep.GROUPS).write_text("of-a-container\n")
    monkeypatch.setattr(Node, "cut_power", lambda _: None)
    before = node.plane
    node.lose()
    assert [path.name for path in node.folder.iterdir()] == [sweep.GROUPS]
    assert node.plane is not before
    assert (node.plane.server, node.plane.tokens) == (before.server, {}), "the same address, and no key of before"


def test_control_groups_of_its_own_containers_go_and_no_others(tmp_path: Path) -> None:
    folder, hierarchies = tmp_path / "rehearsal", tmp_path / "cgroup"
    node = folder / "nodes" / "private"
    (node / "containerd/io.containerd.grpc.v1.cri/containers/now").mkdir(parents=True)
    (node / sweep.GROUPS).write_text("before-the-power-cut\n")
    for name in ("now/inner", "before-the-power-cut", "somebody-elses"):
        (hierarchies / "memory" / sweep.GROUPS / name).mkdir(parents=True)
    (hierarchies / "pids" / sweep.GROUPS / "now").mkdir(parents=True)
    sweep.remove_groups(folder, hierarchies)
    assert [path.name for path in (hierarchies / "memory" / sweep.GROUPS).iterdir()] == ["somebody-elses"]
    assert not (hierarchies / "pids" / sweep.GROUPS).exists(), "an empty one is nobody's"


def test_only_one_rehearsal_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "remove_groups", lambda _folder: None)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with sweep.workplace(keep=False) as folder:
        assert folder.is_dir()
        with pytest.raises(PlaneProblem, match="another"), sweep.workplace(keep=False):
            pass
    assert not folder.exists()


def test_a_link_in_the_locks_place_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / sweep.LOCK).symlink_to(elsewhere)
    with pytest.raises(PlaneProblem, match="cannot be opened"), sweep.workplace(keep=False):
        pass
    assert not elsewhere.exists()


def test_a_link_to_a_folder_is_not_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    swept: list[Path] = []
    monkeypatch.setattr(sweep, "remove_groups", swept.append)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"{sweep.PREFIX}a").symlink_to(tmp_path / "elsewhere")
    sweep.sweep(tmp_path)
    assert swept == []


def test_the_fence_names_no_port_but_the_edges_and_the_api_servers() -> None:
    rules = wire.fence("private")
    assert f"ct original ip daddr {OF['private'].edge} ct original proto-dst {{ 443, 8443 }} accept" in rules
    assert rules.count("counter drop") == 2
    assert OF["public"].edge not in rules


def test_a_cluster_brings_its_resolver_and_its_volumes(tmp_path: Path) -> None:
    made = system.manifests("private", tmp_path)
    kinds = [one["kind"] for one in made]
    assert kinds.count("PersistentVolume") == system.VOLUMES
    assert "forward" not in system.COREFILE, "no name leads outside but those that are listed"
    assert json.loads(json.dumps(made)) == made == list(yaml.safe_load_all(yaml.safe_dump_all(made)))


def test_without_root_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr("sys.platform", "linux")
    assert [what for what, _ in demands.lacking()] == [
        "it needs root: it makes network namespaces and starts containers"
    ]
    monkeypatch.setattr("sys.platform", "darwin")
    assert "Linux" in next(iter(demands.lacking()))[0]


@pytest.mark.parametrize("why", ["this is no Linux", "the tool vault is not made yet"])
def test_where_it_cannot_run_at_once_it_says_so_and_ends_well(monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    monkeypatch.setattr(command, "lacking", lambda: iter([(why, "do something")] if "Linux" in why else []))
    monkeypatch.setattr(command, "_not_cached", lambda: iter([(why, "do something")]))
    done = CliRunner().invoke(command.cli, ["--when-cached"])
    assert done.exit_code == 0
    assert json.loads(done.stdout.splitlines()[-1])["left_out"] == why


def test_asked_for_outright_it_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "lacking", lambda: iter([("this is no Linux", "run it on one")]))
    assert CliRunner().invoke(command.cli, []).exit_code == 1


def test_logs_are_kept_once_and_keys_are_not(tmp_path: Path) -> None:
    for name in ("nodes/private/kubelet.log", "nodes/private/containerd/state/pod.log", "nodes/private/node.key"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    command._keep_logs(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()] == [
        "kept/nodes/private/kubelet.log"
    ]
