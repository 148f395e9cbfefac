"""The key service as the vault sees it. Key-encryption keys never leave it; unwrapped DEKs do."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from pii_vault.keys.versions import Kind, Versions


class WrappedKey(NamedTuple):
    """A data-encryption key sealed under a tenant's KEK of this version."""

    kek_version: int
    blob: bytes


class KeyService(Protocol):
    """Every implementation passes tests/unit/pii_vault/keys/contract.py."""

    async def generate(self, tenant: str, contexts: Sequence[bytes]) -> list[tuple[bytes, WrappedKey]]:
        """One new DEK per context, in order. The context (subject and group) is bound to the wrapped key."""

    async def unwrap(self, tenant: str, wrapped: Sequence[tuple[bytes, WrappedKey]]) -> list[bytes]:
        """DEKs of (context, wrapped key) pairs, in order. Raises UnwrapFailed when one is foreign."""

    async def rewrap(self, tenant: str, wrapped: Sequence[tuple[bytes, WrappedKey]]) -> list[WrappedKey]:
        """The same DEKs wrapped under the newest KEK, in order; where the service can, they do not leave it.

        Raises UnwrapFailed when one is foreign.
        """

    async def index_key(self, tenant: str, class_id: str, version: int) -> bytes:
        """The 32-byte blind-index key of a class. Raises UnknownTenantKey for a version that is not held."""

    async def audit_key(self) -> bytes:
        """The 32-byte HMAC key for subject hashes in audit details."""

    async def sign_checkpoint(self, message: bytes) -> bytes:
        """Ed25519 signature over the message."""

    def checkpoint_public_key(self) -> bytes:
        """The raw 32-byte Ed25519 public key of the audit log."""

    async def create_tenant(self, tenant: str) -> None:
        """Makes the first KEK and index key of a tenant. Raises TenantKeyExists when it has some."""

    async def versions(self, tenant: str, kind: Kind) -> Versions:
        """Which versions it holds now, whoever changed them. Raises UnknownTenantKey."""

    async def rotate(self, tenant: str, kind: Kind) -> int:
        """Makes the next version and returns it. From now on it wraps; all older ones still open."""

    async def raise_minimum(self, tenant: str, kind: Kind, version: int) -> None:
        """Older versions open nothing any more. Never to be taken back.

        Raises KeyStepRefused for a version that is not held or below the minimum of now.
        """

    async def trim(self, tenant: str, kind: Kind) -> Versions:
        """Destroys the versions below the minimum and returns what is held then."""

    async def ready(self) -> None:
        """Raises KeyServiceUnavailable when keys cannot be used now."""
