"""Search by parts, the plan behind it, and the rebuilding of indexes while the vault works."""

import asyncio

import asyncpg
import pytest

from pii_vault import store
from pii_vault.errors import BudgetExceeded, Forbidden, InvalidRequest, InvalidValue, KeyServiceUnavailable
from pii_vault.keys.memory import MemoryKeyService
from pii_vault.keys.versions import IndexVersions
from pii_vault.operations import parts as parts_module
from pii_vault.operations.caches import Tenants
from pii_vault.operations.items import TokeniseItem
from pii_vault.operations.parts import SearchPlans
from pii_vault.operations.plan import plan, switch
from pii_vault.operations.reindex import Reindexed, reindex
from pii_vault.operations.search import MAX_FOUND_BY_PART, Match, search
from pii_vault.operations.tokenise import tokenise
from pii_vault.rights.correct import correct
from pii_vault.vault import Vault
from tests.support.postgres import Database
from tests.support.vault import program, rows, staff

PEOPLE = {
    "anna": {"name": "Анна Соколова", "phone": "+79161234567", "email": "anna@shop.example"},
    "vera": {"name": "Вера Соколовская", "phone": "+79031234567", "email": "vera@home.example"},
    "ivan": {"name": "Иван Петров", "phone": "+79037654321", "email": "ivan@shop.example"},
}
BY_PART: dict[str, Match] = {"phone": "last4", "email": "domain", "name": "prefix"}


async def take(vault: Vault, *, tenant: str = "demo", kind: str = "random", **values: str) -> str:
    items = [TokeniseItem(class_id=name, value=value, subject="@1", kind=kind) for name, value in values.items()]  # type: ignore[arg-type]
    results = await tokenise(vault, program(tenant=tenant), items, request_id="r")
    return results[0].subject or ""


async def take_all(vault: Vault) -> dict[str, str]:
    return {name: await take(vault, **values) for name, values in PEOPLE.items()}


async def find(vault: Vault, class_id: str, value: str, match: Match | None = None) -> set[str]:
    by_name = class_id == "name"  # which programs may not search by
    found = await search(
        vault,
        staff("officer") if by_name else program(),
        purpose="subject_request" if by_name else "support",
        class_id=class_id,
        value=value,
        request_id="r",
        match=match or BY_PART[class_id],
    )
    return {each.subject for each in found}


async def index_all(vault: Vault, tenant: str = "demo") -> Reindexed:
    for class_id, kind in BY_PART.items():
        await switch(vault, tenant, class_id, kind, on=True)
    vault.search_plans = SearchPlans(vault.pool)
    return await reindex(vault, tenant, load=1, settle=0)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_people_are_found_by_parts_of_their_values(vault: Vault, when: str) -> None:
    if when == "after":
        await index_all(vault)
    people = await take_all(vault)
    if when == "before":
        assert (await index_all(vault)).rows == 9
    anna, vera, ivan = people.values()
    assert await find(vault, "phone", "4567") == {anna, vera}
    assert await find(vault, "phone", "4321") == {ivan}
    assert await find(vault, "phone", "0000") == set()
    assert await find(vault, "email", "shop.example") == {anna, ivan}
    assert await find(vault, "name", "сокол") == {anna, vera}
    assert await find(vault, "name", "соколовск") == {vera}
    assert await find(vault, "name", "Sokolova Anna") == {anna}
    assert await find(vault, "phone", "+79037654321", "exact") == {ivan}


async def test_what_shares_a_place_by_chance_is_not_found(vault: Vault, vault_database: Database) -> None:
    """With one bit half of the rows share a place: the values themselves are compared."""
    await index_all(vault)
    assert set(rows(vault_database, "SELECT bits FROM search_plan")) == {(1,)}
    subjects = [await take(vault, phone=f"+7916123{number:04}") for number in range(1000, 1040)]
    assert [await find(vault, "phone", f"{number}") for number in (1000, 1039)] == [{subjects[0]}, {subjects[-1]}]


