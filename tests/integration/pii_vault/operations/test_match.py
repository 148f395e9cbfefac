"""The person of an order: by phone, else by email, else new."""

import asyncio

import pytest

from pii_vault.errors import Forbidden
from pii_vault.operations.items import MatchedPerson, RetentionGroup
from pii_vault.operations.match import match_or_create_person
from pii_vault.operations.reveal import reveal
from pii_vault.vault import Vault
from tests.support.postgres import Database
from tests.support.vault import program, rows

PHONE, EMAIL = "+79001234567", "anna@example.ru"


async def match(
    vault: Vault,
    phone: str | None = None,
    email: str | None = None,
    *,
    role: str = "gateway",
    group: RetentionGroup = "other",
    **fields: str,
) -> MatchedPerson:
    return await match_or_create_person(
        vault, program(role=role), phone=phone, email=email, fields=fields, request_id="r", group=group
    )


async def test_a_new_person_is_opened_with_all_fields(vault: Vault) -> None:
    person = await match(vault, PHONE, EMAIL, name="Анна", address="Тверь, Садовая, 1")
    assert person.created
    assert set(person.tokens) == {"phone", "email", "name", "address"}


async def test_the_same_order_again_gives_the_same_tokens(vault: Vault, vault_database: Database) -> None:
    first = await match(vault, PHONE, EMAIL, name="Анна", address="Тверь, Садовая, 1")
    again = await match(vault, "8 900 123 45 67", EMAIL.upper(), name="Анна", address="Тверь, Садовая, 1")
    assert (again.subject, again.tokens, again.created) == (first.subject, first.tokens, False)
    assert rows(vault_database, "SELECT count(*) FROM pii_value") == [(4,)]


async def test_a_changed_field_is_added_to_the_person(vault: Vault) -> None:
    first = await match(vault, PHONE, None, name="Анна")
    second = await match(vault, PHONE, EMAIL, name="Анна", address="Тула")
    assert second.subject == first.subject
    assert second.tokens["name"] == first.tokens["name"]
    third = await match(vault, None, EMAIL)
    assert third.subject == first.subject


async def test_phone_and_email_of_two_people_open_a_third_with_hints(vault: Vault, vault_database: Database) -> None:
    by_phone, by_email = await match(vault, PHONE), await match(vault, None, EMAIL)
    third = await match(vault, PHONE, EMAIL)
    assert third.created
    assert third.possible_duplicate
    assert third.subject not in (by_phone.subject, by_email.subject)
    assert rows(vault_database, "SELECT count(*) FROM duplicate_hint") == [(2,)]
    again = await match(vault, PHONE, EMAIL)
    assert again.subject == third.subject
    assert not again.created


async def test_nobody_is_matched_by_name_alone(vault: Vault) -> None:
    first = await match(vault, name="Анна")
    second = await match(vault, name="Анна")
    assert first.subject != second.subject


async def test_a_value_that_does_not_fit_is_kept_as_text(vault: Vault) -> None:
    person = await match(vault, "после шести", EMAIL)
    assert set(person.tokens) == {"text", "email"}
    who = program()
    [answer] = await reveal(vault, who, purpose="order_processing", tokens=[person.tokens["text"]], request_id="r")
    assert answer.value == "после шести"


async def test_retention_groups_do_not_share_tokens(vault: Vault, vault_database: Database) -> None:
    first = await match(vault, PHONE)
    second = await match(vault, PHONE, group="statutory")
    assert second.subject == first.subject
    assert second.tokens != first.tokens
    assert rows(vault_database, "SELECT count(*) FROM dek") == [(2,)]


async def test_a_blocked_person_is_not_matched(vault: Vault, vault_database: Database) -> None:
    first = await match(vault, PHONE)
    rows(vault_database, "UPDATE subject SET state = 'b'")
    assert (await match(vault, PHONE)).subject != first.subject


async def test_simultaneous_orders_of_one_person_open_it_once(vault: Vault, vault_database: Database) -> None:
    people = await asyncio.gather(*(match(vault, PHONE, EMAIL, name="Анна") for _ in range(6)))
    assert len({person.subject for person in people}) == 1
    assert sum(person.created for person in people) == 1
    assert rows(vault_database, "SELECT count(*) FROM pii_value") == [(3,)]


async def test_who_may_not_take_in_matches_nobody(vault: Vault, vault_database: Database) -> None:
    with pytest.raises(Forbidden):
        await match(vault, PHONE, role="public_service")
    assert rows(vault_database, "SELECT decision FROM audit_detail") == [("forbidden",)]
