"""Tokenise: what is stored, what is found again, what is refused."""

import asyncio

import msgspec
import pytest

from pii_vault.assemble import open_vault
from pii_vault.core.tokens import parse_token
from pii_vault.errors import Forbidden, IdempotencyConflict, InvalidRequest, TenantRefused, UnknownClass
from pii_vault.keys.memory import MemoryKeyService
from pii_vault.operations.errors import Busy
from pii_vault.operations.items import TokeniseItem, TokeniseResult
from pii_vault.operations.reveal import reveal
from pii_vault.operations.tokenise import tokenise
from pii_vault.vault import Vault
from tests.support.persons import person
from tests.support.postgres import Database
from tests.support.vault import POLICIES, program, rows, staff


def item(class_id: str, value: str, subject: str | None = None, *, found_again: bool = False) -> TokeniseItem:
    return TokeniseItem(
        class_id=class_id, value=value, subject=subject, kind="deterministic" if found_again else "random"
    )


async def take(vault: Vault, *items: TokeniseItem, tenant: str = "demo") -> list[TokeniseResult]:
    return await tokenise(vault, program(tenant=tenant), items, request_id="r")


async def test_values_of_one_label_belong_to_one_new_subject(vault: Vault) -> None:
    one = person(1)
    name, phone, alone = await take(
        vault, item("name", one.name, "@1"), item("phone", one.phone, "@1"), item("email", one.email)
    )
    assert name.subject == phone.subject != alone.subject
    assert parse_token(phone.token or "", tenant="demo").class_id == "phone"


