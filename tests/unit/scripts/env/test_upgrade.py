"""`larets env upgrade` and `rollback`: what cannot be applied leaves the settings as they were."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.env import releases
from scripts.env.environment import Environment
from scripts.env.plan import Finding, Plan
from scripts.env.verbs import plan as planning
from tests.support.stacks import REGISTRY
from tests.unit.scripts.env.conftest import Opener, run

NEWER = f"{REGISTRY}/larets@sha256:{'b' * 64}"
BREACH = Finding("api-server", "Deployment vault/vault", "no such service account", blocks=True)
UPGRADE = ("upgrade", "--larets", NEWER)
ROLLBACK = ("rollback",)

Planned = Callable[..., list[str]]


@pytest.fixture
def environment(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """It ran `NEWER` once, and is at the image of the fixtures now."""
    monkeypatch.setattr(releases, "schema_of", lambda _: "0005")
    made = opened("private")
    settings = made.contour.settings
    whole = settings.read_text()
    for content in (whole.replace(made.settings.images.larets, NEWER), whole):
        settings.write_text(content)
        releases.keep(made.contour, {"release": made.release, "at": "then", "digest": "d"})
    return made


@pytest.fixture
def planned(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> Planned:
    """Every plan has these findings; returns the images that were planned."""

    def with_(*findings: Finding) -> list[str]:
        seen: list[str] = []

        def to_file(opened: Environment) -> tuple[Plan, Path]:
            seen.append(opened.settings.images.larets)
            return Plan("shop", "private", "uid", "0.1.0", (), findings), Path("a-plan.json")

        monkeypatch.setattr(planning, "plan_to_file", to_file)
        return seen

    del environment
    return with_


def image_of(environment: Environment) -> Any:
    return yaml.safe_load(environment.contour.settings.read_text())["images"]["larets"]


@pytest.mark.parametrize("command", [UPGRADE, ROLLBACK], ids=["upgrade", "rollback"])
def test_other_images_are_planned_and_stand_in_the_settings(
    command: tuple[str, ...], environment: Environment, planned: Planned
) -> None:
    seen = planned()
    done = run(*command, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["blocked"] is False
    assert seen == [NEWER] == [image_of(environment)]


@pytest.mark.parametrize("command", [UPGRADE, ROLLBACK], ids=["upgrade", "rollback"])
def test_a_blocked_plan_ends_with_2_and_the_settings_of_before(
    command: tuple[str, ...], environment: Environment, planned: Planned
) -> None:
    before = environment.contour.settings.read_text()
    seen = planned(BREACH)
    done = run(*command, "--json")
    assert done.exit_code == planning.BLOCKED
    assert json.loads(done.stdout)["blocked"] is True
    assert seen == [NEWER]
    assert "no such service account" in done.stderr
    assert "the settings name the images of before" in done.stderr
    assert environment.contour.settings.read_text() == before


def test_an_upgrade_across_a_step_without_return_is_refused_before_it_is_planned(
    environment: Environment, planned: Planned, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = planned()
    monkeypatch.setattr(releases, "steps_without_return", lambda _, since: ["0006"] if since == "0005" else [])
    before = environment.contour.settings.read_text()
    refused = run(*UPGRADE)
    assert refused.exit_code == 1
    assert "cannot be undone: 0006" in refused.stderr
    assert "database.irreversible: accepted" in refused.stderr
    assert environment.contour.settings.read_text() == before
    assert seen == []
    assert run("upgrade", "--edge", NEWER).exit_code == 0  # no migration comes with it
    opened("private", database__irreversible="accepted")
    assert run(*UPGRADE).exit_code == 0
    assert image_of(environment) == NEWER
