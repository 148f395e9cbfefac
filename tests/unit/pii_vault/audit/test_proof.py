"""Vectors: the eight-leaf tree used by Certificate Transparency's own tests of RFC 6962; the rest is computed here
by the RFC's recursive definitions."""

import pytest

from pii_vault.audit import proof

LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
CONSISTENCY_6_8 = [
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
]
CONSISTENCY_2_5 = [
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
]


def recursive_root(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word."""
    if not leaves:
        return proof.EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return proof.node_hash(recursive_root(leaves[:k]), recursive_root(leaves[k:]))


def make_leaves(count: int) -> list[bytes]:
    return [proof.leaf_hash(str(i).encode()) for i in range(count)]


def make_tiles(leaves: list[bytes], *, steps: tuple[int, ...] = ()) -> dict[proof.Tile, bytes]:
    tiles: dict[proof.Tile, bytes] = {}
    size = 0
    for upto in (*steps, len(leaves)):
        edge = {tile: tiles[tile] for tile in proof.edge_tiles(size)}
        tiles |= proof.extend_tiles(size, edge, leaves[size:upto])
        size = upto
    return tiles


def test_reference_roots() -> None:
    frontier = proof.Frontier()
    for leaf, root in zip(LEAVES, ROOTS, strict=True):
        frontier.append(proof.leaf_hash(leaf))
        assert frontier.root().hex() == root


@pytest.mark.parametrize(("old", "new", "expected"), [(6, 8, CONSISTENCY_6_8), (2, 5, CONSISTENCY_2_5)])
def test_reference_consistency_proofs(old: int, new: int, expected: list[str]) -> None:
    tiles = make_tiles([proof.leaf_hash(leaf) for leaf in LEAVES])
    built = proof.build_proof(proof.consistency_ranges(old, new), tiles)
    assert [each.hex() for each in built] == expected
    proof.verify_consistency(
        old=old,
        old_root=bytes.fromhex(ROOTS[old - 1]),
        new=new,
        new_root=bytes.fromhex(ROOTS[new - 1]),
        proof=built,
    )


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 511, 512, 700])
def test_root_from_tiles_and_frontier_is_the_recursive_root(size: int) -> None:
    leaves = make_leaves(size)
    tiles = make_tiles(leaves, steps=(size // 3, size // 2))
    frontier = proof.Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    assert proof.range_root((0, size), tiles) == frontier.root() == recursive_root(leaves)


def test_third_tile_level() -> None:
    size = 65_536 + 300
    leaves = make_leaves(size)
    tiles = make_tiles(leaves, steps=(1, 65_535, 65_537))
    assert len(tiles[(1, 0)]) == proof.TILE_WIDTH * proof.HASH_BYTES
    assert len(tiles[(2, 0)]) == proof.HASH_BYTES
    assert proof.range_root((0, size), tiles) == recursive_root(leaves)
    needed = proof.tiles_of(proof.consistency_ranges(40_000, size))
    built = proof.build_proof(proof.consistency_ranges(40_000, size), {each: tiles[each] for each in needed})
    proof.verify_consistency(
        old=40_000, old_root=recursive_root(leaves[:40_000]), new=size, new_root=recursive_root(leaves), proof=built
    )


def test_all_small_consistency_proofs_hold_and_break() -> None:
    leaves = make_leaves(20)
    tiles = make_tiles(leaves)
    roots = [recursive_root(leaves[:n]) for n in range(21)]
    for new in range(21):
        for old in range(new + 1):
            built = proof.build_proof(proof.consistency_ranges(old, new), tiles)
            proof.verify_consistency(old=old, old_root=roots[old], new=new, new_root=roots[new], proof=built)
            wrong = proof.leaf_hash(b"wrong")
            with pytest.raises(proof.ProofError):
                proof.verify_consistency(old=old, old_root=wrong, new=new, new_root=roots[new], proof=built)
            if old:
                with pytest.raises(proof.ProofError):
                    proof.verify_consistency(old=old, old_root=roots[old], new=new, new_root=wrong, proof=built)
            for broken in (built[:-1] if built else [wrong], [*built, wrong], [wrong] * len(built) or [wrong]):
                with pytest.raises(proof.ProofError):
                    proof.verify_consistency(old=old, old_root=roots[old], new=new, new_root=roots[new], proof=broken)


def test_a_shrunk_tree_is_refused() -> None:
    with pytest.raises(proof.ProofError):
        proof.consistency_ranges(4, 3)


def test_tiles_that_do_not_reach_are_refused() -> None:
    tiles = make_tiles(make_leaves(5))
    with pytest.raises(proof.ProofError):
        proof.range_root((0, 6), tiles)
    with pytest.raises(proof.ProofError):
        proof.extend_tiles(6, tiles, make_leaves(1))
