import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pii_vault.core.blind_index import (
    BlindIndexer,
    VersionedIndexer,
    coincidences,
    part_place,
    part_text,
    plan_bits,
    room,
)

VECTORS = json.loads(Path("tests/vectors/blind_index.json").read_text("utf-8"))


@pytest.mark.parametrize("vector", VECTORS)
def test_vectors_hold(vector: dict[str, Any]) -> None:
    indexer = BlindIndexer(bytes.fromhex(vector["key"]))
    assert indexer.digest(vector["normalised"]).hex() == vector["digest"]


@given(st.text(max_size=50))
def test_it_is_plain_hmac_cut_to_128_bits(value: str) -> None:
    """Held against the standard library, so that another implementation can rebuild the index."""
    key = bytes(range(32))
    assert BlindIndexer(key).digest(value) == hmac.digest(key, value.encode(), hashlib.sha256)[:16]


def test_the_prepared_state_is_not_used_up() -> None:
    indexer = BlindIndexer(bytes(32))
    assert indexer.digest("one") == indexer.digest("one") != indexer.digest("two")


def test_another_key_gives_another_digest() -> None:
    assert BlindIndexer(bytes(32)).digest("one") != BlindIndexer(b"k" * 32).digest("one")


@pytest.mark.parametrize("rows", [4, 8, 16, 100, 999, 1000, 40_000, 1_000_000, 10_000_000])
def test_planned_bits_keep_coincidences_between_two_and_the_square_root(rows: int) -> None:
    bits = plan_bits(rows)
    assert 2 <= coincidences(rows, bits) <= rows**0.5
    assert coincidences(rows, bits + 1) < 2  # the most that are allowed
    assert coincidences(room(bits), bits) <= room(bits) ** 0.5
    assert room(bits) >= rows


@pytest.mark.parametrize("rows", [0, 1, 2, 3])
def test_a_nearly_empty_shop_keeps_one_bit(rows: int) -> None:
    assert plan_bits(rows) == 1


def test_parts_of_different_kinds_classes_and_tenants_have_places_of_their_own() -> None:
    digest = bytes.fromhex("ffffffff") + bytes(12)
    place = {"tenant_key": 1, "class_key": 2, "kind": "last4", "bits": 5}
    others = [place | change for change in ({"tenant_key": 2}, {"class_key": 3}, {"kind": "prefix"})]
    places = {part_place(digest, **each) for each in [place, *others]}  # type: ignore[arg-type]
    assert len(places) == 4
    assert all(0 < each < 2**63 for each in places)
    assert part_place(digest, **place) & 31 == 31  # type: ignore[arg-type]


@pytest.mark.parametrize("bits", [1, 7, 28])
def test_a_place_holds_no_more_bits_than_planned(bits: int) -> None:
    found = {
        part_place(number.to_bytes(4, "big"), tenant_key=1, class_key=1, kind="last4", bits=bits)
        for number in range(0, 2**32, 2**25 - 1)
    }
    assert len(found) <= 2**bits


@pytest.mark.parametrize("wrong", [{"tenant_key": 2**22}, {"class_key": 1024}, {"bits": 29}, {"bits": 0}])
def test_what_has_no_place_is_refused(wrong: dict[str, int]) -> None:
    place = {"tenant_key": 1, "class_key": 1, "bits": 8} | wrong
    with pytest.raises(ValueError, match="no place"):
        part_place(bytes(16), kind="last4", **place)


def test_a_part_is_hashed_unlike_a_value() -> None:
    assert part_text("last4", "1234") != "1234"
    assert part_text("last4", "1234") != part_text("prefix", "1234")


def test_a_versioned_indexer_writes_one_and_searches_all() -> None:
    old, new = BlindIndexer(bytes(32)), BlindIndexer(b"k" * 32)
    both = VersionedIndexer(2, new, [old])
    assert both.digest("x") == new.digest("x")
    assert both.digests("x") == (new.digest("x"), old.digest("x"))
