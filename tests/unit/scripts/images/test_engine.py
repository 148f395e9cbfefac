"""Which program builds, and what it is told."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts.images.engine import ORDER, Engine, choose
from scripts.images.errors import ImageProblem


def _installed(*names: str) -> dict[str, str]:
    return {name: f"/usr/bin/{name}" for name in names}


def _yes(_: Sequence[str]) -> bool:
    return True


def test_the_first_that_answers_is_taken() -> None:
    assert choose(which=_installed("podman", "buildah").get, answers=_yes).name == "podman"


def test_a_client_without_its_daemon_is_passed_over() -> None:
    chosen = choose(which=_installed("docker", "buildah").get, answers=lambda asked: asked[0] != "docker")
    assert chosen.name == "buildah"


def test_who_is_named_is_taken_and_nobody_else() -> None:
    assert choose("buildah", which=_installed(*ORDER).get, answers=_yes).name == "buildah"
    with pytest.raises(ImageProblem, match="there is no podman here"):
        choose("podman", which=_installed("docker").get, answers=_yes)


def test_an_unknown_name_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(ImageProblem, match="unknown engine “kaniko”"):
        choose("kaniko", which=_installed(*ORDER).get, answers=_yes)


def test_none_at_all_says_what_to_install() -> None:
    with pytest.raises(ImageProblem, match="no docker, podman or buildah") as caught:
        choose(which=_installed().get, answers=_yes)
    assert "apt-get install buildah" in caught.value.hint


def test_one_that_does_not_answer_is_told_from_one_that_is_absent() -> None:
    with pytest.raises(ImageProblem, match="docker: installed, but does not answer"):
        choose(which=_installed("docker").get, answers=lambda _: False)


@pytest.mark.parametrize(("code", "found"), [(0, True), (1, False)])
def test_a_program_answers_by_its_exit_code(
    *, code: int, found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "docker"
    program.write_text(f"#!/bin/sh\nexit {code}\n", "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    if found:
        assert choose().name == "docker"
    else:
        with pytest.raises(ImageProblem, match="does not answer"):
            choose()


@pytest.mark.parametrize("name", ORDER)
def test_every_engine_gets_arguments_and_secrets_and_no_secret_value(name: str, tmp_path: Path) -> None:
    secret = tmp_path / "pip.conf"
    secret.write_text("canary", "utf-8")
    command = Engine(name).build(
        "localhost/x:1",
        tmp_path,
        file=tmp_path / "Containerfile",
        arguments={"BASE": "b"},
        secrets={"pip": secret},
        epoch=7,
    )
    assert command[0] == name
    assert "BASE=b" in command
    assert f"id=pip,src={secret}" in command
    assert "canary" not in " ".join(command)
    assert ("--timestamp" in command) is (name != "docker")


@pytest.mark.parametrize("name", ORDER)
def test_every_engine_saves_into_the_named_archive(name: str, tmp_path: Path) -> None:
    command = Engine(name).save("localhost/x:1", tmp_path / "x.tar")
    assert any(str(tmp_path / "x.tar") in part for part in command)
    assert any("localhost/x:1" in part for part in command)
