import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pii_vault.core.blind_index import BlindIndexer

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