async def test_the_database_holds_no_value(vault: Vault, vault_database: Database) -> None:
    one = person(2)
    await take(vault, *(item(c, v, "@1") for c, v in _fields(one)))
    for (table,) in rows(vault_database, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
        dump = str(rows(vault_database, f"SELECT * FROM {table}"))  # noqa: S608  names from the catalogue
        assert not [value for _, value in _fields(one) if value in dump]


def _fields(one: object) -> list[tuple[str, str]]:
    return [(name, getattr(one, name)) for name in ("name", "phone", "email", "address")]


async def test_random_tokens_of_one_value_differ(vault: Vault) -> None:
    first, second = await take(vault, item("phone", "+79001112233"), item("phone", "+79001112233"))
    assert first.token != second.token
    assert first.subject != second.subject


async def test_a_deterministic_token_is_found_again_in_any_spelling(vault: Vault) -> None:
    [first] = await take(vault, item("phone", "+7 900 111-22-33", found_again=True))
    [again] = await take(vault, item("phone", "8 (900) 111 22 33", found_again=True))
    assert again == first


async def test_equal_deterministic_items_of_one_request_share_a_token(vault: Vault) -> None:
    first, second = await take(
        vault, item("email", "a@example.ru", found_again=True), item("email", "A@example.ru", found_again=True)
    )
    assert first == second


async def test_a_random_token_is_never_found_again(vault: Vault) -> None:
    [first] = await take(vault, item("phone", "+79001112233"))
    [second] = await take(vault, item("phone", "+79001112233", found_again=True))
    assert first.token != second.token


async def test_a_value_of_somebody_else_gets_a_new_token_and_a_hint(vault: Vault, vault_database: Database) -> None:
    [first] = await take(vault, item("phone", "+79001112233", found_again=True))
    [second] = await take(vault, item("phone", "+79001112233", "@1", found_again=True))
    assert first.token != second.token
    assert first.subject != second.subject
    assert rows(vault_database, "SELECT count(*) FROM duplicate_hint") == [(1,)]
    [same] = await take(vault, item("phone", "+79001112233", second.subject, found_again=True))
    assert same.token == second.token


async def test_another_shop_finds_nothing(vault: Vault) -> None:
    [first] = await take(vault, item("phone", "+79001112233", found_again=True))
    [second] = await take(vault, item("phone", "+79001112233", found_again=True), tenant="other")
    assert first.token != second.token


async def test_a_value_joins_a_known_subject(vault: Vault) -> None:
    [first] = await take(vault, item("name", "Анна"))
    [second] = await take(vault, item("phone", "+79001112233", first.subject))
    assert second.subject == first.subject
    vault.deks.clear()  # the key comes from the database again
    both = await reveal(
        vault,
        program(),
        purpose="order_processing",
        tokens=[first.token or "", second.token or ""],
        request_id="r",
    )
    assert [result.value for result in both] == ["Анна", "+79001112233"]


async def test_unknown_foreign_and_malformed_subjects_are_refused_by_item(vault: Vault) -> None:
    [theirs] = await take(vault, item("name", "Анна"), tenant="other")
    [mine] = await take(vault, item("name", "Анна"))
    broken = (mine.subject or "")[:-1] + ("0" if (mine.subject or "")[-1] != "0" else "1")
    results = await take(
        vault, item("name", "Анна", theirs.subject), item("name", "Анна", broken), item("name", "Анна")
    )
    assert [result.error for result in results] == ["malformed_token", "malformed_token", None]


async def test_a_bad_value_does_not_stop_the_others(vault: Vault) -> None:
    bad, good = await take(vault, item("phone", "no phone"), item("phone", "+79001112233"))
    assert bad.error == "invalid_value"
    assert good.token


async def test_an_unknown_class_refuses_the_request(vault: Vault) -> None:
    with pytest.raises(UnknownClass):
        await take(vault, item("shoe_size", "41"))


async def test_a_class_without_an_index_has_no_deterministic_tokens(vault: Vault) -> None:
    with pytest.raises(InvalidRequest):
        await take(vault, item("address", "Тверь", found_again=True))


async def test_who_may_take_in_nothing_is_refused_and_recorded(vault: Vault, vault_database: Database) -> None:
    with pytest.raises(Forbidden):
        await tokenise(vault, staff("marketer"), [item("name", "Анна")], request_id="r")
    assert rows(vault_database, "SELECT decision FROM audit_detail") == [("forbidden",)]


async def test_a_class_that_is_not_allowed_is_denied_by_item(vault: Vault) -> None:
    denied, allowed = await tokenise(
        vault, staff("sales"), [item("passport", "45 01 123456"), item("name", "Анна")], request_id="r"
    )
    assert denied.error == "denied"
    assert allowed.token


async def test_an_unknown_tenant_is_refused(vault: Vault) -> None:
    with pytest.raises(TenantRefused):
        await take(vault, item("name", "Анна"), tenant="nobody")


async def test_a_suspended_tenant_is_refused(vault: Vault, vault_database: Database) -> None:
    rows(vault_database, "UPDATE tenant SET status = 'suspended' WHERE id = 'demo'")
    with pytest.raises(TenantRefused):
        await take(vault, item("name", "Анна"))


async def test_an_idempotency_key_repeats_the_answer(vault: Vault, vault_database: Database) -> None:
    items = [item("phone", "+79001112233"), item("name", "Анна")]
    first = await tokenise(vault, program(), items, request_id="r", idempotency_key="k")
    again = await tokenise(vault, program(), items, request_id="r", idempotency_key="k")
    assert again == first
    assert rows(vault_database, "SELECT count(*) FROM pii_value") == [(2,)]
    with pytest.raises(IdempotencyConflict):
        await tokenise(vault, program(), items[:1], request_id="r", idempotency_key="k")
    other = await tokenise(vault, program(), items, request_id="r", idempotency_key="another")
    assert other != first


async def test_an_expired_answer_is_not_repeated(vault: Vault, vault_database: Database) -> None:
    items = [item("phone", "+79001112233")]
    first = await tokenise(vault, program(), items, request_id="r", idempotency_key="k")
    rows(vault_database, "UPDATE idempotency SET expires = now() - interval '1 second'")
    assert await tokenise(vault, program(), items, request_id="r", idempotency_key="k") != first


async def test_simultaneous_requests_with_one_key_store_once(vault: Vault, vault_database: Database) -> None:
    items = [item("phone", "+79001112233")]
    answers = await asyncio.gather(
        *(tokenise(vault, program(), items, request_id="r", idempotency_key="k") for _ in range(8))
    )
    assert all(answer == answers[0] for answer in answers)
    assert rows(vault_database, "SELECT count(*) FROM pii_value") == [(1,)]


async def test_two_workers_make_one_deterministic_token(
    vault: Vault, vault_database: Database, keys: MemoryKeyService
) -> None:
    async with open_vault(vault_database.runtime_url, keys, POLICIES, pool_size=4) as second:
        answers = await asyncio.gather(
            *(
                take(one, item("phone", f"+7900111223{digit}", found_again=True))
                for digit in range(4)
                for one in (vault, second, vault, second)
            )
        )
    assert len({answer[0].token for answer in answers}) == 4
    assert rows(vault_database, "SELECT count(*) FROM pii_value") == [(4,)]


async def test_nothing_shows_a_value(vault: Vault, caplog: pytest.LogCaptureFixture) -> None:
    canary = "Канарейка"
    caplog.set_level("DEBUG")
    one = item("name", canary)
    assert canary not in f"{one!r} {one} {[one]}"
    await take(vault, one, item("phone", canary))
    assert canary not in caplog.text


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"class":"name","value":"x","klass":1}', type=TokeniseItem)


async def test_nothing_is_sealed_under_a_key_that_was_not_stored(vault: Vault, vault_database: Database) -> None:
    """A stored key that does not open is not replaced, and the key made in vain is not used by a later try."""
    [known] = await take(vault, item("name", "Анна"))
    rows(vault_database, "UPDATE dek SET wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1)")
    vault.deks.clear()
    for _ in range(2):
        with pytest.raises(Busy):
            await take(vault, item("phone", "+79001112233", known.subject))
    assert rows(vault_database, "SELECT count(*) FROM pii_value") == [(1,)]


async def test_values_are_kept_as_other_unless_the_caller_inside_says_statutory(
    vault: Vault, vault_database: Database
) -> None:
    [first] = await take(vault, item("name", "Анна"))
    bought = [item("phone", "+79001112233", first.subject)]
    [second] = await tokenise(vault, program(), bought, request_id="r", group="statutory")
    stored = "SELECT retention FROM pii_value ORDER BY created"
    assert rows(vault_database, stored) == [(0,), (1,)]
    assert rows(vault_database, "SELECT retention FROM dek ORDER BY retention") == [(0,), (1,)]
    vault.deks.clear()
    shown = await reveal(
        vault, program(), purpose="order_processing", tokens=[first.token or "", second.token or ""], request_id="r"
    )
    assert [result.value for result in shown] == ["Анна", "+79001112233"]
