"""Which vault a command works on: the one that its environment describes, else the local instance.

Inside a deployed contour the environment is the one of the vault's own processes. `LARETS_OWNER_URL_FILE` names the
file with the database address of the owner's role, for commands that change what the runtime role may only read.
"""

import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, cast

from pii_vault.assemble import open_keys
from pii_vault.audit.note import log_key
from pii_vault.config import SettingsProblem, VaultSettings, load_settings
from pii_vault.worker import audit_origin, witness_vkey
from scripts.voice import fail

ENVIRONMENT: Final = ("LARETS_VAULT_DATABASE_URL", "LARETS_SECRETS_DIR")
OWNER: Final = "LARETS_OWNER_URL_FILE"
LOCAL: Final = "scripts.local.instance"


class Place(Protocol):
    """A vault that a command works on. `vault_database_url` is the owner's address where there is one."""

    @property
    def vault_database_url(self) -> str: ...

    @property
    def log_vkey(self) -> str: ...

    @property
    def witness_vkey(self) -> str: ...

    def vault_settings(self) -> VaultSettings: ...


@dataclass(frozen=True, slots=True)
class Target:
    """A vault by the environment of its own processes."""

    settings: VaultSettings
    vault_database_url: str

    @property
    def log_vkey(self) -> str:
        """Asks the key service. Raises VaultError."""
        return str(log_key(audit_origin(self.settings), open_keys(self.settings).checkpoint_public_key()))

    @property
    def witness_vkey(self) -> str:
        return witness_vkey(self.settings)

    def vault_settings(self) -> VaultSettings:
        return self.settings


def described() -> bool:
    """Whether the environment names a vault."""
    return any(name in os.environ for name in ENVIRONMENT)


def here(owner_url_file: Path | None = None) -> Place:
    """The vault to work on; ends the command where there is none."""
    if not described():
        return _local()
    named = os.environ.get(OWNER)
    owner = owner_url_file or (Path(named) if named else None)
    try:
        settings = load_settings()
        return Target(settings, settings.database_url if owner is None else owner.read_text("utf-8").strip())
    except SettingsProblem as error:
        fail(str(error), hint="give the command the environment of the vault's own processes")
    except OSError as error:
        fail(f"{Path(str(error.filename)).name} cannot be read: {error.strerror}")


def _local() -> Place:
    """An image holds no local instance, so its module is looked for only here."""
    try:
        instance = importlib.import_module(LOCAL)
    except ModuleNotFoundError:
        fail("no vault is described here", hint="`larets env exec` runs a command beside a deployed vault")
    return cast("Place", instance.load())
