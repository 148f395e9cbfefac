"""A vault that is no instance of this checkout: described by the environment of its own processes."""

import os
from dataclasses import dataclass
from pathlib import Path

from pii_vault.assemble import open_keys
from pii_vault.audit.note import log_key
from pii_vault.config import SettingsProblem, VaultSettings, load_settings
from pii_vault.worker import audit_origin, witness_vkey
from scripts.local.instance import load
from scripts.voice import fail

ENVIRONMENT = ("LARETS_VAULT_DATABASE_URL", "LARETS_SECRETS_DIR")


@dataclass(frozen=True, slots=True)
class Target:
    """The vault a command works on. `vault_database_url` is the owner's where a command changes what others may not."""

    settings: VaultSettings
    vault_database_url: str
    log_vkey: str
    witness_vkey: str

    def vault_settings(self) -> VaultSettings:
        return self.settings


def target(owner_url_file: Path | None = None) -> Target:
    """The vault of the environment where one is described there, else the local instance."""
    if not any(name in os.environ for name in ENVIRONMENT):
        instance = load()
        settings = instance.vault_settings()
        return Target(settings, instance.vault_database_url, instance.log_vkey, instance.witness_vkey)
    try:
        settings = load_settings()
        url = settings.database_url if owner_url_file is None else owner_url_file.read_text("utf-8").strip()
        public_key = open_keys(settings).checkpoint_public_key()
        return Target(settings, url, str(log_key(audit_origin(settings), public_key)), witness_vkey(settings))
    except SettingsProblem as error:
        fail(str(error), hint="give the command the environment of the vault's own processes")
    except OSError as error:
        fail(f"{Path(str(error.filename)).name} cannot be read: {error.strerror}")
