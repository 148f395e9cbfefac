"""Settings of the vault. The only place of this package that reads the environment.

An unknown environment, a missing key or a weakening that was not asked for stops the process here.
"""

import os
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AliasChoices, Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from pii_vault.files.choose import FileSettings
from pii_vault.keys.settings import KeySettings

Environment = Literal["dev", "test", "staging", "production"]
LOCAL: tuple[Environment, ...] = ("dev", "test")


class VaultSettings(KeySettings, FileSettings):
    """`LARETS_ENV` and `LARETS_VAULT_*`. Nothing secret has a default, and neither has the environment.

    A setting may also be a file of its name (`larets_vault_database_url`) in the folder `LARETS_SECRETS_DIR` names:
    what is secret then stands in no environment.
    """

    model_config = SettingsConfigDict(env_prefix="LARETS_VAULT_", extra="ignore", frozen=True)

    environment: Environment = Field(validation_alias=AliasChoices("LARETS_ENV", "environment"))
    database_url: str = Field(repr=False)
    # Hot standbys that may answer reads, by spaces (a comma stands within an address of several hosts).
    replica_urls: Annotated[tuple[str, ...], NoDecode] = Field(default=(), repr=False)
    replica_wait_ms: int = Field(default=20, ge=0, le=1000)  # for a standby to catch up, before the primary is asked
    browser_bind: str = "127.0.0.1:8200"
    service_bind: str = "127.0.0.1:8201"
    vault_origin: str
    console_origin: str
    hooks_origin: str
    crm_origin: str
    browser_cert: Path | None = None  # with its key, TLS between the edge and the browser listener
    browser_key: Path | None = None
    service_cert: Path
    service_key: Path
    private_ca: Path
    public_ca: Path
    # Networks of the edge before the browser listener, by commas: only their last X-Forwarded-For hop is believed.
    trusted_edge: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    # Networks inside that the relay may call, such as that of the mail server; all other private addresses are refused.
    relay_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    workers: int = Field(default=1, ge=1, le=64)
    policies_dir: Path = Path("policies")
    app_intake_url: str
    outbound_cert: Path
    outbound_key: Path
    witness_public_key: str = ""
    checkpoint_seconds: float = Field(default=2.0, gt=0, le=300)
    erasure_journal: Path | None = None  # outside the database and its backups; by default beside the keyring
    erasure_replay: Literal["manual", "automatic"] = "manual"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del dotenv_settings, file_secret_settings
        folder = os.environ.get("LARETS_SECRETS_DIR")
        files = (SecretsSettingsSource(settings_cls, folder),) if folder else ()
        return (init_settings, env_settings, *files)

    @property
    def is_local(self) -> bool:
        """A developer's machine or a test: plain HTTP on loopback and the local keyring are allowed."""
        return self.environment in LOCAL

    @property
    def erasure_journal_path(self) -> Path:
        return self.erasure_journal or self.keyring_path.with_name("erasures.journal")

    @property
    def origins(self) -> dict[str, str]:
        """The browser-facing origins this process serves, by part."""
        return {"vault": self.vault_origin, "console": self.console_origin, "hooks": self.hooks_origin}

    @field_validator("replica_urls", mode="before")
    @classmethod
    def _read_urls(cls, value: object) -> object:
        return value.split() if isinstance(value, str) else value

    @field_validator("replica_urls")
    @classmethod
    def _refuse_strange_urls(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(url.startswith(("postgresql://", "postgres://")) for url in value):
            message = "give addresses like postgresql://role:password@host/database, by spaces"
            raise ValueError(message)
        return value

    @field_validator("trusted_edge", "relay_networks", mode="before")
    @classmethod
    def _read_networks(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("trusted_edge", "relay_networks")
    @classmethod
    def _refuse_everybody(cls, value: tuple[IPv4Network | IPv6Network, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
        if any(network.prefixlen == 0 for network in value):
            message = "a network of all addresses would mean everybody: name those that are meant"
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _refuse_weak_settings(self) -> Self:
        lacking = self.lacking_keys()
        if self.key_service == "transit" and self.erasure_journal is None:
            lacking.append("erasure_journal")  # there is no keyring beside which it could lie
        if lacking:
            message = f"{', '.join(lacking)} must be set for the key service {self.key_service}"
            raise ValueError(message)
        if lacking_files := self.lacking_files():
            message = f"{', '.join(lacking_files)} must be set for files={self.files}"
            raise ValueError(message)
        if self.is_local:
            return self
        plain = [
            name for name in ("vault_origin", "console_origin", "hooks_origin", "crm_origin", "app_intake_url")
            if not getattr(self, name).startswith("https://")
        ]  # fmt: skip
        if plain:
            message = f"{', '.join(plain)} must be https:// in {self.environment}"
            raise ValueError(message)
        weak = self.weak_keys()
        if weak:
            message = f"{weak[0]} ({self.environment})"
            raise ValueError(message)
        return self


class SettingsProblem(Exception):
    """The settings cannot be used; the message names each one that is wrong, never its value."""


def load_settings() -> VaultSettings:
    """Read the environment.

    Raises:
        SettingsProblem: a setting is missing, unknown or too weak for the environment.
    """
    try:
        return VaultSettings()  # the fields come from the environment
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, item['loc'])) or 'settings'}: {item['msg']}" for item in error.errors()]
        raise SettingsProblem("; ".join(lines)) from None
