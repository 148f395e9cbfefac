"""`larets env render`: only what the rules let through is written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.render import all_registrations
from tests.unit.scripts.env.conftest import Opener, run


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Any], Any]], None]:
    """The vault's pods as somebody's change of the program would make them."""

    def change(do: Callable[[Any], Any]) -> None:
        def made(settings: Any) -> list[Any]:
            found = all_registrations(settings)
            do(next(one for one in found if one.name == "deployment/vault/vault").inputs["spec"]["template"]["spec"])
            return found

        monkeypatch.setattr("scripts.env.verbs.render.all_registrations", made)

    return change


def test_what_no_rule_is_against_is_written(opened: Opener, tmp_path: Path) -> None:
    opened()
    told = json.loads(run("render", "--out", str(tmp_path / "out"), "--json").stdout)
    assert told["findings"] == []
    assert str(tmp_path / "out" / "vault" / "deployment-vault.yaml") in told["files"]


def test_what_would_block_a_plan_is_not_written(opened: Opener, tmp_path: Path, changed: Any) -> None:
    opened()
    changed(lambda pod: pod.update(hostNetwork=True))
    done = run("render", "--out", str(tmp_path / "out"))
    assert (done.exit_code, (tmp_path / "out").exists()) == (1, False)
    assert "no_host_access: deployment/vault/vault" in done.stderr


def test_what_would_only_be_told_of_a_plan_is_told_and_written(opened: Opener, tmp_path: Path, changed: Any) -> None:
    opened()
    changed(lambda pod: pod["containers"][0]["securityContext"].update(readOnlyRootFilesystem=False))
    done = run("render", "--out", str(tmp_path / "out"))
    assert (done.exit_code, (tmp_path / "out").exists()) == (0, True)
    assert "read_only_root: deployment/vault/vault" in done.stderr
