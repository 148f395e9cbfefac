"""A passphrase that a key service seals: asked once, in no file, and refused with what to do."""

import json
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.env.environment import open_environment
from scripts.env.errors import EnvProblem
from scripts.env.key_service import KeyServiceAway, KeyServiceDenied, NotOpened
from scripts.local.pki import Authority
from tests.support.fake_transit import ROLE, SECRET, FakeTransit
from tests.unit.scripts.env.conftest import Again, Opener, run


def test_a_command_asks_once_and_its_engine_reads_a_file_without_a_name(moved: Again, key_service: FakeTransit) -> None:
    environment = moved()
    key_service.seen.clear()
    held = [(environment.passphrase.text(), environment.key, one.passphrase.file) for one in environment.engines]
    assert key_service.seen == {"/v1/auth/approle/login": 1, "/v1/larets/decrypt/shop-private": 1}
    text, _, file = held[0]
    read = subprocess.run(["cat", file], capture_output=True, text=True, check=True)  # noqa: S603, S607  as a child may
    assert read.stdout == text
    assert "memfd" in str(file.readlink())
    assert file.stat().st_mode & 0o077 == 0
    assert not [path for path in environment.contour.folder.rglob("*") if path.is_file() and text in path.read_text()]
    del environment, held
    assert not file.exists()
    assert text not in repr(moved())


def test_a_version_that_is_gone_opens_nothing(moved: Again, key_service: FakeTransit) -> None:
    key_service.keys["shop-private"].versions = {2: os.urandom(32)}
    with pytest.raises(NotOpened):
        moved().passphrase.text()


@pytest.mark.parametrize("place", [9, 14, -3])
def test_a_ciphertext_that_was_changed_opens_nothing(moved: Again, place: int) -> None:
    path = moved().contour.sealed
    text = list(path.read_text().strip())
    text[place] = "A" if text[place] != "A" else "B"
    path.write_text("".join(text))
    with pytest.raises(NotOpened) as refused:
        moved().passphrase.text()
    assert "put its copy back" in refused.value.hint


@pytest.mark.parametrize("content", ["", "nonsense", "vault:v1:", "\udcff"])
def test_what_is_no_ciphertext_is_not_even_sent(moved: Again, key_service: FakeTransit, content: str) -> None:
    moved().contour.sealed.write_bytes(content.encode(errors="surrogateescape"))
    key_service.seen.clear()
    with pytest.raises(NotOpened):
        moved().passphrase.text()
    assert not key_service.seen


def test_the_other_contours_ciphertext_opens_nothing_under_either_key(
    moved: Again, opened: Opener, sealed_by: dict[str, Any], key_service: FakeTransit
) -> None:
    private = moved()
    key_service.keys["shop-public"] = key_service.keys["shop-private"]  # even where the key service holds one key twice
    private.contour.settings.rename(private.contour.folder / "aside")  # else the shared sign-in is refused first
    opened("public")
    opened("public", state__sealed_by=sealed_by | {"key": "shop-public"})
    assert run("seal", side="public").exit_code == 0
    public = open_environment("shop", "public")
    assert public.passphrase.text()
    public.contour.sealed.write_bytes(private.contour.sealed.read_bytes())
    with pytest.raises(NotOpened):
        open_environment("shop", "public").passphrase.text()


@pytest.mark.parametrize(
    ("fault", "told"), [("sealed", "unseal it"), ("gone", "does not answer"), ("throttled", "throttling")]
)
def test_a_key_service_that_is_away_is_told_and_nothing_is_touched(
    moved: Again, key_service: FakeTransit, fault: str, told: str
) -> None:
    before = moved().contour.sealed.read_bytes()
    key_service.fault = fault
    for refused in (run("seal"), run("seal", "--open"), run("rotate", "passphrase")):
        assert refused.exit_code == 1
        assert told in refused.stderr
        assert "larets: hint: have it brought up" in refused.stderr
    key_service.fault = ""
    assert moved().contour.sealed.read_bytes() == before
    assert moved().settings.state.sealed_by is not None
    assert moved().passphrase.text()


