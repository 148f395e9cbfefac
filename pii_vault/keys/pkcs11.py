"""The keyring's root sealed by a key that never leaves a PKCS#11 token: an HSM, a smart card, SoftHSM2 for tests.

The token is asked once at each start, and once at each trim: then a new token key seals the root and the old one is
destroyed inside the token, so that every older copy of the keyring file is dead, wherever it lies (ADR 0013).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pii_vault.core.primitives import KEY_BYTES, NONCE_BYTES, TAG_BYTES
from pii_vault.errors import BrokenKeyring, KeyServiceError, KeyServiceUnavailable, WrongPassphrase
from pii_vault.keys.keyring_file import Kdf, TokenKey, decode, encode

if TYPE_CHECKING:
    import pkcs11

_BOUND: Final = b"larets-keyring/2\0root"
_SUFFIX_BYTES: Final = 6


class TokenSeal:
    """RootSeal by AES-256-GCM inside the token."""

    renews = True

    def __init__(self, module: Path, *, token: str, key: str, pin: str) -> None:
        """`token` is its label; `key` begins the labels of the keys that this keyring makes in it."""
        self._module = module
        self._token = token
        self._key = key
        self._pin = pin

    def seal(self, root: bytes) -> tuple[TokenKey, str]:
        """Each time under a new key, which can neither be read out nor changed."""
        import pkcs11  # noqa: PLC0415  where no token is used its library need not load

        label = f"{self._key}-{os.urandom(_SUFFIX_BYTES).hex()}"
        nonce = os.urandom(NONCE_BYTES)
        with self._session() as session:
            key = session.generate_key(
                pkcs11.KeyType.AES,
                KEY_BYTES * 8,
                label=label,
                store=True,
                template={
                    pkcs11.Attribute.SENSITIVE: True,
                    pkcs11.Attribute.EXTRACTABLE: False,
                    pkcs11.Attribute.MODIFIABLE: False,
                },
            )
            _require_kept(key)
            sealed = key.encrypt(root, mechanism=pkcs11.Mechanism.AES_GCM, mechanism_param=_parameters(nonce))
        return TokenKey(key=label), encode(nonce + sealed)

    def open(self, header: Kdf | TokenKey, sealed: str) -> bytes:
        import pkcs11  # noqa: PLC0415  the same

        if not isinstance(header, TokenKey):
            raise WrongPassphrase("this keyring's root is sealed by a passphrase; unset LARETS_VAULT_PKCS11_MODULE")
        blob = decode(sealed)
        if len(blob) != NONCE_BYTES + KEY_BYTES + TAG_BYTES:
            raise BrokenKeyring("the keyring's root has a wrong length; restore the file")
        with self._session() as session:
            key = _find(session, header.key)
            _require_kept(key)
            try:
                return bytes(
                    key.decrypt(
                        blob[NONCE_BYTES:],
                        mechanism=pkcs11.Mechanism.AES_GCM,
                        mechanism_param=_parameters(blob[:NONCE_BYTES]),
                    )
                )
            except pkcs11.PKCS11Error as error:  # tokens name a failed authentication differently
                kind = type(error).__name__
                raise BrokenKeyring(f"the token does not open the keyring's root ({kind}); restore the file") from None

    def retire(self, header: Kdf | TokenKey) -> None:
        """Destroys the token's key that sealed the root before: what it sealed is lost for good. One that is gone
        already is no error: two processes may go on with one trim.
        """
        if isinstance(header, TokenKey):
            with self._session() as session, suppress(BrokenKeyring):
                _find(session, header.key).destroy()

    @contextmanager
    def _session(self) -> "Iterator[Any]":
        import pkcs11  # noqa: PLC0415  the same
        from pkcs11 import exceptions  # noqa: PLC0415  the same

        try:
            token = pkcs11.lib(str(self._module)).get_token(token_label=self._token)
            with token.open(user_pin=self._pin, rw=True) as session:
                yield session
        except (exceptions.PinIncorrect, exceptions.PinInvalid, exceptions.PinLenRange):
            raise WrongPassphrase("the token does not accept the PIN; every further try may lock it") from None
        except exceptions.PinLocked:
            raise WrongPassphrase("the token's PIN is locked; unlock it with the security officer's") from None
        except pkcs11.NoSuchToken:
            raise KeyServiceUnavailable(f"no token labelled {self._token} is in any slot; insert it") from None
        except (exceptions.PKCS11Error, RuntimeError, OSError) as error:
            raise KeyServiceUnavailable(f"the token cannot be used: {type(error).__name__}") from None


def _parameters(nonce: bytes) -> "pkcs11.GCMParams":
    import pkcs11  # noqa: PLC0415  the same

    return pkcs11.GCMParams(nonce, _BOUND, TAG_BYTES * 8)


def _find(session: Any, label: str) -> Any:
    import pkcs11  # noqa: PLC0415  the same

    try:
        return session.get_key(object_class=pkcs11.ObjectClass.SECRET_KEY, label=label)
    except pkcs11.NoSuchKey:
        raise BrokenKeyring(
            "the token holds no key for this keyring: it was trimmed since this copy was made, or it is another token"
        ) from None


def _require_kept(key: Any) -> None:
    """A root under a key that can be copied is not in an HSM at all."""
    import pkcs11  # noqa: PLC0415  the same

    if key[pkcs11.Attribute.EXTRACTABLE] or not key[pkcs11.Attribute.SENSITIVE]:
        raise KeyServiceError("the token's key can be read out of it; use a token that keeps its keys")
