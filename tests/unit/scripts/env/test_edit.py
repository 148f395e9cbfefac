from pathlib import Path

import pytest
import yaml

from infra.errors import SettingsInvalid
from scripts.env.edit import changed_settings, merged, set_lines
from scripts.env.example import example
from scripts.env.place import SIDES
from scripts.env.verbs.init import commented


@pytest.fixture
def path(tmp_path: Path) -> Path:
    written = tmp_path / "settings.yaml"
    written.write_text(commented(example("shop", "private")))
    return written


def test_only_the_named_part_changes_and_comments_stay(path: Path) -> None:
    before = yaml.safe_load(path.read_text())
    set_lines(path, merged(path, {"secrets": {"generation": 4}}))
    after = yaml.safe_load(path.read_text())
    assert after == before | {"secrets": {"generation": 4}}
    assert "# by digest, from named registries" in path.read_text()


def test_a_key_is_changed_beside_its_neighbours(path: Path) -> None:
    before = yaml.safe_load(path.read_text())["images"]
    image = before["larets"].replace("0" * 64, "d" * 64)
    set_lines(path, merged(path, {"images": {"larets": image}}))
    assert yaml.safe_load(path.read_text())["images"] == before | {"larets": image}


def test_what_would_be_no_settings_leaves_the_file_as_it_was(path: Path) -> None:
    before = path.read_text()
    with pytest.raises(SettingsInvalid):
        set_lines(path, merged(path, {"images": {"larets": "vault:latest"}}))
    assert path.read_text() == before


def test_a_failure_of_what_follows_takes_the_change_back(path: Path) -> None:
    before = path.read_text()
    with pytest.raises(RuntimeError), changed_settings(path, {"secrets": {"generation": 9}}):
        raise RuntimeError
    assert path.read_text() == before
    with changed_settings(path, {"secrets": {"generation": 9}}):
        pass
    assert yaml.safe_load(path.read_text())["secrets"] == {"generation": 9}


def test_the_example_is_what_init_would_write_for_both_halves() -> None:
    for side in SIDES:
        assert yaml.safe_load(commented(example("shop", side))) == example("shop", side)
