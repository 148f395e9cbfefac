"""An image is built once, and again when what it is made from changed or its archive is gone."""

from pathlib import Path
from typing import Any

import pytest

from scripts.images import base, build
from scripts.images.engine import ORDER, Engine
from scripts.images.errors import ImageProblem
from tests.unit.scripts.images.packed import oci


class Rig:
    """Stands for the engine's process: writes what `save` would."""

    def __init__(self, place: Path) -> None:
        self.place, self.builds, self.content = place, 0, b"Package: a\nStatus: install ok installed\nVersion: 1\n"

    def run(self, command: list[str], *_: object, **__: object) -> None:
        if command[1] == "build":
            self.builds += 1
        else:
            oci(Path(command[command.index("-o") + 1]), [{"var/lib/dpkg/status": self.content}])


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    rig = Rig(tmp_path)
    monkeypatch.setattr(build, "OUT", tmp_path / "images")
    monkeypatch.setattr(build, "_slowly", rig.run)
    # Results are told relative to the checkout; this one's are elsewhere.
    monkeypatch.setattr(build, "_relative", str)
    return rig


def _database(named_base: str = "base@sha256:1") -> build.Built:
    return build.build(Engine("podman"), ["database"], named_base=named_base)["database"]


def test_a_second_run_builds_nothing_and_says_the_same(rig: Rig) -> None:
    first, second = _database(), _database()
    assert rig.builds == 1
    assert second.digest == first.digest
    assert second.seconds == 0


@pytest.mark.parametrize("what", ["base", "archive", "sbom", "stamp"])
def test_what_changed_or_is_gone_is_built_again(what: str, rig: Rig) -> None:
    first = _database()
    if what == "base":
        _database("base@sha256:2")
    else:
        place = {"archive": first.archive, "sbom": first.sbom, "stamp": str(build.OUT / "database.json")}[what]
        Path(place).write_text("torn", "utf-8") if what != "sbom" else Path(place).unlink()
        _database()
    assert rig.builds == 2


def test_fresh_builds_again_and_takes_no_earlier_layer(rig: Rig, tmp_path: Path) -> None:
    _database()
    build.build(Engine("podman"), ["database"], named_base="base@sha256:1", fresh=True)
    assert rig.builds == 2
    words: dict[str, Any] = {"file": tmp_path, "arguments": {}, "secrets": {}, "epoch": 0}
    for name in ORDER:
        assert "--no-cache" in Engine(name).build("x", tmp_path, **words, fresh=True)
        assert "--no-cache" not in Engine(name).build("x", tmp_path, **words)


@pytest.mark.parametrize(
    ("text", "is_taken"),
    [
        ("deb http://mirror bookworm main\ndeb http://mirror bookworm-security main\n", True),
        ("deb http://mirror bookworm main\n", False),
        ("deb http://mirror trixie-security main\n", False),
        ("deb https://mirror bookworm-security main\n", False),
    ],
)
def test_the_machines_own_sources_are_taken_if_they_fit(text: str, *, is_taken: bool, tmp_path: Path) -> None:
    own = tmp_path / "sources.list"
    own.write_text(text, "utf-8")
    assert base.sources_of("", machine=[tmp_path / "absent", own]) == (own if is_taken else None)


def test_sources_that_are_named_and_absent_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageProblem, match="there is no file"):
        base.sources_of(str(tmp_path / "absent"))


def test_a_containerfile_with_a_breach_is_not_built(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "problems", lambda _: ["line 1: base debian:latest may move"])
    with pytest.raises(ImageProblem, match="may move"):
        _database()
    assert rig.builds == 0


def test_a_list_that_is_not_valid_leaves_no_archive(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    del rig
    monkeypatch.setattr("scripts.images.sbom.faults", lambda _: ["component 1: name is missing"])
    with pytest.raises(ImageProblem, match="not valid"):
        _database()
    assert not (build.OUT / "database.tar").exists()


def test_a_named_base_is_taken_without_asking_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_pulled", lambda _: pytest.fail("asked"))
    assert base.base_of(Engine("podman"), "mine@sha256:1") == "mine@sha256:1"


@pytest.mark.parametrize(("answers", "named", "chosen"), [
    (True, "", base.PUBLIC), (False, "", base.MADE), (True, base.DEBOOTSTRAP, base.MADE),
])  # fmt: skip
def test_a_base_is_made_when_no_registry_answers_or_it_is_wanted(
    *, answers: bool, named: str, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "_pulled", lambda _: answers)
    monkeypatch.setattr(base, "_made", lambda *_: base.MADE)
    assert base.base_of(Engine("podman"), named) == chosen


def test_without_debootstrap_the_hint_says_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_FOLDER", tmp_path)
    monkeypatch.setattr(base, "_pulled", lambda _: False)
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(ImageProblem, match="no debootstrap") as caught:
        base.base_of(Engine("podman"), "")
    assert "BASE=" in caught.value.hint
