"""Opens the key service that the settings name."""

from pii_vault.keys.local import LocalKeyring
from pii_vault.keys.pkcs11 import TokenSeal
from pii_vault.keys.root_seal import PassphraseSeal, RootSeal, read_secret_file
from pii_vault.keys.service import KeyService
from pii_vault.keys.settings import KeySettings
from pii_vault.keys.transit import TransitKeys
from pii_vault.keys.transit_session import POD_TOKEN, TransitOptions


def open_key_service(settings: KeySettings) -> KeyService:
    """Blocks while it opens; before a process forks or serves.

    Raises:
        BrokenKeyring, WrongPassphrase: the local keyring, or a secret file, cannot be opened.
        KeyServiceUnavailable, KeyServiceError: the engine or the token is away, or refuses the vault.
    """
    if settings.key_service == "transit":
        return TransitKeys(transit_options(settings))
    return LocalKeyring(settings.keyring_path, root_seal(settings))


def root_seal(settings: KeySettings) -> RootSeal:
    """How the local keyring's root is sealed. Raises WrongPassphrase."""
    if settings.pkcs11_module is None or settings.pkcs11_pin_file is None:
        return PassphraseSeal(read_secret_file(settings.keyring_passphrase_file))
    pin = read_secret_file(settings.pkcs11_pin_file)
    return TokenSeal(settings.pkcs11_module, token=settings.pkcs11_token, key=settings.pkcs11_key, pin=pin)


def transit_options(settings: KeySettings) -> TransitOptions:
    return TransitOptions(
        url=settings.transit_url,
        mount=settings.transit_mount,
        namespace=settings.transit_namespace,
        ca=settings.transit_ca,
        fingerprint=settings.transit_fingerprint,
        auth=settings.transit_auth,
        auth_mount=settings.transit_auth_mount,
        role=settings.transit_role,
        secret_file=settings.transit_secret_file or POD_TOKEN,
    )