async def test_without_a_plan_nothing_is_indexed_by_parts_and_nobody_searches_so(
    vault: Vault, vault_database: Database
) -> None:
    await take_all(vault)
    assert rows(vault_database, "SELECT count(*) FROM search_key") == [(0,)]
    with pytest.raises(InvalidRequest, match="larets search plan"):
        await find(vault, "phone", "4567")
    assert rows(vault_database, "SELECT count(*) FROM budget_use WHERE action = 'search'") == [(0,)]
    await switch(vault, "demo", "phone", "last4", on=True)
    vault.search_plans = SearchPlans(vault.pool)
    await take(vault, tenant="other", phone="+79160004567")  # another shop's plan is not this one's
    assert rows(vault_database, "SELECT count(*) FROM search_key") == [(0,)]
    await reindex(vault, "demo", load=1, settle=0)
    assert len(await find(vault, "phone", "4567")) == 2
    await switch(vault, "demo", "phone", "last4", on=False)
    vault.search_plans = SearchPlans(vault.pool)
    await reindex(vault, "demo", load=1, settle=0)
    assert rows(vault_database, "SELECT count(*) FROM search_key") == [(0,)]


@pytest.mark.parametrize(
    ("class_id", "value", "match", "error"),
    [
        ("phone", "567", "last4", InvalidValue),
        ("phone", "45678", "last4", InvalidValue),
        ("email", "", "domain", InvalidValue),
        ("name", " ", "prefix", InvalidValue),
        ("phone", "shop.example", "domain", InvalidRequest),
        ("text", "abc", "prefix", InvalidRequest),
    ],
)
async def test_too_little_and_the_wrong_kind_are_refused(
    vault: Vault, class_id: str, value: str, match: Match, error: type[Exception]
) -> None:
    await index_all(vault)
    with pytest.raises(error):
        await find(vault, class_id, value, match)


async def test_one_answer_never_holds_a_whole_shop(vault: Vault) -> None:
    await index_all(vault)
    for number in range(MAX_FOUND_BY_PART + 5):
        await take(vault, email=f"p{number}@shop.example")
    assert len(await find(vault, "email", "shop.example")) == MAX_FOUND_BY_PART


async def test_a_search_by_parts_costs_budget_is_recorded_and_refused_beyond_it(
    vault: Vault, vault_database: Database
) -> None:
    await index_all(vault)
    await take_all(vault)

    async def by_sales(match: Match = "last4") -> None:
        await search(
            vault, staff("sales"), purpose="support", class_id="phone", value="4567", request_id="r", match=match
        )

    await by_sales()
    [(counts, persons)] = rows(
        vault_database,
        "SELECT counts, cardinality(subjects) FROM audit_detail WHERE verb = 'search' AND principal = 'stf_sales'",
    )
    assert (counts, persons) == ({"found": {"phone": 2}}, 2)
    rows(vault_database, "UPDATE budget_use SET used = 200 WHERE action = 'search'")
    with pytest.raises(BudgetExceeded):
        await by_sales()
    with pytest.raises(Forbidden):
        await search(
            vault, staff("warehouse"), purpose="delivery", class_id="phone", value="4567", request_id="r", match="last4"
        )


async def test_what_is_erased_or_changed_is_found_no_more(vault: Vault, vault_database: Database) -> None:
    await index_all(vault)
    await take_all(vault)
    assert rows(vault_database, "SELECT count(*) FROM search_key") == [(9,)]
    rows(vault_database, "UPDATE pii_value SET ciphertext = '' WHERE class_key = 2")  # as an erasure does
    assert await find(vault, "phone", "4567") == set()
    assert rows(vault_database, "SELECT count(*) FROM search_key") == [(6,)]
    rows(vault_database, "DELETE FROM pii_value WHERE class_key = 3")
    assert rows(vault_database, "SELECT count(*) FROM search_key") == [(3,)]


