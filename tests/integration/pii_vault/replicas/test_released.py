"""What may not be released any more is not released, however far behind the standby is.

The standby's replay is halted before each act, so it knows the person as active and has the value and the key.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pii_vault.access.principal import Principal
from pii_vault.assemble import open_vault
from pii_vault.consent.give import give
from pii_vault.consent.texts import add_text
from pii_vault.consent.withdraw import withdraw
from pii_vault.keys.memory import MemoryKeyService
from pii_vault.operations.items import RevealResult
from pii_vault.operations.reveal import reveal
from pii_vault.operations.search import search
from pii_vault.rights.block import block
from pii_vault.rights.correct import correct
from pii_vault.rights.erase import Eraser
from pii_vault.rights.journal import open_journal
from pii_vault.vault import Vault
from tests.integration.pii_vault.replicas.conftest import Crowd, Reads
from tests.support.postgres import Database
from tests.support.replica import Replica
from tests.support.vault import POLICIES, program, rows, staff

NOON = datetime(2026, 11, 20, 9, tzinfo=UTC)  # in Moscow
WHO = 7  # of the crowd


async def look(vault: Vault, crowd: Crowd, purpose: str = "order_processing") -> list[RevealResult]:
    return await reveal(vault, program(), purpose=purpose, tokens=crowd.tokens, request_id="r")


async def blocked(vault: Vault, crowd: Crowd) -> None:
    until = vault.clock() + timedelta(days=7)
    await block(vault, staff("officer"), crowd.bits(WHO), reason="accuracy_check", until=until, request_id="r")


@pytest.fixture
def eraser(vault: Vault, keys: MemoryKeyService, tmp_path: Path) -> Callable[[Crowd], Awaitable[None]]:
    async def act(crowd: Crowd) -> None:
        eraser = Eraser(vault, await open_journal(tmp_path / "erasures.journal", keys))
        order = await eraser.request(staff("officer"), crowd.bits(WHO), reason="subject_request", request_id="r")
        await eraser.advance(order)

    return act


def others(answers: list[RevealResult]) -> list[str | None]:
    return [answer.value for at, answer in enumerate(answers) if at != WHO]


async def test_a_crowd_is_read_from_the_standby(vault: Vault, crowd: Crowd, reads: Reads) -> None:
    assert [answer.value for answer in await look(vault, crowd)] == crowd.phones
    assert reads() == {"replica": 1}


async def test_keys_too_are_read_from_the_standby(vault: Vault, crowd: Crowd, reads: Reads) -> None:
    vault.deks.clear()
    assert [answer.value for answer in await look(vault, crowd)] == crowd.phones
    assert reads() == {"replica": 2}


async def test_a_person_who_was_blocked_is_not_released(
    vault: Vault, crowd: Crowd, replica: Replica, reads: Reads
) -> None:
    with replica.halted():
        await blocked(vault, crowd)
        answers = await look(vault, crowd)
        assert answers[WHO].error == "blocked"
        assert others(answers) == [phone for at, phone in enumerate(crowd.phones) if at != WHO]
        assert reads() == {"behind": 1}


async def test_without_the_mark_a_blocked_person_would_be_released(
    vault: Vault, crowd: Crowd, replica: Replica, vault_database: Database
) -> None:
    rows(vault_database, "DROP TRIGGER move_replica_fence ON subject")
    with replica.halted():
        await blocked(vault, crowd)
        answers = await look(vault, crowd)
    assert answers[WHO].value == crowd.phones[WHO]  # so the test above fails where the protection is removed


async def test_a_person_who_was_erased_is_not_released(
    vault: Vault, crowd: Crowd, replica: Replica, eraser: Callable[[Crowd], Awaitable[None]], reads: Reads
) -> None:
    with replica.halted():
        await eraser(crowd)
        assert (await look(vault, crowd))[WHO].error == "erased"
        # Another worker, which holds no key yet and could get the shredded one from the standby.
        vault.deks.clear()
        assert (await look(vault, crowd))[WHO].error == "erased"
        assert "replica" not in reads()


async def test_without_the_mark_an_erased_person_would_be_released(
    crowd: Crowd,
    replica: Replica,
    eraser: Callable[[Crowd], Awaitable[None]],
    vault_database: Database,
    keys: MemoryKeyService,
) -> None:
    for table in ("subject", "pii_value", "dek"):
        rows(vault_database, f"DROP TRIGGER move_replica_fence ON {table}")
    urls = [replica.url_of(vault_database)]
    with replica.halted():
        await eraser(crowd)
        async with open_vault(vault_database.runtime_url, keys, POLICIES, pool_size=4, replica_urls=urls) as another:
            assert (await look(another, crowd))[WHO].value == crowd.phones[WHO]


def at_noon(role: str) -> Principal:
    who = staff(role)
    return Principal(who.kind, who.id, who.tenant, who.roles, who.contour, NOON - timedelta(minutes=5), who.label)


async def test_a_withdrawn_consent_works_on_the_next_request(
    vault: Vault, crowd: Crowd, replica: Replica, reads: Reads
) -> None:
    vault.clock = lambda: NOON
    await add_text(
        vault, at_noon("officer"), purpose="marketing", text="Согласен получать предложения.", request_id="r"
    )
    await give(
        vault, at_noon("sales"), crowd.bits(WHO), purpose="marketing", channel="call", how="paper", request_id="r"
    )

    async def called() -> list[RevealResult]:
        return await reveal(vault, at_noon("sales"), purpose="marketing", tokens=crowd.tokens, request_id="r")

    with replica.halted():
        await vault.replicas.look()
        assert (await called())[WHO].value == crowd.phones[WHO]
        assert reads() == {"replica": 1}
        await withdraw(vault, at_noon("sales"), crowd.bits(WHO), purpose="marketing", channel="call", request_id="r")
        assert (await called())[WHO].error == "consent_missing"
        assert reads() == {"replica": 1, "behind": 1}


async def test_a_corrected_value_is_the_new_one(vault: Vault, crowd: Crowd, replica: Replica) -> None:
    with replica.halted():
        await correct(vault, staff("officer"), token=crowd.tokens[WHO], value="+79990000000", request_id="r")
        assert (await look(vault, crowd))[WHO].value == "+79990000000"


async def test_an_erased_person_is_not_found(
    vault: Vault, crowd: Crowd, replica: Replica, eraser: Callable[[Crowd], Awaitable[None]], reads: Reads
) -> None:
    async def found(after: int | None = None) -> list[str]:
        who, phone = staff("sales"), crowd.phones[WHO]
        answer = await search(
            vault, who, purpose="order_processing", class_id="phone", value=phone, request_id="r", after=after
        )
        return [each.subject for each in answer]

    assert await found() == [crowd.subjects[WHO]]
    assert reads() == {"replica": 1}
    with replica.halted():
        await eraser(crowd)
        assert await found() == []
        assert await found(after=0) == []  # nobody can ask for less than that
        assert reads() == {"replica": 1, "behind": 2}


async def test_a_standby_that_catches_up_is_asked_again(
    vault: Vault, crowd: Crowd, replica: Replica, reads: Reads
) -> None:
    with replica.halted():
        await blocked(vault, crowd)
        await look(vault, crowd)
    replica.catch_up()
    await vault.replicas.look()
    assert (await look(vault, crowd))[WHO].error == "blocked"
    assert reads() == {"behind": 1, "replica": 1}
