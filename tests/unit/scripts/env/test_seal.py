"""`larets env seal`: between a file and the key service, and the same passphrase all along."""

import json
import os
from typing import Any

import pytest

from scripts.env.errors import EngineFailed, EnvProblem
from scripts.env.rotate import new_passphrase
from tests.support.fake_transit import FakeTransit
from tests.unit.scripts.env.conftest import Again, Opener, run


def test_what_was_in_a_file_is_sealed_the_file_is_gone_and_every_key_stays(
    again: Again, opened: Opener, sealed_by: dict[str, Any]
) -> None:
    contour = again().contour
    text = contour.passphrase.read_text().strip()
    before = opened("private").key
    opened("private", state__sealed_by=sealed_by)
    with pytest.raises(EnvProblem, match="in the clear") as refused:
        again().passphrase.text()
    assert "larets env seal" in refused.value.hint
    done = run("seal", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"sealed": True, "version": 1}
    assert text not in done.output
    assert not contour.passphrase.exists()
    assert contour.sealed.read_text().startswith("vault:v1:")
    assert contour.sealed.stat().st_mode & 0o077 == 0
    environment = again()
    assert (environment.passphrase.text(), environment.key) == (text, before)


def test_run_again_after_the_keys_rotation_it_is_sealed_by_the_newest_version(
    moved: Again, key_service: FakeTransit
) -> None:
    text = moved().passphrase.text()
    key = key_service.keys["shop-private"]
    key.versions[2] = os.urandom(32)
    assert json.loads(run("seal", "--json").stdout) == {"sealed": True, "version": 2}
    key.minimum = 2
    assert moved().passphrase.text() == text


def test_opened_back_into_a_file_the_settings_name_no_key_service(moved: Again) -> None:
    text = moved().passphrase.text()
    assert run("seal", "--open").exit_code == 0
    environment = moved()
    assert environment.settings.state.sealed_by is None
    assert environment.contour.passphrase.read_text().strip() == text == environment.passphrase.text()
    assert environment.contour.passphrase.stat().st_mode & 0o077 == 0
    assert not environment.contour.sealed.exists()


def test_while_the_key_service_is_away_the_file_is_not_removed(again: Again, key_service: FakeTransit) -> None:
    key_service.fault = "gone"
    assert run("seal").exit_code == 1
    assert again().contour.passphrase.exists()
    assert not again().contour.sealed.exists()


def test_a_passphrase_left_behind_is_refused_and_removed_only_if_it_is_the_same(moved: Again) -> None:
    contour, text = moved().contour, moved().passphrase.text()
    contour.passphrase.write_text("another\n")
    contour.passphrase.chmod(0o600)
    with pytest.raises(EnvProblem, match="in the clear"):
        moved().passphrase.text()
    refused = run("seal")
    assert refused.exit_code == 1
    assert "different passphrases" in refused.stderr
    assert contour.passphrase.exists()
    contour.passphrase.write_text(text + "\n")
    assert run("seal").exit_code == 0
    assert not contour.passphrase.exists()
    assert moved().passphrase.text() == text


def test_init_seals_a_fresh_one_at_once(moved: Again, key_service: FakeTransit) -> None:
    contour = moved().contour
    contour.sealed.unlink()
    done = run("init", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["passphrase"] == str(contour.sealed)
    assert not contour.passphrase.exists()
    text = moved().passphrase.text()
    assert run("init").exit_code == 0
    assert moved().passphrase.text() == text
    assert key_service.keys["shop-private"].latest == 1


def test_a_rotation_writes_the_sealed_form_and_a_failure_leaves_the_old_one(
    moved: Again, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = moved().passphrase.text()
    environment = moved()
    told: list[str] = []
    monkeypatch.setattr("scripts.env.engine.Engine.known", True)
    monkeypatch.setattr("scripts.env.engine.Engine.change_passphrase", lambda _, fresh: told.append(fresh))
    new_passphrase(environment)
    assert len(set(told)) == 1
    assert text not in told
    assert environment.passphrase.text() == moved().passphrase.text() == told[0]
    assert environment.passphrase.file.read_text() == told[0]
    assert not environment.contour.passphrase.exists()

    def fails(*_: object) -> None:
        raise EngineFailed

    monkeypatch.setattr("scripts.env.engine.Engine.change_passphrase", fails)
    with pytest.raises(EngineFailed):
        new_passphrase(moved())
    assert moved().passphrase.text() == told[0]
