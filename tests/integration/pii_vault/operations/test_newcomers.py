"""Rows of new persons by columns: what tokenise would have done, row by row."""

import pytest

from pii_vault.core.tokens import parse_subject
from pii_vault.errors import Forbidden, IdempotencyConflict
from pii_vault.operations.items import TokeniseItem
from pii_vault.operations.newcomers import Newcomers, tokenise_newcomers
from pii_vault.operations.plan import switch
from pii_vault.operations.reveal import reveal
from pii_vault.operations.search import search
from pii_vault.operations.tokenise import tokenise
from pii_vault.vault import Vault
from tests.support.postgres import Database
from tests.support.vault import program, rows, staff

CLASSES = ["phone", "name", "address"]
PHONES = ["+79001234567", "", "8 900 765-43-21", "no phone", "", "+79001112233"]
NAMES = ["Анна", "Вера", "Глеб", "Дина", "", "Анна"]
PLACES = ["Тула", "", "Тверь", "", "", "Омск"]
COLUMNS = [PHONES, NAMES, PLACES]


async def take(vault: Vault, *, key: str | None = None, columns: list[list[str]] | None = None) -> Newcomers:
    return await tokenise_newcomers(vault, program(), CLASSES, columns or COLUMNS, request_id="r", idempotency_key=key)


async def shown(vault: Vault, tokens: list[str | None]) -> list[str | None]:
    asked = [token for token in tokens if token is not None]
    found = iter(await reveal(vault, program(), purpose="order_processing", tokens=asked, request_id="r"))
    return [None if token is None else next(found).value for token in tokens]


async def test_each_row_is_a_person_with_the_values_of_that_row(vault: Vault, vault_database: Database) -> None:
    taken = await take(vault)
    for column, values in zip(taken.tokens, COLUMNS, strict=True):
        expected = [value if value not in ("", "no phone") else None for value in values]
        assert await shown(vault, column) == expected
    assert taken.errors == {(3, 0): "invalid_value"}
    assert [subject is not None for subject in taken.subjects] == [True, True, True, True, False, True]
    assert rows(vault_database, "SELECT count(*) FROM subject") == [(5,)]
    counted = rows(vault_database, "SELECT replace(subject::text, '-', ''), count(*) FROM pii_value GROUP BY subject")
    owners = {bytes.fromhex(str(subject)): number for subject, number in counted}
    bits = [parse_subject(subject, tenant="demo") for subject in taken.subjects if subject]
    assert [owners[each] for each in bits] == [3, 1, 3, 1, 3]


async def test_it_is_one_record_that_counts_like_any_other(vault: Vault, vault_database: Database) -> None:
    await take(vault)
    by_rows = rows(vault_database, "SELECT verb, decision, counts, cardinality(subjects) FROM audit_detail")
    items = [
        TokeniseItem(class_id, column[row], f"@{row}")
        for row in range(len(PHONES))
        for class_id, column in zip(CLASSES, COLUMNS, strict=True)
        if column[row]
    ]
    await tokenise(vault, program(), items, request_id="r")
    [first, second] = rows(vault_database, "SELECT verb, decision, counts, cardinality(subjects) FROM audit_detail")
    assert [first] == by_rows
    assert first == second


async def test_their_values_are_found(vault: Vault) -> None:
    taken = await take(vault)
    found = await search(
        vault, program(), purpose="order_processing", class_id="phone", value="+7 900 765 43 21", request_id="r"
    )
    assert [each.subject for each in found] == [taken.subjects[2]]


async def test_their_parts_are_found_where_they_are_indexed(vault: Vault) -> None:
    await switch(vault, "demo", "phone", "last4", on=True)
    taken = await take(vault)
    found = await search(
        vault, program(), purpose="order_processing", class_id="phone", value="4321", request_id="r", match="last4"
    )
    assert [each.subject for each in found] == [taken.subjects[2]]


async def test_a_repeated_key_gives_the_same_and_stores_nothing(vault: Vault, vault_database: Database) -> None:
    first = await take(vault, key="import.1")
    again = await take(vault, key="import.1")
    assert again == first
    assert rows(vault_database, "SELECT count(*) FROM subject") == [(5,)]
    with pytest.raises(IdempotencyConflict):
        await take(vault, key="import.1", columns=[PHONES, NAMES, [""] * 6])
    with pytest.raises(IdempotencyConflict):
        await tokenise(
            vault, program(), [TokeniseItem("phone", "+79001234567")], request_id="r", idempotency_key="import.1"
        )


async def test_nothing_kept_for_a_repetition_is_a_value(vault: Vault, vault_database: Database) -> None:
    await take(vault, key="import.1")
    [(answer,)] = rows(vault_database, "SELECT answer FROM idempotency")
    assert not any(value.encode() in bytes(answer) for column in COLUMNS for value in column if value)  # type: ignore[call-overload]


async def test_rows_of_nothing_good_are_recorded_as_refused(vault: Vault, vault_database: Database) -> None:
    taken = await take(vault, columns=[["x", ""], ["", ""], ["", ""]])
    assert taken.subjects == [None, None]
    assert taken.errors == {(0, 0): "invalid_value"}
    assert rows(vault_database, "SELECT decision FROM audit_detail") == [("deny",)]


async def test_who_may_store_nothing_is_refused(vault: Vault) -> None:
    with pytest.raises(Forbidden):
        await tokenise_newcomers(vault, staff("warehouse"), CLASSES, COLUMNS, request_id="r")


async def test_their_keys_do_not_push_others_out_of_memory(vault: Vault) -> None:
    before = len(vault.deks)
    await take(vault)
    assert len(vault.deks) == before
