"""Batches in order, a few at a time; what may be repeated, and what may not."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from pii_vault.audit.errors import AuditOutcomeUnknown
from pii_vault.errors import AuditUnavailable, Forbidden, VaultError
from pii_vault.streams.pipeline import IN_FLIGHT, in_order, patiently


class Act:
    """Fails with these errors, one after the other, then succeeds."""

    def __init__(self, *errors: VaultError) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.mark.parametrize("repeatable", [True, False])
async def test_what_failed_for_a_moment_is_repeated(*, repeatable: bool) -> None:
    act = Act(AuditUnavailable(), AuditUnavailable())
    assert await patiently(act, repeatable=repeatable, pauses=(0, 0, 0)) == "done"
    assert act.calls == 3


async def test_what_perhaps_happened_is_repeated_only_where_it_does_nothing_twice() -> None:
    assert await patiently(Act(AuditOutcomeUnknown()), repeatable=True, pauses=(0,)) == "done"
    act = Act(AuditOutcomeUnknown())
    with pytest.raises(AuditOutcomeUnknown):
        await patiently(act, repeatable=False, pauses=(0,))
    assert act.calls == 1


async def test_a_refusal_is_not_repeated_and_patience_ends() -> None:
    for act, calls in ((Act(Forbidden()), 1), (Act(*[AuditUnavailable()] * 9), 3)):
        with pytest.raises(VaultError):
            await patiently(act, repeatable=True, pauses=(0, 0))
        assert act.calls == calls


async def test_answers_keep_the_order_and_few_are_under_way() -> None:
    under_way = most = 0

    async def work(number: int, batch: int) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001 * (number % 3))
        under_way -= 1
        return batch

    async def source() -> AsyncIterator[int]:
        for at in range(20):
            yield at

    assert [each async for each in in_order(source(), work)] == list(range(20))
    assert most <= IN_FLIGHT
