"""Merkle trees after RFC 6962, kept in tiles after C2SP tlog-tiles. Pure: hashes in, hashes out.

A tree of n leaves is stored as tiles 256 hashes wide: the hash at place i of tile (L, N) is the root of the complete
subtree over the 256^L leaves that begin at (256·N + i)·256^L. The last tile of a level may be narrower; it only ever
grows. Every proof and every root is a combination of such hashes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Final, TypeAlias

HASH_BYTES: Final = 32
TILE_WIDTH: Final = 256
TILE_HEIGHT: Final = 8
EMPTY_ROOT: Final = sha256(b"").digest()

Tile: TypeAlias = tuple[int, int]  # level, index
Tiles: TypeAlias = Mapping[Tile, bytes]
Range: TypeAlias = tuple[int, int]  # leaves [start, end)


class ProofError(ValueError):
    """A proof does not hold, or tiles do not cover what is asked of them."""


def leaf_hash(record: bytes) -> bytes:
    return sha256(b"\x00" + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The roots of the complete subtrees of a growing tree: enough to append leaves and to know the root."""

    __slots__ = ("_hashes", "size")

    def __init__(self) -> None:
        self.size = 0
        self._hashes: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        self.size += 1
        carry, size = leaf, self.size
        while size % 2 == 0:
            carry = node_hash(self._hashes.pop(), carry)
            size //= 2
        self._hashes.append(carry)

    def root(self) -> bytes:
        return _fold(self._hashes) if self._hashes else EMPTY_ROOT


# --- tiles -------------------------------------------------------------------------------------------


