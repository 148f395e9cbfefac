"""Who looked at a person, asked at the vault's own machine; the question is itself on record."""

import pytest

from pii_vault.audit.subject import looks_at
from pii_vault.errors import MalformedToken, NotFound
from pii_vault.operations.items import TokeniseItem
from pii_vault.operations.reveal import reveal
from pii_vault.operations.tokenise import tokenise
from pii_vault.vault import Vault
from tests.support.postgres import Database
from tests.support.vault import program, rows, staff


async def take(vault: Vault, phone: str, *, tenant: str = "demo") -> tuple[str, str]:
    [made] = await tokenise(
        vault, program(tenant=tenant), [TokeniseItem(class_id="phone", value=phone)], request_id="r"
    )
    return made.subject or "", made.token or ""


async def test_each_look_is_told_with_who_why_and_what_was_decided(vault: Vault, vault_database: Database) -> None:
    subject, token = await take(vault, "+79161234567")
    _, other = await take(vault, "+79161234568")
    await reveal(vault, staff("sales"), purpose="delivery", tokens=[token], request_id="r")
    await reveal(vault, staff("marketer"), purpose="order_processing", tokens=[token, other], request_id="r")
    await reveal(vault, staff("sales"), purpose="delivery", tokens=[other], request_id="r")
    for question in (subject, token):
        looks = await looks_at(vault, question)
        told = [(look.who, look.verb, look.purpose, look.persons) for look in looks if look.who != "operator"]
        assert told == [("stf_marketer", "reveal", "order_processing", 2), ("stf_sales", "reveal", "delivery", 1)]
    asked = rows(vault_database, "SELECT count(*) FROM audit_detail WHERE verb = 'audit' AND principal = 'operator'")
    assert asked == [(2,)]


async def test_all_looks_are_told_however_many(vault: Vault) -> None:
    subject, token = await take(vault, "+79161234567")
    for _ in range(203):
        await reveal(vault, program(), purpose="delivery", tokens=[token], request_id="r")
    assert len([look for look in await looks_at(vault, subject) if look.verb == "reveal"]) == 203


@pytest.mark.parametrize(
    ("text", "error"),
    [("sub_x", MalformedToken), ("Анна", MalformedToken), ("tok_phone_x", MalformedToken)],
)
async def test_what_is_no_id_is_refused(vault: Vault, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await looks_at(vault, text)


async def test_an_unknown_person_is_not_found(vault: Vault, vault_database: Database) -> None:
    subject, token = await take(vault, "+79161234567")
    rows(vault_database, "DELETE FROM subject")
    rows(vault_database, "DELETE FROM pii_value")
    for text in (subject, token):
        with pytest.raises(NotFound):
            await looks_at(vault, text)
