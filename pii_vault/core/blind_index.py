"""The blind index: a keyed hash by which equal values are found without decrypting.

The key belongs to one tenant, class and version, so equal values of two shops have unlike hashes. What the
database shows is which rows of one shop and class hold equal values, and nothing else.
"""

from collections.abc import Sequence

from pii_vault.core.primitives import keyed_hash_state

DIGEST_BYTES = 16


class BlindIndexer:
    """HMAC-SHA256, cut to 128 bits: enough that two values never meet by chance, and half the index size."""

    __slots__ = ("_copy",)

    def __init__(self, key: bytes) -> None:
        # The bound method keeps the prepared state alive; copying it saves absorbing the key each time.
        self._copy = keyed_hash_state(key).copy

    def digest(self, normalised: str) -> bytes:
        """16 bytes for a value in its normal form (`classes.normalise`)."""
        state = self._copy()
        state.update(normalised.encode("utf-8"))
        return state.finalize()[:DIGEST_BYTES]


class VersionedIndexer:
    """Digests of one tenant and class while its index key rotates: written under one version, searched under all."""

    __slots__ = ("_others", "digest", "version")

    def __init__(self, version: int, written: BlindIndexer, others: Sequence[BlindIndexer] = ()) -> None:
        self.version = version
        self.digest = written.digest
        self._others = tuple(each.digest for each in others)

    def digests(self, normalised: str) -> tuple[bytes, ...]:
        """Every digest under which the value may stand; first the one that is written."""
        return (self.digest(normalised), *(digest(normalised) for digest in self._others))