def test_a_sign_in_that_is_refused_and_a_key_that_is_not_there(
    moved: Again, sealed_by: dict[str, Any], key_service: FakeTransit
) -> None:
    Path(sealed_by["secret_id_file"]).write_text("another")
    with pytest.raises(KeyServiceDenied, match="does not accept the contour's sign-in"):
        moved().passphrase.text()
    Path(sealed_by["secret_id_file"]).chmod(0o640)
    with pytest.raises(KeyServiceDenied, match="others may read the secret file") as refused:
        moved().passphrase.text()
    assert "secret_id_file" in refused.value.hint
    Path(sealed_by["secret_id_file"]).chmod(0o600)
    Path(sealed_by["secret_id_file"]).write_text(SECRET)
    kept = key_service.keys.pop("shop-private")
    moved().contour.passphrase.write_text("as of the copy")
    moved().contour.passphrase.chmod(0o600)
    moved().contour.sealed.unlink()
    refused_key = run("seal")
    assert "does not seal by the key shop-private" in refused_key.stderr
    assert moved().contour.passphrase.exists()
    key_service.keys["shop-private"] = kept


def test_another_authoritys_certificate_is_not_asked(moved: Again, key_service: FakeTransit, tmp_path: Path) -> None:
    Authority("Others", certificates=tmp_path, secrets=tmp_path)
    change(moved, ca=str(tmp_path / "ca.crt"))
    key_service.seen.clear()
    with pytest.raises(KeyServiceAway, match="certificate is not the expected one"):
        moved().passphrase.text()
    change(moved, ca=str(tmp_path / "none.crt"))
    with pytest.raises(KeyServiceAway, match="cannot be asked"):
        moved().passphrase.text()
    assert not key_service.seen


def change(moved: Again, **parts: str) -> None:
    path = moved().contour.settings
    content = yaml.safe_load(path.read_text())
    content["state"]["sealed_by"] |= parts
    path.write_text(yaml.safe_dump(content))


def test_a_sealed_passphrase_without_a_key_service_in_the_settings_is_never_replaced(
    moved: Again, opened: Opener
) -> None:
    contour = moved().contour
    environment = opened("private")
    assert not contour.passphrase.exists()
    with pytest.raises(EnvProblem, match="the settings name no key service") as refused:
        environment.passphrase.text()
    assert "put `state.sealed_by` back" in refused.value.hint
    assert "name no key service" in run("seal").stderr


def test_nothing_sealed_and_nothing_in_the_clear_is_not_made_up(moved: Again) -> None:
    moved().contour.sealed.unlink()
    with pytest.raises(EnvProblem, match="has no sealed passphrase"):
        moved().passphrase.text()
    assert not moved().contour.passphrase.exists()


def test_check_tells_how_it_rests_and_the_bundle_for_support_holds_neither(
    moved: Again, key_service: FakeTransit, tmp_path: Path
) -> None:
    told = {one["name"]: one for one in json.loads(run("check", "--json").stdout)["checks"]}
    assert told["passphrase"]["ok"]
    key_service.fault = "gone"
    told = {one["name"]: one for one in json.loads(run("check", "--json").stdout)["checks"]}
    assert not told["passphrase"]["ok"]
    key_service.fault = ""
    assert run("doctor", "--out", str(tmp_path / "bundle.tar.gz")).exit_code == 0
    with tarfile.open(tmp_path / "bundle.tar.gz") as archive:
        unpacked = "".join(one.read().decode() for name in archive.getnames() if (one := archive.extractfile(name)))
    assert "sealed_by" in unpacked
    for canary in (moved().passphrase.text(), moved().contour.sealed.read_text().strip(), ROLE, SECRET):
        assert canary not in unpacked