def edge_tiles(size: int) -> list[Tile]:
    """The narrower last tile of each level of a tree of `size` leaves: what growth has to extend."""
    tiles = []
    level = 0
    while size:
        if size % TILE_WIDTH:
            tiles.append((level, size // TILE_WIDTH))
        size //= TILE_WIDTH
        level += 1
    return tiles


def extend_tiles(size: int, edge: Tiles, leaves: Iterable[bytes]) -> dict[Tile, bytes]:
    """The tiles that change when leaves are appended to a tree of `size`. `edge` holds its `edge_tiles`."""
    grown: dict[Tile, bytearray] = {}

    def append(level: int, place: int, digest: bytes) -> None:
        tile = (level, place // TILE_WIDTH)
        if tile not in grown:
            grown[tile] = bytearray(_edge(edge, tile, place))
        grown[tile] += digest
        if len(grown[tile]) == TILE_WIDTH * HASH_BYTES:
            append(level + 1, place // TILE_WIDTH, tile_root(bytes(grown[tile])))

    for place, leaf in enumerate(leaves, start=size):
        append(0, place, leaf)
    return {tile: bytes(hashes) for tile, hashes in grown.items()}


def _edge(edge: Tiles, tile: Tile, place: int) -> bytes:
    width = place % TILE_WIDTH
    if not width:
        return b""
    hashes = edge.get(tile, b"")
    if len(hashes) < width * HASH_BYTES:
        raise ProofError(f"tile {tile} holds fewer than {width} hashes")
    return hashes[: width * HASH_BYTES]


def tiles_of(ranges: Iterable[Range]) -> set[Tile]:
    """The tiles that `range_root` reads for these ranges of leaves."""
    return {_tile_of(start, height)[0] for each in ranges for start, height in _perfect_parts(each)}


def range_root(wanted: Range, tiles: Tiles) -> bytes:
    """MTH over leaves [start, end), where start is a multiple of the power of two that covers the range."""
    parts = [_perfect_hash(start, height, tiles) for start, height in _perfect_parts(wanted)]
    return _fold(parts) if parts else EMPTY_ROOT


def tile_root(hashes: bytes) -> bytes:
    """The root of a full tile, which is a place in the tile above it."""
    return _perfect_root(_split(hashes))


def _perfect_parts(wanted: Range) -> Iterator[tuple[int, int]]:
    """A range as complete subtrees (start, height), largest first."""
    start, end = wanted
    while start < end:
        height = (end - start).bit_length() - 1
        yield start, height
        start += 1 << height


def aligned_parts(wanted: Range) -> Iterator[tuple[int, int]]:
    """Any range as complete subtrees (start, height) in order: what a reader needs of leaves it does not get."""
    start, end = wanted
    while start < end:
        height = (end - start).bit_length() - 1
        if start:
            height = min(height, (start & -start).bit_length() - 1)
        yield start, height
        start += 1 << height


def tiles_of_parts(parts: Iterable[tuple[int, int]]) -> set[Tile]:
    """The tiles that `part_root` reads for these subtrees."""
    return {_tile_of(start, height)[0] for start, height in parts}


def part_root(part: tuple[int, int], tiles: Tiles) -> bytes:
    """The root of one complete subtree (start, height)."""
    return _perfect_hash(*part, tiles)


def _tile_of(start: int, height: int) -> tuple[Tile, int, int]:
    """Where the hash of a complete subtree comes from: tile, place in it, number of hashes to combine."""
    level, rest = divmod(height, TILE_HEIGHT)
    place = start >> (TILE_HEIGHT * level)
    return (level, place // TILE_WIDTH), place % TILE_WIDTH, 1 << rest


def _perfect_hash(start: int, height: int, tiles: Tiles) -> bytes:
    tile, place, count = _tile_of(start, height)
    hashes = tiles.get(tile, b"")[place * HASH_BYTES : (place + count) * HASH_BYTES]
    if len(hashes) != count * HASH_BYTES:
        raise ProofError(f"tile {tile} does not reach place {place + count}")
    return _perfect_root(_split(hashes))


def _split(hashes: bytes) -> list[bytes]:
    return [hashes[i : i + HASH_BYTES] for i in range(0, len(hashes), HASH_BYTES)]


def _perfect_root(hashes: list[bytes]) -> bytes:
    while len(hashes) > 1:
        hashes = [node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes), 2)]
    return hashes[0]


def _fold(roots: Sequence[bytes]) -> bytes:
    result = roots[-1]
    for root in reversed(roots[:-1]):
        result = node_hash(root, result)
    return result


# --- proofs ------------------------------------------------------------------------------------------


def consistency_ranges(old: int, new: int) -> list[Range]:
    """RFC 6962, 2.1.2: the ranges whose roots prove that a tree of `new` leaves begins with one of `old`."""
    if not 0 <= old <= new:
        raise ProofError("the old tree is larger than the new one")
    ranges: list[Range] = []
    start, end = 0, new
    while 0 < old < end:
        middle = start + _largest_power_below(end - start)
        if old <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start:
        ranges.append((start, end))
    return ranges[::-1]


def _largest_power_below(count: int) -> int:
    return 1 << ((count - 1).bit_length() - 1)


def build_proof(ranges: Sequence[Range], tiles: Tiles) -> list[bytes]:
    """The proof for `consistency_ranges`; `tiles` holds what `tiles_of` named."""
    return [range_root(each, tiles) for each in ranges]


def verify_consistency(*, old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Raises ProofError unless the tree (new, new_root) begins with the tree (old, old_root)."""
    ranges = consistency_ranges(old, new)
    if len(ranges) != len(proof):
        raise ProofError("the proof has the wrong length")
    if old in (0, new):
        if old_root != (EMPTY_ROOT if old == 0 else new_root):
            raise ProofError("the roots of equal trees differ")
        return
    steps = list(zip(ranges, proof, strict=True))
    # When the old tree is itself a complete subtree of the new one, the proof omits its root: it is known.
    whole = steps[0][0][0] >= old
    computed_old = computed_new = old_root if whole else steps.pop(0)[1]
    for (start, _), digest in steps:
        if start < old:
            computed_old = node_hash(digest, computed_old)
            computed_new = node_hash(digest, computed_new)
        else:
            computed_new = node_hash(computed_new, digest)
    if computed_old != old_root or computed_new != new_root:
        raise ProofError("the proof leads to another root")
