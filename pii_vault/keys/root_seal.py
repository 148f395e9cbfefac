"""What opens a keyring's root key: a passphrase, or a key inside a PKCS#11 token (pkcs11.py)."""

import os
import stat
from pathlib import Path
from typing import Protocol

from pii_vault.core.primitives import AesGcmCipher, key_from_passphrase
from pii_vault.errors import BrokenKeyring, WrongPassphrase
from pii_vault.keys.keyring_file import Kdf, TokenKey, decode, encode, open_key, seal_key

SALT_BYTES = 16
MIN_PASSPHRASE_CHARS = 12
DEFAULT_WORK_FACTOR = 16  # scrypt with N = 2^16, r = 8: 64 MiB and some 0.2 s, once per process
OTHERS_MAY_READ = 0o077
STRANGERS_MAY_READ = 0o037


class RootSeal(Protocol):
    """Both directions name the header of the file, so that a root sealed one way is never opened another."""

    @property
    def renews(self) -> bool:
        """Whether each seal is under a key of its own that can be destroyed: then a trim seals anew."""

    def seal(self, root: bytes) -> tuple[Kdf | TokenKey, str]:
        """The header that says how, and the sealed root. Raises WrongPassphrase or KeyServiceUnavailable."""

    def open(self, header: Kdf | TokenKey, sealed: str) -> bytes:
        """The root. Raises WrongPassphrase, BrokenKeyring or KeyServiceUnavailable."""

    def retire(self, header: Kdf | TokenKey) -> None:
        """Destroys what sealed the root under this header, where that can be destroyed."""


class PassphraseSeal:
    renews = False

    def __init__(self, passphrase: str, *, work_factor: int = DEFAULT_WORK_FACTOR) -> None:
        self._passphrase = passphrase.encode()
        self._work_factor = work_factor

    def seal(self, root: bytes) -> tuple[Kdf, str]:
        """Raises WrongPassphrase when the passphrase is too short to protect anything."""
        if len(self._passphrase.decode()) < MIN_PASSPHRASE_CHARS:
            raise WrongPassphrase(f"a passphrase has at least {MIN_PASSPHRASE_CHARS} characters; take a longer one")
        salt = os.urandom(SALT_BYTES)
        kdf = Kdf(work_factor=self._work_factor, salt=encode(salt))
        return kdf, seal_key(self._cipher(kdf), root, place="root")

    def open(self, header: Kdf | TokenKey, sealed: str) -> bytes:
        if not isinstance(header, Kdf):
            raise WrongPassphrase("this keyring's root is sealed by a PKCS#11 token; set LARETS_VAULT_PKCS11_MODULE")
        try:
            return open_key(self._cipher(header), sealed, place="root")
        except BrokenKeyring:
            raise WrongPassphrase from None

    def retire(self, header: Kdf | TokenKey) -> None:
        """A passphrase cannot be destroyed: who knows it opens every copy of the file."""

    def _cipher(self, kdf: Kdf) -> AesGcmCipher:
        salt = decode(kdf.salt)
        return AesGcmCipher(key_from_passphrase(self._passphrase, salt=salt, work_factor=kdf.work_factor))


def read_secret_file(path: Path, *, projected: bool = False) -> str:
    """A passphrase, PIN or secret id. Raises WrongPassphrase when it is absent, empty, or others may read it.

    `projected`: a pod's own token, which Kubernetes writes with a mode of its choosing.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            # A secret that Kubernetes mounts belongs to root and is read through the pod's own group.
            refused = OTHERS_MAY_READ if status.st_uid == os.geteuid() else STRANGERS_MAY_READ
            if stat.S_IMODE(status.st_mode) & refused and not projected:
                raise WrongPassphrase(f"others may read the secret file {path.name}; run: chmod 600 {path.name}")
            text = file.read().decode().strip()
    except OSError as error:
        raise WrongPassphrase(f"cannot read the secret file {path.name}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise WrongPassphrase(f"the secret file {path.name} is not text") from None
    if not text:
        raise WrongPassphrase(f"the secret file {path.name} is empty")
    return text
