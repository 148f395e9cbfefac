"""Which key service, and how to reach it. A part of VaultSettings, which alone reads the environment."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings

from pii_vault.keys.cache import DEK_SECONDS

NOWHERE = Path()
_NOT_MEANT = (
    "is not meant for it: use a key service or a PKCS#11 token, "
    "or accept the risk with LARETS_VAULT_LOCAL_KEYRING=accepted"
)


class KeySettings(BaseSettings):
    """`LARETS_VAULT_…`: a keyring file sealed by a passphrase or by a PKCS#11 token, or a transit engine."""

    key_service: Literal["local", "transit"] = "local"
    # How long an unwrapped key serves without the key service. May be shortened, never made longer.
    dek_seconds: float = Field(default=DEK_SECONDS, gt=0, le=DEK_SECONDS)

    keyring_path: Path = NOWHERE
    keyring_passphrase_file: Path = NOWHERE
    local_keyring: Literal["refused", "accepted"] = "refused"
    pkcs11_module: Path | None = None  # the token's library; with it the token seals the keyring, and no passphrase
    pkcs11_token: str = ""
    pkcs11_key: str = "larets-root"
    pkcs11_pin_file: Path | None = None

    transit_url: str = ""
    transit_mount: str = Field(default="larets", pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$")
    transit_namespace: str = ""
    transit_ca: Path | None = None
    transit_fingerprint: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")  # SHA-256 of its certificate
    transit_auth: Literal["approle", "kubernetes"] = "approle"
    transit_auth_mount: str = ""
    transit_role: str = ""  # AppRole's role id, or the name of the role for pods
    transit_secret_file: Path | None = None  # AppRole's secret id; a pod's own token is found without it

    def weak_keys(self) -> list[str]:
        """What may not be outside a developer's machine, one sentence each."""
        if self.key_service == "transit":
            plain = not self.transit_url.startswith("https://")
            return ["transit_url must be https://"] if plain else []
        if self.pkcs11_module is None and self.local_keyring != "accepted":
            return [f"the local keyring {_NOT_MEANT}"]
        return []

    def lacking_keys(self) -> list[str]:
        """Settings without which the chosen key service cannot be reached, by name."""
        if self.key_service == "transit":
            needed = {"transit_url": self.transit_url, "transit_role": self.transit_role}
            if self.transit_auth == "approle":
                needed["transit_secret_file"] = str(self.transit_secret_file or "")
        else:
            needed = {"keyring_path": _given(self.keyring_path)}
            if self.pkcs11_module is None:
                needed["keyring_passphrase_file"] = _given(self.keyring_passphrase_file)
            else:
                needed |= {"pkcs11_token": self.pkcs11_token, "pkcs11_pin_file": str(self.pkcs11_pin_file or "")}
        return [name for name, value in needed.items() if not value]


def _given(path: Path) -> str:
    return "" if path == NOWHERE else str(path)
