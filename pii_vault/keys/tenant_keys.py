"""The opened keys of one tenant, held by key services that live in this process."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pii_vault.core.primitives import (
    KEY_BYTES,
    NONCE_BYTES,
    TAG_BYTES,
    AesGcmCipher,
    AuthenticationFailed,
    derive_key,
)
from pii_vault.errors import KeyStepRefused, UnknownTenantKey, UnwrapFailed
from pii_vault.keys.service import WrappedKey
from pii_vault.keys.versions import FIRST, Kind, Versions

WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES
_LABEL_DEK = b"larets/dek/1\0"
LABEL_INDEX = b"larets/index/1\0"


@dataclass(frozen=True, slots=True)
class TenantKeys:
    """KEKs and index roots by version. A wrapped DEK is nonce ‖ ciphertext ‖ tag, 60 bytes.

    Wrapping is bound to the tenant and to the caller's context, so a wrapped key moved to another subject's
    row does not open. Index keys of classes are derived from the tenant's own random index root: knowing one
    tenant's says nothing of another's.
    """

    tenant: str
    keks: Mapping[int, AesGcmCipher]
    index_roots: Mapping[int, bytes] = field(repr=False)
    minimums: Mapping[Kind, int] = field(default_factory=dict)

    def versions(self, kind: Kind) -> Versions:
        held = self.keks if kind == "kek" else self.index_roots
        return Versions(min(held), self.minimums.get(kind, FIRST), max(held))

    def generate(self, contexts: Sequence[bytes]) -> list[tuple[bytes, WrappedKey]]:
        """One new DEK per context under the newest KEK. The randomness of a batch is drawn at once."""
        version = max(self.keks)
        encrypt = self.keks[version].encrypt
        bound = _LABEL_DEK + self.tenant.encode() + b"\0"
        noise = os.urandom((KEY_BYTES + NONCE_BYTES) * len(contexts))
        made = []
        at = 0
        for context in contexts:
            dek = noise[at : at + KEY_BYTES]
            nonce = noise[at + KEY_BYTES : at + KEY_BYTES + NONCE_BYTES]
            at += KEY_BYTES + NONCE_BYTES
            made.append((dek, WrappedKey(version, nonce + encrypt(nonce, dek, bound + context))))
        return made

    def unwrap(self, wrapped: Sequence[tuple[bytes, WrappedKey]]) -> list[bytes]:
        bound = _LABEL_DEK + self.tenant.encode() + b"\0"
        minimum = self.minimums.get("kek", FIRST)
        opened = []
        for context, (version, blob) in wrapped:
            kek = self.keks.get(version) if version >= minimum else None
            if kek is None:
                raise UnknownTenantKey(f"the key service holds no KEK version {version} of this tenant")
            if len(blob) != WRAPPED_BYTES:
                raise UnwrapFailed(f"a key wrapped under KEK version {version} has a wrong length")
            try:
                opened.append(kek.decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], bound + context))
            except AuthenticationFailed:
                raise UnwrapFailed(f"failed to unwrap a key under KEK version {version}") from None
        return opened

    def rewrap(self, wrapped: Sequence[tuple[bytes, WrappedKey]]) -> list[WrappedKey]:
        version = max(self.keks)
        encrypt = self.keks[version].encrypt
        bound = _LABEL_DEK + self.tenant.encode() + b"\0"
        noise = os.urandom(NONCE_BYTES * len(wrapped))
        made = []
        for at, (context, dek) in enumerate(zip((each[0] for each in wrapped), self.unwrap(wrapped), strict=True)):
            nonce = noise[at * NONCE_BYTES : (at + 1) * NONCE_BYTES]
            made.append(WrappedKey(version, nonce + encrypt(nonce, dek, bound + context)))
        return made

    def check_minimum(self, kind: Kind, version: int) -> None:
        """Raises KeyStepRefused unless this may become the minimum."""
        held = self.versions(kind)
        if not held.minimum <= version <= held.current:
            raise KeyStepRefused(
                f"the minimum {kind} version may be set between {held.minimum} and {held.current}, not to {version}"
            )

    def index_key(self, class_id: str, version: int) -> bytes:
        root = self.index_roots.get(version) if version >= self.minimums.get("index", FIRST) else None
        if root is None:
            raise UnknownTenantKey(f"the key service holds no index key version {version} of this tenant")
        return derive_key(root, LABEL_INDEX + class_id.encode())
