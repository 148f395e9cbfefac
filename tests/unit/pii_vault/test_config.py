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
