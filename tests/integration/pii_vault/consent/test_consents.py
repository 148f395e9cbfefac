"""Consents: taken with their evidence, confirmed by a code, obeyed by the next request, withdrawn at once."""

from datetime import UTC, datetime, timedelta

import pytest

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.consent.ask import renew_code
from pii_vault.consent.errors import (
    AskedOften,
    CodeNeeded,
    ConsentInForce,
    NoConsentNeeded,
    UnknownConsentText,
    WrongCode,
)
from pii_vault.consent.give import confirm, give
from pii_vault.consent.history import astray, consents_of
from pii_vault.consent.status import allowed
from pii_vault.consent.texts import add_text, list_texts
from pii_vault.consent.withdraw import withdraw
from pii_vault.core.tokens import parse_subject
from pii_vault.errors import Forbidden
from pii_vault.operations.items import RevealResult, TokeniseItem
from pii_vault.operations.reveal import reveal
from pii_vault.operations.tokenise import tokenise
from pii_vault.packed import FETCH_PACKED
from pii_vault.rights.block import block
from pii_vault.rights.errors import SubjectErased
from pii_vault.vault import Vault
from tests.support.consents import ask_by_message
from tests.support.postgres import Database
from tests.support.vault import program, rows, staff

NOON = datetime(2026, 11, 20, 9, tzinfo=UTC)  # in Moscow
PHONE, NAME, EMAIL = "+79161234567", "Вера Орлова", "vera@example.ru"


class Person:
    def __init__(self, subject: str, tokens: list[str]) -> None:
        self.bits = parse_subject(subject, tenant="demo")
        self.tokens = tokens


@pytest.fixture
async def person(vault: Vault) -> Person:
    vault.clock = lambda: NOON
    values = (("phone", PHONE), ("name", NAME), ("email", EMAIL))
    items = [TokeniseItem(class_id=class_id, value=value, subject="@1") for class_id, value in values]
    results = await tokenise(vault, program(), items, request_id="r")
    await add_text(vault, officer(), purpose="marketing", text="Согласен получать предложения.", request_id="r")
    return Person(results[0].subject or "", [result.token or "" for result in results])


def sales() -> Principal:
    return _with_factor(staff("sales"))


def officer() -> Principal:
    return _with_factor(staff("officer"))


def _with_factor(who: Principal) -> Principal:
    return Principal(who.kind, who.id, who.tenant, who.roles, who.contour, NOON - timedelta(minutes=5), who.label)


async def look(vault: Vault, person: Person) -> list[RevealResult]:
    return await reveal(vault, sales(), purpose="marketing", tokens=person.tokens, request_id="r")


async def call_consent(vault: Vault, person: Person) -> str:
    return await give(vault, sales(), person.bits, purpose="marketing", channel="call", how="paper", request_id="r")


async def may(vault: Vault, person: Person, channel: str, purpose: str = "marketing") -> bool:
    return await allowed(vault, await vault.tenants.key("demo"), person.bits, purpose, channel)


async def test_a_reveal_obeys_the_consent_and_its_withdrawal_on_the_next_request(vault: Vault, person: Person) -> None:
    assert [answer.error for answer in await look(vault, person)] == ["consent_missing", "consent_missing", "denied"]
    await call_consent(vault, person)
    assert [answer.value for answer in await look(vault, person)] == [PHONE, NAME, None]
    ended = await withdraw(vault, sales(), person.bits, purpose="marketing", channel="call", request_id="r")
    assert ended == ["call"]
    assert [answer.error for answer in await look(vault, person)] == ["consent_missing", "consent_missing", "denied"]


async def test_a_consent_of_one_person_is_none_of_another(vault: Vault, person: Person) -> None:
    await call_consent(vault, person)
    [other] = await tokenise(vault, program(), [TokeniseItem(class_id="phone", value="+79167654321")], request_id="r")
    answers = await reveal(
        vault, sales(), purpose="marketing", tokens=[other.token or "", person.tokens[0]], request_id="r"
    )
    assert [answer.error for answer in answers] == ["consent_missing", None]


async def test_the_relay_is_told_by_channel(vault: Vault, person: Person, vault_database: Database) -> None:
    await give(vault, sales(), person.bits, purpose="marketing", channel="sms", how="call", request_id="r")
    assert await may(vault, person, "sms")
    assert not await may(vault, person, "email")
    assert not await may(vault, person, "pigeon")
    assert await may(vault, person, "email", purpose="order_processing")  # rests on the contract
    until = NOON + timedelta(days=10)
    await block(vault, officer(), person.bits, reason="accuracy_check", until=until, request_id="r")
    assert not await may(vault, person, "sms")
    assert not await may(vault, person, "sms", purpose="order_processing")
    rows(vault_database, "UPDATE subject SET state = 'e'")
    assert not await may(vault, person, "sms")


