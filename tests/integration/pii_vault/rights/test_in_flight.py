"""A block or an erasure that lands while values are on their way into the vault."""

from typing import Any

import pytest

from pii_vault.operations.items import TokeniseItem
from pii_vault.operations.tokenise import tokenise
from pii_vault.operations.write import commit
from tests.integration.pii_vault.rights.conftest import NAME, PHONE, Desk
from tests.support.vault import program, rows


@pytest.mark.parametrize(("state", "error"), [("b", "blocked"), ("e", "erased")])
async def test_a_value_is_not_added_to_who_is_blocked_or_erased_meanwhile(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, state: str, error: str
) -> None:
    person = await desk.take(phone=PHONE)
    landed = False

    async def late(*arguments: Any) -> None:
        """The plan is made, the value sealed; then the state changes, and only then is written."""
        nonlocal landed
        if not landed:
            landed = True
            rows(desk.database, "UPDATE subject SET state = %s", state)
        await commit(*arguments)

    monkeypatch.setattr("pii_vault.operations.tokenise.commit", late)
    before = rows(desk.database, "SELECT count(*) FROM pii_value")
    [result] = await tokenise(
        desk.vault, program(), [TokeniseItem(class_id="name", value=NAME, subject=person.text)], request_id="r"
    )
    assert landed
    assert (result.token, result.error) == (None, error)
    assert rows(desk.database, "SELECT count(*) FROM pii_value") == before


async def test_a_value_that_was_first_is_erased_with_the_rest(desk: Desk) -> None:
    person = await desk.take(phone=PHONE)
    erasure = await desk.eraser.request(desk.officer, person.bits, reason="subject_request", request_id="r")
    late = await desk.take(person.text, name=NAME)  # ordered, and not blocked yet
    await desk.eraser.advance(erasure)
    left = rows(desk.database, "SELECT count(*) FROM pii_value WHERE ciphertext <> ''")
    assert left == [(0,)]
    assert late.text == person.text


async def test_writers_of_one_person_do_not_wait_for_each_other(desk: Desk) -> None:
    """They hold the person's row shared: two of them at once both write."""
    person = await desk.take(phone=PHONE)
    async with desk.vault.pool.acquire() as first, first.transaction():
        await first.execute("SELECT FROM subject FOR KEY SHARE")
        added = await desk.take(person.text, name=NAME)
    assert added.text == person.text
