"""A deterministic token without a subject is a search: only for who may search, counted, and on the record."""

from collections.abc import Collection
from dataclasses import replace

import pytest

from pii_vault import store
from pii_vault.core.classes import FieldClass, normalise
from pii_vault.errors import BudgetExceeded
from pii_vault.operations import known
from pii_vault.operations.budget import Budgets
from pii_vault.operations.items import TokeniseItem, TokeniseResult
from pii_vault.operations.tokenise import tokenise
from pii_vault.vault import Vault
from tests.support.postgres import Database
from tests.support.vault import program, rows

PHONE, NAME = "+79001112233", "Анна Соколова"


async def take(
    vault: Vault, class_id: str, *values: str, subject: str | None = None, purposes: Collection[str] | None = None
) -> list[TokeniseResult]:
    items = [TokeniseItem(class_id=class_id, value=value, subject=subject, kind="deterministic") for value in values]
    return await tokenise(vault, program(), items, request_id="r", purposes=purposes)


def counts(database: Database) -> list[object]:
    return [found for (found,) in rows(database, "SELECT counts FROM audit_detail ORDER BY idx")]


async def test_who_may_search_finds_the_token_and_the_record_says_so(vault: Vault, vault_database: Database) -> None:
    [first] = await take(vault, "phone", PHONE)
    assert await take(vault, "phone", PHONE) == [first]
    assert counts(vault_database) == [
        {"token": {"phone": 1}, "searched": {"phone": 1}},
        {"token": {"phone": 1}, "searched": {"phone": 1}, "found": {"phone": 1}},
    ]


async def test_who_may_not_search_for_a_class_gets_a_new_token(vault: Vault, vault_database: Database) -> None:
    [first] = await take(vault, "name", NAME)
    [second] = await take(vault, "name", NAME)
    assert first.token != second.token
    assert first.subject != second.subject
    assert counts(vault_database) == [{"token": {"name": 1}}] * 2


async def test_a_program_registered_for_no_purpose_of_searching_gets_a_new_token(vault: Vault) -> None:
    [first] = await take(vault, "phone", PHONE, purposes={"support"})
    assert await take(vault, "phone", PHONE, purposes={"support"}) == [first]
    [second] = await take(vault, "phone", PHONE, purposes={"marketing"})
    assert second.token != first.token
    assert second.subject != first.subject


async def test_with_a_subject_its_own_token_is_found_by_anybody(vault: Vault) -> None:
    [first] = await take(vault, "name", NAME)
    assert await take(vault, "name", NAME, subject=first.subject) == [first]


async def test_values_looked_for_are_counted_and_refused_beyond_the_budget(
    vault: Vault, vault_database: Database
) -> None:
    narrow = replace(vault, budgets=Budgets({"program": {"reveal": None, "search": 3}}))
    await take(narrow, "phone", PHONE, PHONE, "+79001112234")  # two values: one stands twice
    with pytest.raises(BudgetExceeded):
        await take(narrow, "phone", "+79001112235", "+79001112236")
    [(refused,)] = rows(
        vault_database, "SELECT decision FROM audit_detail WHERE verb = 'tokenise' ORDER BY idx DESC LIMIT 1"
    )
    assert refused == "budget_exceeded"
    assert rows(vault_database, "SELECT count(*) FROM pii_value") == [(2,)]
    await take(narrow, "name", NAME, NAME)  # no search, so no budget


async def test_what_thousands_share_is_opened_within_bounds_and_still_found_for_its_owner(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "OPENED_EACH", 3)
    opened = 0

    def counted(field_class: FieldClass, value: str) -> str:
        nonlocal opened
        opened += 1
        return normalise(field_class, value)

    monkeypatch.setattr(known, "normalise", counted)
    items = [
        TokeniseItem(class_id="phone", value="8 900 111-22-33", subject=f"@{n}", kind="deterministic")
        for n in range(12)
    ]
    made = await tokenise(vault, program(), items, request_id="r")
    opened = 0
    for each in (made[0], made[5], made[11]):
        assert await take(vault, "phone", PHONE, subject=each.subject) == [each]
    assert opened == 9


@pytest.mark.parametrize("few", [5, 2000])
async def test_a_value_that_many_share_hides_none_of_the_others(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(store, "FEW_CANDIDATES", few)
    items = [TokeniseItem(class_id="phone", value=PHONE, subject=f"@{n}", kind="deterministic") for n in range(12)]
    shared = await tokenise(vault, program(), items, request_id="r")
    [rare] = await take(vault, "phone", "+79001112299")
    one, other = await take(vault, "phone", PHONE, "+79001112299")
    assert one in shared
    assert other == rare
