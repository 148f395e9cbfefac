"""A restored backup serves nothing, and an erased person does not come back with it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import psycopg
import pytest
from psycopg import sql
from starlette.types import Receive, Scope, Send

from pii_vault.api.auth import Authenticator
from pii_vault.errors import VaultError
from pii_vault.operations.reveal import reveal
from pii_vault.rights import gate as gates
from pii_vault.rights.erasure import erasures_of
from pii_vault.rights.errors import JournalBroken, RestorePending
from pii_vault.rights.gate import RestoreGate
from pii_vault.rights.prove import prove
from pii_vault.rights.restore import compare, replay
from pii_vault.vault import Vault
from tests.integration.pii_vault.rights.conftest import NAME, PHONE, Desk, Kept
from tests.support.postgres import Database
from tests.support.vault import outage, program, rows

TABLES = ("subject", "dek", "pii_value", "mention", "erasure", "erasure_document", "gateway_outbox", "cache_order")


@contextmanager
def restored(database: Database) -> Iterator[None]:
    """Within, anything may happen; after it these tables are again what they were before."""
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        for table in TABLES:
            connection.execute(
                sql.SQL("CREATE TABLE {} AS TABLE {}").format(sql.Identifier("kept_" + table), sql.Identifier(table))
            )
        yield
        connection.execute("SET session_replication_role = replica")
        connection.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, TABLES))))
        for table in TABLES:
            override = sql.SQL("OVERRIDING SYSTEM VALUE " if table == "cache_order" else "")
            connection.execute(
                sql.SQL("INSERT INTO {} {}TABLE {}").format(
                    sql.Identifier(table), override, sql.Identifier("kept_" + table)
                )
            )


async def erase(desk: Desk, person: Kept) -> None:
    erasure = await desk.eraser.request(desk.officer, person.bits, reason="subject_request", request_id="r")
    await desk.eraser.advance(erasure)


async def seen(vault: Vault, person: Kept) -> set[tuple[str | None, str | None]]:
    answers = await reveal(
        vault, program(), purpose="order_processing", tokens=list(person.tokens.values()), request_id="r"
    )
    return {(answer.value, answer.error) for answer in answers}


async def status(gate: RestoreGate, path: str = "/anything") -> tuple[int, str]:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b'{"code": "served"}'})

    transport = httpx.ASGITransport(gate.before(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://vault.test") as client:
        answer = await client.get(path)
        return answer.status_code, answer.json()["code"]


async def test_a_restored_backup_serves_nothing_until_the_journal_is_replayed(desk: Desk) -> None:
    person, other = await desk.take(phone=PHONE, name=NAME), await desk.take(phone="+79161112233")
    kept = await desk.take(other.text, "statutory", name=NAME)
    gate = RestoreGate(desk.vault, desk.journal)
    with restored(desk.database):
        await erase(desk, person)
        await erase(desk, other)
        assert await gate.look()
    desk.vault.deks.clear()
    assert await seen(desk.vault, person) == {(PHONE, None), (NAME, None)}  # what the backup would give away
    assert not await gate.look()
    assert await status(gate) == (503, "restore_pending")
    assert await status(gate, "/healthz") == (200, "served")
    authenticator = Authenticator(desk.vault, cast("Any", SimpleNamespace()))
    with pytest.raises(RestorePending):
        await authenticator.caller({"headers": []})
    done = await replay(desk.vault, desk.journal)
    assert done == {"replayed": 2, "of_other_tenants": 0, "mails_held": 0}
    assert await gate.look()
    assert await status(gate) == (200, "served")
    assert await seen(desk.vault, person) == {(None, "erased")}
    assert await seen(desk.vault, other) == {(None, "erased")}
    assert await seen(desk.vault, kept) == {(None, "blocked")}
    await desk.eraser.advance_all()
    assert (await prove(desk.vault, desk.journal, "demo", person.bits)).holds
    assert (await prove(desk.vault, desk.journal, "demo", other.bits)).holds
    assert (await erasures_of(desk.vault, "demo", other.bits))[0].kept_until is not None
    events = rows(desk.database, "SELECT count(*) FROM gateway_outbox WHERE object = 'subject'")
    assert events == [(2,)]  # the public contour may have been restored as well: it is told again
    assert await replay(desk.vault, desk.journal) == {"replayed": 0, "of_other_tenants": 0, "mails_held": 0}


async def test_a_backup_made_between_the_order_and_the_block_serves_nothing_either(desk: Desk) -> None:
    person = await desk.take(phone=PHONE)
    erasure = await desk.eraser.request(desk.officer, person.bits, reason="subject_request", request_id="r")
    gate = RestoreGate(desk.vault, desk.journal)
    assert await gate.look(whole=True)  # ordered and not begun: no line yet
    with restored(desk.database):
        await desk.eraser.advance(erasure)
    desk.vault.deks.clear()
    assert await seen(desk.vault, person) == {(PHONE, None)}  # what the backup would give away
    assert not await gate.look()
    assert await status(gate) == (503, "restore_pending")
    assert await replay(desk.vault, desk.journal) == {"replayed": 1, "of_other_tenants": 0, "mails_held": 0}
    assert await gate.look()
    assert await seen(desk.vault, person) == {(None, "erased")}


async def test_a_backup_put_under_a_running_vault_is_found_and_replayed_by_itself_where_that_is_wished(
    desk: Desk,
) -> None:
    person = await desk.take(phone=PHONE)
    gate = RestoreGate(desk.vault, desk.journal, replay="automatic")
    assert await gate.look(whole=True)
    with restored(desk.database):
        await erase(desk, person)
    assert await gate.look()
    assert await seen(desk.vault, person) == {(None, "erased")}


async def test_an_error_nobody_foresaw_shuts_the_gate_and_does_not_end_the_watching(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "LOOK_SECONDS", 0.01)
    blind = asyncio.Event()

    async def look(*arguments: Any, **named: Any) -> Any:
        if blind.is_set():
            raise ZeroDivisionError
        return await compare(*arguments, **named)

    monkeypatch.setattr(gates, "compare", look)
    async with gates.watching(desk.vault, desk.journal) as gate, asyncio.timeout(10):
        assert await status(gate) == (200, "served")
        blind.set()
        while await status(gate) != (503, "restore_gate_blind"):  # noqa: ASYNC110  the gate looks by itself
            await asyncio.sleep(0.005)
        blind.clear()
        await gate.opened()
        assert await status(gate) == (200, "served")


@pytest.mark.parametrize("whole", [0.05, 3600.0])
async def test_a_line_of_long_ago_that_is_changed_under_a_vault_that_runs_is_found_by_its_whole_look(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: float
) -> None:
    monkeypatch.setattr(gates, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(gates, "WHOLE_SECONDS", whole)
    for _ in range(2):
        await erase(desk, await desk.take(phone=PHONE))
    path = tmp_path / "erasures.journal"
    async with gates.watching(desk.vault, desk.journal) as gate:
        path.write_bytes(path.read_bytes().replace(b'"reason":"subject_request"', b'"reason":"purpose_reached"', 1))
        if whole > 1:
            await asyncio.sleep(0.5)
            assert await status(gate) == (200, "served")
            return
        async with asyncio.timeout(10):
            while await status(gate) != (503, "erasure_journal_broken"):  # noqa: ASYNC110  the gate looks by itself
                await asyncio.sleep(0.01)


async def test_a_person_the_backup_never_knew_stays_erased(desk: Desk) -> None:
    with restored(desk.database):
        person = await desk.take(phone=PHONE)
        await erase(desk, person)
    await replay(desk.vault, desk.journal)
    state = rows(desk.database, "SELECT state::text FROM subject WHERE id = %s::uuid", person.bits.hex())
    assert state == [("e",)]


async def test_an_interrupted_erasure_is_no_restore(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    person = await desk.take(phone=PHONE)
    erasure = await desk.eraser.request(desk.officer, person.bits, reason="subject_request", request_id="r")
    blocked = await desk.eraser.step(erasure)
    assert blocked is not None
    with monkeypatch.context() as broken:
        broken.setattr("pii_vault.rights.erase.shred", None)
        with pytest.raises(TypeError):
            await desk.eraser.step(blocked)
    standing = await compare(desk.vault.pool, desk.journal)
    assert [line.erasure for line in standing.interrupted] == [erasure.id]
    assert not standing.pending
    assert await RestoreGate(desk.vault, desk.journal).look()


@pytest.mark.parametrize("how", ["lost", "shortened", "another"])
async def test_a_journal_that_lacks_what_the_database_was_told_shuts_the_vault(
    desk: Desk, tmp_path: Path, how: str
) -> None:
    for _ in range(2):
        await erase(desk, await desk.take(phone=PHONE))
    path = tmp_path / "erasures.journal"
    whole = path.read_bytes()
    match how:
        case "lost":
            path.unlink()
        case "shortened":
            path.write_bytes(whole.splitlines(keepends=True)[0])
        case "another":
            path.write_bytes(whole.replace(b'"reason":"subject_request"', b'"reason":"purpose_reached"'))
    gate = RestoreGate(desk.vault, desk.journal)
    assert not await gate.look()
    assert await status(gate) == (503, "erasure_journal_broken")
    with pytest.raises(JournalBroken):
        await replay(desk.vault, desk.journal)
    path.write_bytes(whole)
    assert await gate.look()


async def test_a_database_that_is_away_neither_opens_nor_shuts(desk: Desk) -> None:
    shut, opened = RestoreGate(desk.vault, desk.journal), RestoreGate(desk.vault, desk.journal)
    with outage(desk.database):
        assert not await shut.look()
        code: VaultError | None = desk.vault.shut
        assert code is not None
        assert code.code == "store_unavailable"
    assert await opened.look()
    with outage(desk.database):
        assert await opened.look()
