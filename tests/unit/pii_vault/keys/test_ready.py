"""Keys made in advance: bounded, fresh, given out once, each for its own subject."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from pii_vault.errors import KeyServiceUnavailable
from pii_vault.keys.memory import MemoryKeyService
from pii_vault.keys.ready import MAX_AGE_SECONDS, MAX_SHELVES, ReadyKeys
from pii_vault.keys.service import WrappedKey
from pii_vault.operations.ciphers import key_context
from pii_vault.store import new_ids


class Counting(MemoryKeyService):
    calls = 0

    async def generate(self, tenant: str, contexts: Sequence[bytes]) -> list[tuple[bytes, WrappedKey]]:
        self.calls += 1
        return await super().generate(tenant, contexts)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def keys() -> Counting:
    keys = Counting()
    await keys.create_tenant("demo")
    return keys


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def ready(keys: Counting, clock: Clock) -> AsyncIterator[ReadyKeys]:
    made = ReadyKeys(keys, size=10, new_ids=new_ids, context=key_context, clock=clock)
    yield made
    await made.close()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_ready_key_needs_no_call_and_opens_for_its_subject_alone(ready: ReadyKeys, keys: Counting) -> None:
    await ready.take("demo", 0, 1)
    await settle()
    before = keys.calls
    [one, two] = await ready.take("demo", 0, 2)
    assert keys.calls == before
    assert await keys.unwrap("demo", [(key_context(one.subject, 0), one.wrapped)]) == [one.dek]
    for foreign in (key_context(two.subject, 0), key_context(one.subject, 1)):
        with pytest.raises(Exception, match="failed to unwrap"):
            await keys.unwrap("demo", [(foreign, one.wrapped)])


async def test_no_key_is_given_out_twice(ready: ReadyKeys) -> None:
    taken = []
    for count in (1, 4, 30, 0, 7):
        taken += await asyncio.gather(*(ready.take("demo", 0, count) for _ in range(3)))
        await settle()
    every = [key for part in taken for key in part]
    assert len(every) == 3 * 42
    assert len({key.subject for key in every}) == len({key.dek for key in every}) == len(every)


async def test_no_more_are_kept_than_the_bound(ready: ReadyKeys) -> None:
    for _ in range(20):
        await ready.take("demo", 0, 1)
        await settle()
        assert len(ready._shelves["demo", 0].keys) <= 10


async def test_an_old_key_is_dropped(ready: ReadyKeys, keys: Counting, clock: Clock) -> None:
    await ready.take("demo", 0, 1)
    await settle()
    old = {key.subject for _, key in ready._shelves["demo", 0].keys}
    assert len(old) == 10
    clock.now += MAX_AGE_SECONDS
    fresh = await ready.take("demo", 0, 5)
    assert not old & {key.subject for key in fresh}
    assert keys.calls >= 3


async def test_groups_and_tenants_have_their_own(ready: ReadyKeys, keys: Counting) -> None:
    await keys.create_tenant("other")
    for tenant, group in (("demo", 0), ("demo", 1), ("other", 0)):
        await ready.take(tenant, group, 1)
        await settle()
        [key] = await ready.take(tenant, group, 1)
        assert await keys.unwrap(tenant, [(key_context(key.subject, group), key.wrapped)]) == [key.dek]


async def test_after_a_rotation_what_was_ready_can_be_forgotten(ready: ReadyKeys, keys: Counting) -> None:
    await ready.take("demo", 0, 1)
    await settle()
    await keys.rotate("demo", "kek")
    ready.forget("demo")
    assert {key.wrapped.kek_version for key in await ready.take("demo", 0, 5)} == {2}


async def test_during_an_outage_ready_keys_serve_and_then_it_is_said(ready: ReadyKeys, keys: Counting) -> None:
    await ready.take("demo", 0, 1)
    await settle()
    keys.available = False
    assert len(await ready.take("demo", 0, 10)) == 10
    await settle()
    with pytest.raises(KeyServiceUnavailable):
        await ready.take("demo", 0, 1)
    keys.available = True
    assert len(await ready.take("demo", 0, 1)) == 1


async def test_the_tenant_used_longest_ago_makes_room(ready: ReadyKeys) -> None:
    for group in range(MAX_SHELVES + 3):
        ready._shelf("demo", group)
    assert len(ready._shelves) == MAX_SHELVES
    assert ("demo", 0) not in ready._shelves


async def test_size_zero_makes_them_when_asked(keys: Counting) -> None:
    none = ReadyKeys(keys, size=0, new_ids=new_ids, context=key_context)
    assert len(await none.take("demo", 0, 3)) == 3
    assert keys.calls == 1
    assert not none._shelves


async def test_its_repr_shows_no_key(ready: ReadyKeys) -> None:
    [key] = await ready.take("demo", 0, 1)
    assert repr(key.dek)[2:-1] not in f"{key!r} {ready!r} {[key]!r}"
