"""Search: exact, by class and shop, and audited."""

import pytest

from pii_vault.errors import BudgetExceeded, Forbidden, InvalidRequest, InvalidValue, UnknownClass, UnknownPurpose
from pii_vault.operations.items import FoundSubject, TokeniseItem
from pii_vault.operations.search import search
from pii_vault.operations.tokenise import tokenise
from pii_vault.vault import Vault
from tests.support.postgres import Database
from tests.support.vault import program, rows, staff

PHONE = "+79001234567"


async def take(vault: Vault, tenant: str = "demo", **values: str) -> tuple[str, dict[str, list[str]]]:
    items = [TokeniseItem(class_id=name, value=value, subject="@1") for name, value in values.items()]
    results = await tokenise(vault, program(tenant=tenant), items, request_id="r")
    tokens = {name: [result.token or ""] for name, result in zip(values, results, strict=True)}
    return results[0].subject or "", tokens


async def find(vault: Vault, value: str, *, role: str = "sales", class_id: str = "phone") -> list[FoundSubject]:
    return await search(vault, staff(role), purpose="order_processing", class_id=class_id, value=value, request_id="r")


async def test_a_value_is_found_in_any_spelling_with_all_tokens(vault: Vault) -> None:
    subject, tokens = await take(vault, phone=PHONE, name="Анна")
    await take(vault, phone="+79007654321")
    assert await find(vault, "8 900 123-45-67") == [FoundSubject(subject=subject, tokens=tokens)]


async def test_everybody_with_the_value_is_found_oldest_first(vault: Vault) -> None:
    subjects = [(await take(vault, phone=PHONE))[0] for _ in range(3)]
    assert [found.subject for found in await find(vault, PHONE)] == subjects


async def test_nothing_is_found_in_another_class_or_shop(vault: Vault) -> None:
    await take(vault, tenant="other", phone=PHONE)
    assert await find(vault, PHONE) == []


async def test_an_erased_subject_is_not_found(vault: Vault, vault_database: Database) -> None:
    await take(vault, phone=PHONE)
    rows(vault_database, "UPDATE subject SET state = 'e'")
    assert await find(vault, PHONE) == []


async def test_an_index_entry_moved_to_another_row_finds_nothing(vault: Vault, vault_database: Database) -> None:
    await take(vault, phone=PHONE)
    await take(vault, phone="+79007654321")
    rows(vault_database, "UPDATE pii_value SET digest = (SELECT digest FROM pii_value ORDER BY created LIMIT 1)")
    assert len(await find(vault, PHONE)) == 1


async def test_who_may_not_search_is_refused_and_recorded(vault: Vault, vault_database: Database) -> None:
    with pytest.raises(Forbidden):
        await find(vault, PHONE, role="warehouse")
    assert rows(vault_database, "SELECT verb, decision FROM audit_detail") == [("search", "forbidden")]


async def test_bad_requests_say_what_is_wrong(vault: Vault) -> None:
    with pytest.raises(InvalidValue):
        await find(vault, "no phone")
    with pytest.raises(UnknownClass):
        await find(vault, "41", class_id="shoe_size")
    with pytest.raises(InvalidRequest):
        await find(vault, "Тверь", class_id="address")
    with pytest.raises(UnknownPurpose):
        await search(vault, staff("sales"), purpose="x", class_id="phone", value=PHONE, request_id="r")


async def test_the_budget_of_searches_holds(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(vault.budgets._limits, "sales", {"reveal": 0, "search": 1})
    await find(vault, PHONE)
    with pytest.raises(BudgetExceeded):
        await find(vault, PHONE)


async def test_the_record_names_no_value(vault: Vault, vault_database: Database) -> None:
    await take(vault, phone=PHONE)
    await find(vault, PHONE)
    recorded = rows(vault_database, "SELECT * FROM audit_detail WHERE verb = 'search'")
    assert len(recorded) == 1
    assert PHONE not in str(recorded)
    assert PHONE[2:] not in str(recorded)
