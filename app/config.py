"""Settings of the public contour, read once from the environment (`LARETS_APP_…`, and `LARETS_ENV`).

Nothing has a default that weakens: an unknown environment, a missing path or an `http` origin outside `dev` and
`test` stops the process with a message that names the setting.
"""

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict

Environment = Literal["dev", "test", "staging", "production"]


class AppSettings(BaseSettings):
    """See the field descriptions; a checkpoint's public key may be given as text or as the path of a file.

    A setting may also be a file of its name (`larets_app_database_url`) in the folder that `LARETS_SECRETS_DIR` names.
    """

    model_config = SettingsConfigDict(env_prefix="LARETS_APP_", extra="forbid", frozen=True, populate_by_name=True)

    environment: Environment = Field(validation_alias="LARETS_ENV")
    database_url: str = Field(description="libpq address of the runtime role", repr=False)

    browser_bind: str = "127.0.0.1:8100"
    intake_bind: str = "127.0.0.1:8101"
    crm_origin: str
    vault_origin: str
    console_origin: str

    browser_cert: Path | None = Field(None, description="with its key, TLS between the edge and the browser listener")
    browser_key: Path | None = None
    intake_cert: Path
    intake_key: Path
    private_ca: Path = Field(description="authority of the private contour: the only peers of the intake listener")
    outbox_name: str = Field("outbox", description="common name of the private outbox's certificate")

    vault_service_url: str = Field(description="where the vault's service listener is reached")
    public_ca: Path
    client_cert: Path
    client_key: Path
    oidc_client_id: str = "crm"
    cookie_secret_file: Path

    witness_key_file: Path
    checkpoint_public_key: str
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
    def relaxed_transport(self) -> bool:
        """Plain HTTP towards the browser is allowed on the loopback address only, in these environments."""
        return self.environment in {"dev", "test"}

    @model_validator(mode="after")
    def _origins_are_safe(self) -> Self:
        for name in ("crm_origin", "vault_origin", "console_origin"):
            origin: str = getattr(self, name)
            scheme, _, rest = origin.partition("://")
            if not rest or "/" in rest:
                message = f"{name} must be an origin such as https://crm.example.ru, without a path"
                raise ValueError(message)
            if scheme != "https" and not (scheme == "http" and self.relaxed_transport):
                message = f"{name} must be https in the environment {self.environment}"
                raise ValueError(message)
        if not self.vault_service_url.startswith("https://"):
            message = "vault_service_url must be https: the contours speak over mutual TLS only"
            raise ValueError(message)
        return self


def database_address(url: str) -> str:
    """The libpq address as SQLAlchemy's address of the psycopg driver."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1)
