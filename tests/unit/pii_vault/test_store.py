"""Ids: of their time, in the order they were drawn, and not to be guessed. What a full disk is."""

import time
from typing import cast

import asyncpg
import pytest

from pii_vault import store
from pii_vault.errors import StoreUnavailable
from pii_vault.store import TICKS, new_ids


def test_ids_of_a_batch_ascend_and_never_meet() -> None:
    ids = new_ids(5000)
    assert {len(each) for each in ids} == {16}
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert new_ids(0) == []


def test_an_id_begins_with_the_moment_it_was_made() -> None:
    before = int(time.time() * TICKS)
    first, *_, last = new_ids(100)
    after = int(time.time() * TICKS)
    assert before <= int.from_bytes(first[:6], "big") <= after + 1
    assert int.from_bytes(last[:6], "big") == int.from_bytes(first[:6], "big") + 99
    assert int.from_bytes(first[:4], "big") in range(
        int(before / TICKS), int(after / TICKS) + 2
    )  # the second, as of old


def test_eighty_bits_are_random() -> None:
    tails = [int.from_bytes(each[6:], "big") for each in new_ids(4096)]
    assert len(set(tails)) == len(tails)
    for bit in range(80):  # each is set in about half of them; five deviations are 160
        assert abs(sum(tail >> bit & 1 for tail in tails) - 2048) < 200


class _Full:
    """A database without room on its disk."""

    async def acquire(self, **_: object) -> "_Full":
        return self

    async def release(self, _: object) -> None:
        """Nothing is held."""

    async def fetch(self, *_: object) -> list[object]:
        raise asyncpg.DiskFullError


async def test_a_full_disk_is_a_reason_to_retry_and_no_breakdown() -> None:
    with pytest.raises(StoreUnavailable):
        await store.fetch(cast("asyncpg.Pool", _Full()), "SELECT 1")
