"""Images are started under what the stacks say: the specification follows the manifest, a looser one would be seen."""

from pathlib import Path
from typing import Any

import pytest

from scripts.images import start as starting
from scripts.images.archive import unpack
from scripts.images.context import IMAGES
from scripts.images.errors import ImageProblem
from scripts.images.start import PROBE, TRIALS, WHERE, Ended, container_of, specification, start
from tests.unit.scripts.images.packed import oci

IMAGE = {"Env": ["PATH=/bin"], "WorkingDir": "/srv/larets"}


def packed(folder: Path, files: dict[str, bytes]) -> Path:
    path = folder / "image.tar"
    oci(path, [files])
    return path


def told(container: dict[str, Any]) -> dict[str, Any]:
    return specification(Path("/rootfs"), container, IMAGE, ["true"])


@pytest.mark.parametrize("name", IMAGES)
def test_every_image_is_started_as_its_workload_is(name: str) -> None:
    found = told(container_of(name))
    assert found["root"]["readonly"] is True
    assert found["process"]["user"] == {"uid": 10001, "gid": 10001}
    assert found["process"]["noNewPrivileges"] is True
    assert not any(found["process"]["capabilities"].values())
    writable = {mount["destination"] for mount in found["mounts"] if mount["type"] == "tmpfs"} - {"/dev"}
    assert "/tmp" in writable  # noqa: S108  the pod's own
    assert name == "database" or writable == {"/tmp"}  # noqa: S108
    assert set(TRIALS) == set(WHERE) == set(IMAGES)


@pytest.mark.parametrize(
    ("part", "looser"),
    [("readOnlyRootFilesystem", False), ("allowPrivilegeEscalation", True), ("capabilities", {"drop": []})],
)
def test_a_looser_manifest_is_a_looser_start(part: str, looser: Any) -> None:
    container = container_of("vault")
    container["securityContext"] |= {part: looser}
    assert told(container) != told(container_of("vault"))


def ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **answers: Ended) -> dict[str, str]:
    def run(_root: Path, _container: Any, command: Any) -> Ended:
        for trial, (expected, code, words) in TRIALS["vault"].items():
            if expected == command:
                return answers.get(trial.partition(" ")[0], Ended(code, words, 0.1))
        raise AssertionError(command)

    monkeypatch.setattr(starting, "run", run)
    return start("vault", packed(tmp_path, {"x": b""}))


def test_what_ends_as_it_should_passes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert set(ends(monkeypatch, tmp_path).values()) == {"pass"}


@pytest.mark.parametrize(
    "answer", [Ended(0, "is user 0:0; writes into /var", 0.1), Ended(1, "", 0.1), Ended(-1, "did not end", 120)]
)
def test_what_does_not_is_told(answer: Ended, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    verdicts = ends(monkeypatch, tmp_path, confined=answer)
    assert verdicts["confined"].startswith(f"ended with {answer.code}")
    assert sum(verdict == "pass" for verdict in verdicts.values()) == len(verdicts) - 1


def test_the_probe_sees_what_is_amiss(capsys: pytest.CaptureFixture[str]) -> None:
    """Here, where neither user nor root is that of a pod."""
    exec(PROBE.replace('pathlib.Path(folder, "written").write_text("x")', "raise OSError"), {})  # noqa: S102
    amiss = capsys.readouterr().out
    assert "is user" in amiss
    assert "has /bin/sh" in amiss


def test_an_image_is_unpacked_with_its_modes_and_its_configuration(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    configuration = unpack(packed(tmp_path, {"srv/larets/x.py": b"print()"}), tmp_path / "root")
    assert (tmp_path / "root" / "srv" / "larets" / "x.py").read_bytes() == b"print()"
    assert "config" in configuration


def test_a_layer_that_hides_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    with pytest.raises(ImageProblem, match="hides"):
        unpack(packed(tmp_path, {"srv/.wh.secret": b""}), tmp_path / "root")
