"""Reveal and mask: who sees what, and what a broken row gives."""

import os

import pytest

from pii_vault.core.tokens import new_token_text, parse_token
from pii_vault.errors import (
    AuditUnavailable,
    BudgetExceeded,
    Forbidden,
    KeyServiceUnavailable,
    StoreUnavailable,
    UnknownPurpose,
)
from pii_vault.keys.memory import MemoryKeyService
from pii_vault.operations.items import RevealResult, TokeniseItem
from pii_vault.operations.reveal import reveal
from pii_vault.operations.tokenise import tokenise
from pii_vault.vault import Vault
from tests.support.postgres import Database
from tests.support.vault import outage, program, rows, staff

PHONE = "+79001234567"


async def take(vault: Vault, tenant: str = "demo", **values: str) -> list[str]:
    items = [TokeniseItem(class_id=name, value=value, subject="@1") for name, value in values.items()]
    results = await tokenise(vault, program(tenant=tenant), items, request_id="r")
    return [result.token or "" for result in results]


async def look(
    vault: Vault, role: str, *tokens: str, purpose: str = "order_processing", mask: bool = False
) -> list[RevealResult]:
    who = program() if role == "program" else staff(role)
    return await reveal(vault, who, purpose=purpose, tokens=tokens, request_id="r", action="mask" if mask else "reveal")


@pytest.mark.parametrize(
    ("role", "value", "mask", "error"),
    [
        ("sales", PHONE, None, None),
        ("owner", PHONE, None, None),
        ("program", PHONE, None, None),
        ("marketer", None, "+7 *** ***-45-67", None),
        ("officer", None, "+7 *** ***-45-67", None),
    ],
)
async def test_each_role_sees_what_the_matrix_lets_it(
    vault: Vault, role: str, value: str | None, mask: str | None, error: str | None
) -> None:
    tokens = await take(vault, phone=PHONE)
    assert await look(vault, role, *tokens) == [RevealResult(value=value, mask=mask, error=error)]


async def test_the_warehouse_is_denied_the_phone_with_a_reason(vault: Vault) -> None:
    phone, name = await take(vault, phone=PHONE, name="Анна Соколова")
    answers = await look(vault, "warehouse", phone, name, purpose="delivery")
    assert answers[0].error == "denied"
    assert answers[0].reason
    assert answers[1].value == "Анна Соколова"


async def test_an_old_second_factor_gives_no_value(vault: Vault) -> None:
    tokens = await take(vault, phone=PHONE)
    for age in (None,):
        who = staff("sales", second_factor_age=age)
        [answer] = await reveal(vault, who, purpose="order_processing", tokens=tokens, request_id="r")
        assert answer.value is None


async def test_mask_never_gives_a_value(vault: Vault) -> None:
    tokens = await take(vault, phone=PHONE)
    assert await look(vault, "sales", *tokens, mask=True) == [RevealResult(mask="+7 *** ***-45-67")]


async def test_results_stand_in_the_order_asked(vault: Vault) -> None:
    phone, name = await take(vault, phone=PHONE, name="Анна")
    answers = await look(vault, "program", name, phone, name)
    assert [answer.value for answer in answers] == ["Анна", PHONE, "Анна"]


async def test_unknown_and_foreign_tokens_give_one_answer(vault: Vault) -> None:
    [theirs] = await take(vault, tenant="other", phone=PHONE)
    foreign = new_token_text("phone", tenant="demo", bits=parse_token(theirs, tenant="other").bits)
    unknown = new_token_text("phone", tenant="demo", bits=os.urandom(16))
    assert await look(vault, "program", foreign, unknown) == [RevealResult(error="unknown_token")] * 2
    assert await look(vault, "program", theirs, "tok_phone_x") == [RevealResult(error="malformed_token")] * 2


async def test_a_token_under_another_class_is_unknown(vault: Vault) -> None:
    [phone] = await take(vault, phone=PHONE)
    as_name = new_token_text("name", tenant="demo", bits=parse_token(phone, tenant="demo").bits)
    assert await look(vault, "warehouse", as_name, purpose="delivery") == [RevealResult(error="unknown_token")]


