from pathlib import Path

import pytest
import yaml

from scripts.env import releases
from scripts.env.errors import EnvProblem
from scripts.env.place import Contour, Side
from scripts.env.releases import NoWayBack, bundles, keep, previous

APPLIED = {"release": "0.1.0", "at": "then", "digest": "d"}


@pytest.fixture
def contour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Contour:
    monkeypatch.setattr(releases, "schema_of", lambda _: "0005")
    monkeypatch.setattr(releases, "steps_without_return", lambda *_: [])
    return Contour("shop", "private", tmp_path)


def settle(contour: Contour, image: str, **other: object) -> None:
    contour.settings.write_text(yaml.safe_dump({"images": {"larets": image}, **other}))


def test_the_release_before_is_the_last_one_with_other_images(contour: Contour) -> None:
    for image in ("one", "two"):
        settle(contour, image)
        keep(contour, APPLIED)
    settle(contour, "two", sizes={"web": {"replicas": 3}})
    keep(contour, APPLIED)
    assert previous(contour).images == {"larets": "one"}


def test_what_was_applied_again_is_kept_once(contour: Contour) -> None:
    settle(contour, "one")
    keep(contour, APPLIED)
    keep(contour, APPLIED)
    assert len(bundles(contour)) == 1


def test_without_an_earlier_release_there_is_nothing_to_go_back_to(contour: Contour) -> None:
    settle(contour, "one")
    keep(contour, APPLIED)
    with pytest.raises(EnvProblem):
        previous(contour)


def test_a_migration_without_return_bars_the_way_back(contour: Contour, monkeypatch: pytest.MonkeyPatch) -> None:
    for image in ("one", "two"):
        settle(contour, image)
        keep(contour, APPLIED)
    monkeypatch.setattr(releases, "steps_without_return", lambda _, since: ["0006"] if since == "0005" else [])
    with pytest.raises(NoWayBack, match="0006"):
        previous(contour)


def test_newer_code_that_applied_an_older_image_again_does_not_open_the_way_back(
    contour: Contour, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(contour, "one")
    keep(contour, APPLIED)
    monkeypatch.setattr(releases, "schema_of", lambda _: "0006")
    settle(contour, "one", sizes={"web": {"replicas": 3}})
    keep(contour, APPLIED)
    settle(contour, "two")
    keep(contour, APPLIED)
    monkeypatch.setattr(releases, "steps_without_return", lambda _, since: ["0006"] if since == "0005" else [])
    with pytest.raises(NoWayBack, match="0006"):
        previous(contour)


@pytest.mark.parametrize("side", ["private", "public"])
def test_the_schema_of_this_code_is_the_head_of_its_migrations(side: Side) -> None:
    assert releases.schema_of(side).isdigit()
    assert releases.steps_without_return(side, releases.schema_of(side)) == []
    assert releases.steps_without_return(side, "9999") == []
