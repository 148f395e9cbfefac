"""Settings: nothing secret by default, nothing weak outside dev, no value in a complaint."""

from pathlib import Path

import pytest

from pii_vault.config import SettingsProblem, VaultSettings, load_settings

PASSWORD = "hunter-canary"
COMPLETE = {
    "database_url": f"postgresql://u:{PASSWORD}@db/vault",
    "vault_origin": "https://vault.example",
    "console_origin": "https://console.example",
    "hooks_origin": "https://hooks.example",
    "crm_origin": "https://crm.example",
    "app_intake_url": "https://app.example",
    "service_cert": "a",
    "service_key": "a",
    "private_ca": "a",
    "public_ca": "a",
    "keyring_path": "a",
    "keyring_passphrase_file": "a",
    "outbound_cert": "a",
    "outbound_key": "a",
    "local_keyring": "accepted",
}


def load(monkeypatch: pytest.MonkeyPatch, environment: str | None, **changes: str | None) -> VaultSettings:
    if environment is not None:
        monkeypatch.setenv("LARETS_ENV", environment)
    for name, value in (COMPLETE | changes).items():
        if value is not None:
            monkeypatch.setenv(f"LARETS_VAULT_{name.upper()}", value)
    return load_settings()


def test_complete_settings_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, "production")
    assert settings.origins["hooks"] == "https://hooks.example"
    assert PASSWORD not in repr(settings)


def test_replicas_are_named_by_spaces_and_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    urls = (f"postgresql://u:{PASSWORD}@one,two/vault", f"postgresql://u:{PASSWORD}@three/vault")
    settings = load(monkeypatch, "production", replica_urls=f" {urls[0]}\n{urls[1]} ")
    assert settings.replica_urls == urls
    assert PASSWORD not in repr(settings)
    assert load(monkeypatch, "production", replica_urls="").replica_urls == ()
    with pytest.raises(SettingsProblem, match="replica_urls") as caught:
        load(monkeypatch, "production", replica_urls=f"{urls[0]}, {PASSWORD}")
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("environment", [None, "", "prod", "Production"])
def test_an_unknown_environment_is_refused(monkeypatch: pytest.MonkeyPatch, environment: str | None) -> None:
    with pytest.raises(SettingsProblem, match="LARETS_ENV"):
        load(monkeypatch, environment)


@pytest.mark.parametrize("name", ["database_url", "keyring_path", "service_key", "crm_origin"])
def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with pytest.raises(SettingsProblem, match=name):
        load(monkeypatch, "production", **{name: None})


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_plain_http_and_the_local_keyring_are_for_dev_only(monkeypatch: pytest.MonkeyPatch, environment: str) -> None:
    weak = {"vault_origin": "http://vault.example"}
    with pytest.raises(SettingsProblem, match="vault_origin must be https"):
        load(monkeypatch, environment, **weak)
    with pytest.raises(SettingsProblem, match="LARETS_VAULT_LOCAL_KEYRING=accepted"):
        load(monkeypatch, environment, vault_origin="https://vault.example", local_keyring="refused")


def test_dev_takes_both(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, "dev", vault_origin="http://v", local_keyring=None).is_local


def test_a_complaint_repeats_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsProblem) as caught:
        load(monkeypatch, "production", workers=PASSWORD, crm_origin=None)
    assert PASSWORD not in f"{caught.value}{caught.value.__cause__!r}"


def test_what_is_secret_may_be_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "larets_vault_database_url").write_text("postgresql://u:from-file@db/vault")
    monkeypatch.setenv("LARETS_SECRETS_DIR", str(tmp_path))
    assert "from-file" in load(monkeypatch, "production", database_url=None).database_url


def test_a_folder_without_the_file_leaves_the_setting_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LARETS_SECRETS_DIR", str(tmp_path))
    with pytest.raises(SettingsProblem, match="database_url"):
        load(monkeypatch, "production", database_url=None)


TRANSIT = {
    "key_service": "transit",
    "transit_url": "https://keys.example:8200",
    "transit_role": "a",
    "transit_secret_file": "a",
    "erasure_journal": "a",
    "keyring_path": None,
    "keyring_passphrase_file": None,
    "local_keyring": None,
}
TOKEN = {
    "pkcs11_module": "/usr/lib/token.so",
    "pkcs11_token": "larets",
    "pkcs11_pin_file": "a",
    "keyring_passphrase_file": None,
    "local_keyring": None,
}


@pytest.mark.parametrize(
    "keys", [TRANSIT, TOKEN, {**TRANSIT, "transit_auth": "kubernetes", "transit_secret_file": None}]
)
def test_production_takes_a_key_service_or_a_token(
    monkeypatch: pytest.MonkeyPatch, keys: dict[str, str | None]
) -> None:
    assert not load(monkeypatch, "production", **keys).is_local


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({**TRANSIT, "transit_url": None}, "transit_url"),
        ({**TRANSIT, "transit_role": None}, "transit_role"),
        ({**TRANSIT, "erasure_journal": None}, "erasure_journal"),
        ({**TRANSIT, "transit_secret_file": None}, "transit_secret_file"),
        ({**TRANSIT, "transit_url": "http://keys.example"}, "transit_url must be https"),
        ({**TRANSIT, "transit_fingerprint": "not hex"}, "transit_fingerprint"),
        ({**TRANSIT, "transit_mount": "../sys"}, "transit_mount"),
        ({**TOKEN, "pkcs11_pin_file": None}, "pkcs11_pin_file"),
        ({**TOKEN, "pkcs11_token": None}, "pkcs11_token"),
        ({"key_service": "other"}, "key_service"),
        ({"dek_seconds": "600.1"}, "dek_seconds"),
        ({"dek_seconds": "0"}, "dek_seconds"),
    ],
)
def test_a_key_service_by_halves_is_refused(
    monkeypatch: pytest.MonkeyPatch, keys: dict[str, str | None], named: str
) -> None:
    with pytest.raises(SettingsProblem, match=named):
        load(monkeypatch, "production", **keys)