async def test_one_token_under_two_classes_is_never_answered_under_the_forged_one(vault: Vault) -> None:
    phone, name = await take(vault, phone=PHONE, name="Анна")
    forged = new_token_text("name", tenant="demo", bits=parse_token(phone, tenant="demo").bits)
    for tokens in ([name, forged, phone], [name, phone, forged]):
        answers = dict(zip(tokens, await look(vault, "program", *tokens), strict=True))
        assert answers[name].value == "Анна"
        assert answers[forged] == RevealResult(error="unknown_token")
    assert [answer.value for answer in await look(vault, "program", phone, phone)] == [PHONE, PHONE]


async def test_a_token_of_a_class_that_nobody_registered_says_so(vault: Vault) -> None:
    text = new_token_text("shoe_size", tenant="demo", bits=os.urandom(16))
    assert await look(vault, "program", text) == [RevealResult(error="unknown_class")]


async def test_a_purpose_that_allows_nothing_refuses_the_request(vault: Vault, vault_database: Database) -> None:
    tokens = await take(vault, phone=PHONE)
    with pytest.raises(Forbidden):
        await look(vault, "warehouse", *tokens, purpose="accounting")
    with pytest.raises(UnknownPurpose):
        await look(vault, "sales", *tokens, purpose="curiosity")
    refused = rows(vault_database, "SELECT verb, purpose, decision FROM audit_detail WHERE verb = 'reveal'")
    assert refused == [("reveal", "accounting", "forbidden")]