async def test_the_plan_says_how_many_coincidences_to_expect(vault: Vault, vault_database: Database) -> None:
    for number in range(40):
        await take(vault, phone=f"+7916123{number:04}")
    await switch(vault, "demo", "phone", "last4", on=True)
    told = {(each.class_id, each.kind): each for each in await plan(vault, "demo")}
    phone = told["phone", "last4"]
    assert (phone.rows, phone.bits, phone.coincidences, phone.room) == (40, 4, 2.5, 256)
    assert 2 <= phone.coincidences <= phone.rows**0.5
    assert not phone.is_due
    assert told["name", "prefix"].bits is None
    rows(vault_database, "UPDATE search_plan SET bits = 2")
    [again] = [each for each in await plan(vault, "demo") if each.class_id == "phone"]
    assert again.is_due  # 40 rows are more than 2 bits are good for


async def test_a_new_plan_is_carried_out_while_all_is_still_found(vault: Vault, vault_database: Database) -> None:
    await index_all(vault)
    subjects = [await take(vault, phone=f"+7916123{number:04}") for number in range(1000, 1040)]
    await switch(vault, "demo", "phone", "last4", on=True)
    assert rows(vault_database, "SELECT bits, old_bits FROM search_plan WHERE class_key = 2") == [(4, 1)]
    vault.search_plans = SearchPlans(vault.pool)
    assert await find(vault, "phone", "1007") == {subjects[7]}
    await reindex(vault, "demo", load=1, settle=0, batch=7)
    assert rows(vault_database, "SELECT bits, old_bits FROM search_plan WHERE class_key = 2") == [(4, None)]
    vault.search_plans = SearchPlans(vault.pool)
    assert await find(vault, "phone", "1007") == {subjects[7]}
    places = rows(vault_database, "SELECT count(DISTINCT places) FROM search_key")
    assert places[0][0] in range(5, 17)


async def _rotated(vault: Vault, keys: MemoryKeyService, database: Database, *, writes: int) -> None:
    """As `larets keys rotate --kind index` leaves the row, in two steps."""
    if writes == 1:
        await keys.rotate("demo", "index")
    rows(database, "UPDATE tenant SET index_newest = 2, index_writes = %s WHERE id = 'demo'", writes)
    vault.tenants = Tenants(vault.pool)
    vault.index_keys._tenants = vault.tenants


async def test_index_keys_rotate_while_everything_is_found(
    vault: Vault, keys: MemoryKeyService, vault_database: Database
) -> None:
    await index_all(vault)
    people = await take_all(vault)
    known = await take(vault, kind="deterministic", inn="500100732259")
    for writes in (1, 2):
        await _rotated(vault, keys, vault_database, writes=writes)
        assert await find(vault, "phone", "4321") == {people["ivan"]}
        assert await find(vault, "phone", "+79037654321", "exact") == {people["ivan"]}
        results = await tokenise(
            vault, program(), [TokeniseItem(class_id="inn", value="500100732259", kind="deterministic")], request_id="r"
        )
        assert results[0].subject == known  # one value, one token, whatever the version
    late = await take(vault, phone="+79050001122", name="Поздний Гость")
    assert set(rows(vault_database, "SELECT index_version FROM pii_value WHERE digest IS NOT NULL")) == {(1,), (2,)}
    done = await reindex(vault, "demo", load=1, settle=0, batch=3)
    assert (done.version, done.rows, done.damaged) == (2, 12, 0)
    assert set(rows(vault_database, "SELECT index_version FROM pii_value WHERE digest IS NOT NULL")) == {(2,)}
    assert set(rows(vault_database, "SELECT index_version FROM search_key")) == {(2,)}
    rows(vault_database, "UPDATE tenant SET index_oldest = 2 WHERE id = 'demo'")
    vault.tenants = Tenants(vault.pool)
    vault.index_keys._tenants = vault.tenants
    assert await vault.tenants.index_versions("demo") == IndexVersions(2, 2, 2)
    assert await find(vault, "phone", "4321") == {people["ivan"]}
    assert await find(vault, "phone", "1122") == {late}
    assert await find(vault, "name", "Петров") == {people["ivan"]}
    assert await find(vault, "phone", "+79037654321", "exact") == {people["ivan"]}