async def test_no_look_costs_a_statement_more_for_a_larger_batch(
    vault: Vault, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await call_consent(vault, person)
    items = [TokeniseItem(class_id="name", value=f"Имя {n}", subject="@1") for n in range(300)]
    many = [result.token or "" for result in await tokenise(vault, program(), items, request_id="r")]
    statements: list[str] = []
    real = store.fetch

    async def counted(pool: object, statement: str, *arguments: object) -> list[object]:
        statements.append(statement)
        return await real(pool, statement, *arguments)

    monkeypatch.setattr(store, "fetch", counted)
    await reveal(vault, sales(), purpose="marketing", tokens=[*many, *person.tokens], request_id="r")
    assert statements.count(FETCH_PACKED) == 1
    assert len(statements) <= 4


async def test_a_double_opt_in_is_in_force_only_when_the_code_came_back(
    vault: Vault, person: Person, vault_database: Database
) -> None:
    with pytest.raises(CodeNeeded):
        await give(vault, sales(), person.bits, purpose="marketing", channel="email", how="web_form", request_id="r")
    asked = await ask_by_message(vault, person.bits)
    assert not await may(vault, person, "email")
    [(stored,)] = rows(vault_database, "SELECT code FROM consent")
    assert isinstance(stored, bytes)
    assert asked.code.encode() not in stored
    for wrong in ("", "wrong", asked.code[:-1]):
        with pytest.raises(WrongCode):
            await confirm(vault, "demo", consent=asked.consent, code=wrong, request_id="r")
    assert not await may(vault, person, "email")
    await confirm(vault, "demo", consent=asked.consent, code=asked.code, request_id="r")
    assert await may(vault, person, "email")
    with pytest.raises(WrongCode):  # once
        await confirm(vault, "demo", consent=asked.consent, code=asked.code, request_id="r")
    verbs = rows(vault_database, "SELECT verb, decision FROM audit_detail WHERE verb LIKE 'consent_c%' ORDER BY idx")
    assert verbs == [("consent_confirm", "wrong_code")] * 3 + [
        ("consent_confirm", "allow"),
        ("consent_confirm", "wrong_code"),
    ]


async def test_codes_end_by_time_by_attempts_by_tenant_and_by_a_new_asking(vault: Vault, person: Person) -> None:
    async def asked() -> tuple[str, str]:
        made = await ask_by_message(vault, person.bits)
        return made.consent, made.code

    async def refused(consent: str, code: str, tenant: str = "demo") -> None:
        with pytest.raises(WrongCode):
            await confirm(vault, tenant, consent=consent, code=code, request_id="r")
        assert not await may(vault, person, "email")

    day = timedelta(days=1, minutes=1)
    consent, code = await asked()
    await refused(consent, code, tenant="other")
    await refused("cns_" + "0" * 26, code)
    fresh = await asked()
    await refused(consent, code)
    for _ in range(vault.consents.code_attempts):
        await refused(fresh[0], "guess")
    await refused(*fresh)
    late = await asked()
    vault.clock = lambda: NOON + timedelta(minutes=1441)
    await refused(*late)
    vault.clock = lambda: NOON + day
    resent = await asked()  # a message that is sent again has a new code, and the old one is void
    fresh_code = await renew_code(vault, await vault.tenants.key("demo"), resent[0])
    await refused(*resent)
    await confirm(vault, "demo", consent=resent[0], code=fresh_code or "", request_id="r")
    assert await may(vault, person, "email")
    assert await renew_code(vault, await vault.tenants.key("demo"), resent[0]) is None  # nothing is asked any more


async def test_nobody_is_asked_over_and_over(vault: Vault, person: Person) -> None:
    for _ in range(vault.consents.asks_per_day):
        await ask_by_message(vault, person.bits)
    with pytest.raises(AskedOften):
        await ask_by_message(vault, person.bits)
    await ask_by_message(vault, person.bits, channel="sms")  # each channel counts for itself
    vault.clock = lambda: NOON + timedelta(days=1, minutes=1)
    await ask_by_message(vault, person.bits)


async def test_the_evidence_says_what_when_how_and_by_whom(vault: Vault, person: Person) -> None:
    await call_consent(vault, person)
    with pytest.raises(ConsentInForce):
        await call_consent(vault, person)
    second = await add_text(vault, officer(), purpose="marketing", text="Иначе сказано.", request_id="r")
    await withdraw(vault, officer(), person.bits, purpose="marketing", channel=None, request_id="r")
    vault.clock = lambda: NOON + timedelta(minutes=1)
    await call_consent(vault, person)
    first, again = await consents_of(vault, "demo", person.bits)
    assert (first["status"], first["text_version"], first["withdrawn_by"]) == ("withdrawn", 1, "stf_officer")
    assert (again["status"], again["text_version"], again["how"]) == ("in_force", 2, "paper")
    assert again["text_sha256"] == second.digest.hex() != first["text_sha256"]
    assert (first["given"], again["given_by"]) == (NOON.isoformat(), "stf_sales")
    assert [text["version"] for text in await list_texts(vault, "demo")] == [1, 2]


async def test_bits_that_no_row_bears_out_are_found(vault: Vault, person: Person, vault_database: Database) -> None:
    await call_consent(vault, person)
    assert await astray(vault, "demo") == []
    rows(vault_database, "UPDATE subject SET consents = consents | 1")
    assert len(await astray(vault, "demo")) == 1


async def test_what_cannot_be_consented_to_is_refused(vault: Vault, person: Person) -> None:
    with pytest.raises(NoConsentNeeded):
        await give(vault, sales(), person.bits, purpose="delivery", channel="call", how="call", request_id="r")
    with pytest.raises(UnknownConsentText):
        await give(
            vault, sales(), person.bits, purpose="marketing", channel="call", how="call", request_id="r", text_version=9
        )
    with pytest.raises(Forbidden):
        await give(
            vault, staff("warehouse"), person.bits, purpose="marketing", channel="call", how="call", request_id="r"
        )
    with pytest.raises(Forbidden):
        await withdraw(vault, staff("warehouse"), person.bits, purpose="marketing", channel=None, request_id="r")


async def test_an_erased_person_gives_none(vault: Vault, person: Person, vault_database: Database) -> None:
    asked = await ask_by_message(vault, person.bits)
    rows(vault_database, "UPDATE subject SET state = 'e'")
    with pytest.raises(SubjectErased):
        await call_consent(vault, person)
    with pytest.raises(SubjectErased):
        await confirm(vault, "demo", consent=asked.consent, code=asked.code, request_id="r")