async def test_a_ciphertext_moved_between_rows_gives_no_value(
    vault: Vault, vault_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = await take(vault, phone=PHONE, email="a@example.ru")
    bits = [parse_token(token, tenant="demo").bits.hex() for token in (one, two)]
    rows(
        vault_database,
        "UPDATE pii_value SET ciphertext = (SELECT ciphertext FROM pii_value WHERE token = %s::uuid)"
        " WHERE token = %s::uuid",
        *bits,
    )
    assert await look(vault, "program", one, two) == [
        RevealResult(value=PHONE),
        RevealResult(error="tampered_ciphertext"),
    ]
    assert "integrity" in caplog.text
    assert PHONE not in caplog.text


async def test_a_value_moved_to_another_subject_or_class_gives_no_value(vault: Vault, vault_database: Database) -> None:
    [mine] = await take(vault, phone=PHONE)
    await take(vault, phone="+79007654321")
    rows(
        vault_database,
        "UPDATE pii_value SET subject = (SELECT max(subject::text)::uuid FROM pii_value p"
        " WHERE p.subject <> pii_value.subject) WHERE token = %s::uuid",
        parse_token(mine, tenant="demo").bits.hex(),
    )
    assert await look(vault, "program", mine) == [RevealResult(error="tampered_ciphertext")]
    [other] = await take(vault, phone=PHONE)
    rows(vault_database, "UPDATE pii_value SET class_key = 1")
    as_name = new_token_text("name", tenant="demo", bits=parse_token(other, tenant="demo").bits)
    assert await look(vault, "program", as_name) == [RevealResult(error="tampered_ciphertext")]


async def test_a_key_moved_to_another_subject_opens_nothing(vault: Vault, vault_database: Database) -> None:
    [mine] = await take(vault, phone=PHONE)
    [theirs] = await take(vault, phone="+79007654321")
    rows(
        vault_database,
        "UPDATE dek SET wrapped = (SELECT wrapped FROM dek d WHERE d.subject <> dek.subject)"
        " WHERE subject = (SELECT subject FROM pii_value WHERE token = %s::uuid)",
        parse_token(mine, tenant="demo").bits.hex(),
    )
    vault.deks.clear()
    answers = await look(vault, "program", mine, theirs)
    assert answers == [RevealResult(error="tampered_ciphertext"), RevealResult(value="+79007654321")]


async def test_a_missing_kek_version_hides_its_own_values_and_no_others(
    vault: Vault, keys: MemoryKeyService, vault_database: Database
) -> None:
    old = await take(vault, phone=PHONE, name="Анна Соколова")
    version = await keys.rotate("demo", "kek")
    vault.ready.forget("demo")
    new = await take(vault, phone="+79007654321")
    await keys.raise_minimum("demo", "kek", version)
    await keys.trim("demo", "kek")
    vault.deks.clear()
    answers = await look(vault, "program", *old, *new)
    assert answers == [
        RevealResult(error="key_missing"),
        RevealResult(error="key_missing"),
        RevealResult(value="+79007654321"),
    ]
    [(counts,)] = rows(vault_database, "SELECT counts FROM audit_detail ORDER BY idx DESC LIMIT 1")
    assert counts == {"key_missing": {"phone": 1, "name": 1}, "value": {"phone": 1}}


async def test_many_keys_are_opened_around_one_that_belongs_elsewhere(vault: Vault, vault_database: Database) -> None:
    tokens = [(await take(vault, phone=f"+7900000000{number}"))[0] for number in range(7)]
    rows(
        vault_database,
        "UPDATE dek SET wrapped = overlay(wrapped placing '\\x00ff00ff'::bytea from 20)"
        " WHERE subject = (SELECT subject FROM pii_value WHERE token = %s::uuid)",
        parse_token(tokens[4], tenant="demo").bits.hex(),
    )
    vault.deks.clear()
    answers = await look(vault, "program", *tokens)
    assert [answer.error for answer in answers] == [None] * 4 + ["tampered_ciphertext"] + [None] * 2


async def test_a_shredded_key_means_erased(vault: Vault, vault_database: Database) -> None:
    tokens = await take(vault, phone=PHONE)
    rows(vault_database, "DELETE FROM dek")
    vault.deks.clear()
    assert await look(vault, "program", *tokens) == [RevealResult(error="erased")]


async def test_a_blocked_subject_is_not_shown(vault: Vault, vault_database: Database) -> None:
    tokens = await take(vault, phone=PHONE)
    rows(vault_database, "UPDATE subject SET state = 'b'")
    [answer] = await look(vault, "sales", *tokens)
    assert answer.error == "blocked"
    rows(vault_database, "UPDATE subject SET state = 'e'")
    assert await look(vault, "sales", *tokens) == [RevealResult(error="erased")]


async def test_the_record_holds_counts_and_no_value(vault: Vault, vault_database: Database) -> None:
    phone, name = await take(vault, phone=PHONE, name="Анна")
    await look(vault, "marketer", phone, name, "tok_x")
    everything = str(rows(vault_database, "SELECT * FROM audit_log")) + str(
        rows(vault_database, "SELECT * FROM audit_detail")
    )
    assert PHONE not in everything
    assert "Анна" not in everything
    assert "45-67" not in everything


async def test_the_budget_counts_persons_and_refuses_beyond_it(
    vault: Vault, vault_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(vault.budgets._limits, "sales", {"reveal": 2, "search": 0})
    phone, name = await take(vault, phone=PHONE, name="Анна")
    [another] = await take(vault, phone="+79007654321")
    await look(vault, "sales", phone, name)  # one person
    await look(vault, "sales", phone, mask=True)  # masks are free
    await look(vault, "sales", another)
    with pytest.raises(BudgetExceeded):
        await look(vault, "sales", phone)
    assert ("budget_exceeded",) in rows(vault_database, "SELECT decision FROM audit_detail")
    assert (await look(vault, "owner", phone))[0].value == PHONE


async def test_an_audit_log_that_cannot_be_written_releases_nothing(vault: Vault) -> None:
    tokens = await take(vault, phone=PHONE)
    await vault.audit.stop()
    with pytest.raises(AuditUnavailable):
        await look(vault, "program", *tokens)


async def test_a_key_service_that_is_gone_releases_nothing(vault: Vault, keys: MemoryKeyService) -> None:
    tokens = await take(vault, phone=PHONE)
    vault.deks.clear()
    keys.available = False
    with pytest.raises(KeyServiceUnavailable):
        await look(vault, "program", *tokens)
    keys.available = True
    assert (await look(vault, "program", *tokens))[0].value == PHONE


async def test_a_database_that_is_gone_is_unavailable_until_it_is_back(vault: Vault, vault_database: Database) -> None:
    tokens = await take(vault, phone=PHONE)
    with outage(vault_database), pytest.raises((StoreUnavailable, AuditUnavailable)):
        await look(vault, "program", *tokens)
    assert (await look(vault, "program", *tokens))[0].value == PHONE


def test_a_result_shows_no_value() -> None:
    assert PHONE not in repr(RevealResult(value=PHONE))
