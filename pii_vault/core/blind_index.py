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
        first = self.digest(normalised)
        return (first, *[digest(normalised) for digest in self._others]) if self._others else (first,)


# --- parts of values: few bits, many coincidences ----------------------------------------------------

PART_KINDS = {"last4": 1, "domain": 2, "prefix": 3}
MAX_BITS = 28
_CLASS_BITS, _KIND_BITS = 10, 2
_MAX_TENANT = 1 << 22


def part_text(kind: str, key: str) -> str:
    """What is hashed for a part: no part of one kind is taken for one of another, or for a whole value."""
    return f"{kind}\0{key}"


def part_place(digest: bytes, *, tenant_key: int, class_key: int, kind: str, bits: int) -> int:
    """Where a part is found: its class and kind in the tenant, and the first bits of its keyed hash.

    So few bits are kept that values without anything in common share a place: see `plan_bits`.
    """
    if not (0 < tenant_key < _MAX_TENANT and 0 < class_key < 1 << _CLASS_BITS and 0 < bits <= MAX_BITS):
        raise ValueError("internal error: no place for this tenant, class or number of bits")
    head = (tenant_key << _CLASS_BITS | class_key) << _KIND_BITS | PART_KINDS[kind]
    return head << MAX_BITS | int.from_bytes(digest[:4], "big") >> (32 - bits)


def plan_bits(rows: int) -> int:
    """How many bits to keep for this many rows R: coincidences C = R / 2^bits with 2 ≤ C ≤ √R.

    Of those the most, which leaves the plan the longest room to grow (see `room`).
    """
    return max(1, min(MAX_BITS, (rows // 2).bit_length() - 1))


def coincidences(rows: int, bits: int) -> float:
    """How many rows without anything in common with it share a place with a part, on average."""
    return rows / (1 << bits)


def room(bits: int) -> int:
    """Up to how many rows C ≤ √R holds."""
    return 1 << (2 * bits)
