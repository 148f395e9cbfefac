"""Settings fail closed."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.config import AppSettings, database_address

GOOD: dict[str, Any] = {
    "environment": "production",
    "database_url": "postgresql://larets_app:secret@127.0.0.1/app",
    "crm_origin": "https://crm.example.ru",
    "vault_origin": "https://vault.example.ru",
    "console_origin": "https://console.example.ru",
    "intake_cert": Path("a"),
    "intake_key": Path("a"),
    "private_ca": Path("a"),
    "vault_service_url": "https://vault.example.ru:8201",
    "public_ca": Path("a"),
    "client_cert": Path("a"),
    "client_key": Path("a"),
    "cookie_secret_file": Path("a"),
    "witness_key_file": Path("a"),
    "checkpoint_public_key": "a",
}


def test_good_settings_are_taken_and_hide_the_database_password() -> None:
    assert ":secret@" not in repr(AppSettings(**GOOD))


@pytest.mark.parametrize("missing", GOOD)
def test_nothing_has_a_silent_default(missing: str) -> None:
    with pytest.raises(ValidationError):
        AppSettings(**{name: value for name, value in GOOD.items() if name != missing})


@pytest.mark.parametrize(
    "change",
    [
        {"environment": "prod"},
        {"crm_origin": "http://crm.example.ru"},
        {"vault_origin": "http://vault.example.ru"},
        {"crm_origin": "https://crm.example.ru/"},
        {"crm_origin": "crm.example.ru"},
        {"vault_service_url": "http://vault.example.ru:8201"},
        {"log_level": "TRACE"},
        {"unknown": "1"},
    ],
)
def test_weak_or_unknown_settings_are_refused(change: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        AppSettings(**GOOD | change)


def test_plain_http_is_for_dev_and_test() -> None:
    for environment in ("dev", "test"):
        origin = "http://crm.larets.localhost:8100"
        assert AppSettings(**GOOD | {"environment": environment, "crm_origin": origin}).crm_origin == origin


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        key = "LARETS_ENV" if name == "environment" else f"LARETS_APP_{name.upper()}"
        monkeypatch.setenv(key, str(value))
    assert AppSettings().environment == "production"


def test_the_database_address_names_the_driver() -> None:
    assert database_address("postgresql://u@h/postgresql") == "postgresql+psycopg://u@h/postgresql"


def test_what_is_secret_may_be_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "larets_app_database_url").write_text("postgresql://u:from-file@db/app")
    monkeypatch.setenv("LARETS_SECRETS_DIR", str(tmp_path))
    rest = {name: value for name, value in GOOD.items() if name != "database_url"}
    assert "from-file" in AppSettings(**rest).database_url