async def test_without_re_indexing_the_raised_minimum_loses_old_values(
    vault: Vault, keys: MemoryKeyService, vault_database: Database
) -> None:
    """The twin: this is what re-indexing is for, and why the trim refuses before it."""
    people = await take_all(vault)
    await _rotated(vault, keys, vault_database, writes=1)
    await _rotated(vault, keys, vault_database, writes=2)
    assert await find(vault, "phone", "+79037654321", "exact") == {people["ivan"]}
    rows(vault_database, "UPDATE tenant SET index_oldest = 2 WHERE id = 'demo'")
    vault.tenants = Tenants(vault.pool)
    vault.index_keys._tenants = vault.tenants
    assert await find(vault, "phone", "+79037654321", "exact") == set()


async def test_a_run_that_was_killed_goes_on_where_it_stopped(
    vault: Vault, vault_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await take_all(vault)
    await switch(vault, "demo", "phone", "last4", on=True)
    calls = 0

    async def fails(pool: asyncpg.Pool, statement: str, *arguments: object) -> list[object]:
        nonlocal calls
        calls += "ORDER BY v.token LIMIT" in statement
        if calls == 3:
            raise KeyServiceUnavailable
        return await fetch(pool, statement, *arguments)

    fetch = store.fetch
    monkeypatch.setattr(store, "fetch", fails)
    with pytest.raises(KeyServiceUnavailable):
        await reindex(vault, "demo", load=1, settle=0, batch=2)
    monkeypatch.undo()
    assert rows(vault_database, "SELECT done, finished FROM reindex_progress") == [(4, None)]
    done = await reindex(vault, "demo", load=1, settle=0, batch=2)
    assert (done.before, done.rows) == (4, 5)
    vault.search_plans = SearchPlans(vault.pool)
    assert len(await find(vault, "phone", "4567")) == 2


async def test_a_value_that_changes_meanwhile_is_not_found_by_what_it_was(
    vault: Vault, vault_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await take(vault, phone="+79161234567")
    await switch(vault, "demo", "phone", "last4", on=True)

    def changed(*arguments: object, **named: object) -> list[int]:
        rows(vault_database, "UPDATE pii_value SET ciphertext = ciphertext || 'x'")  # between reading and writing
        return original(*arguments, **named)  # type: ignore[arg-type]

    original = parts_module.places_of
    monkeypatch.setattr("pii_vault.operations.reindex.places_of", changed)
    await reindex(vault, "demo", load=1, settle=0)
    assert rows(vault_database, "SELECT count(*) FROM search_key") == [(0,)]


async def test_writers_work_while_indexes_are_rebuilt(vault: Vault) -> None:
    await index_all(vault)
    for number in range(30):
        await take(vault, phone=f"+7916123{number:04}")

    async def writers() -> list[str]:
        return [await take(vault, phone=f"+7916124{number:04}") for number in range(20)]

    _, subjects = await asyncio.gather(reindex(vault, "demo", load=1, settle=0, batch=2), writers())
    for number in (0, 19):
        assert subjects[number] in await find(vault, "phone", f"{number:04}")


async def test_a_corrected_value_is_found_by_what_it_is_now(vault: Vault) -> None:
    await index_all(vault)
    items = [TokeniseItem(class_id="phone", value="+79161234567")]
    [made] = await tokenise(vault, program(), items, request_id="r")
    await correct(vault, staff("officer"), token=made.token or "", value="+79161239999", request_id="r")
    assert await find(vault, "phone", "4567") == set()
    assert await find(vault, "phone", "9999") == {made.subject}
