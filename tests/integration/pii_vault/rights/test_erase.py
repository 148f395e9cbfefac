"""Erasing a person: what goes, what stays, what every step leaves behind."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from pii_vault.access.principal import Principal
from pii_vault.errors import AuditUnavailable, Forbidden
from pii_vault.operations.reveal import reveal
from pii_vault.operations.shape import issue_shape, tokens_of_shapes
from pii_vault.rights import erase as erase_module
from pii_vault.rights.block import block, overdue
from pii_vault.rights.caches import Obedience
from pii_vault.rights.documents import list_documents, read_document
from pii_vault.rights.erase import Eraser
from pii_vault.rights.erasure import STEPS, Erasure, Plan, erasures_of, find_erasure, plan_erasure
from pii_vault.rights.errors import ErasureUnderWay, JournalUnavailable, NothingToErase, SubjectErased
from pii_vault.rights.journal import ErasureJournal, Line
from pii_vault.rights.prove import prove
from pii_vault.rights.shred import shred
from pii_vault.vault import Vault
from tests.integration.pii_vault.rights.conftest import NAME, PHONE, Desk, Kept
from tests.support.postgres import Database
from tests.support.vault import program, rows, staff


async def order(desk: Desk, person: Kept, *, who: Principal | None = None) -> Erasure:
    return await desk.eraser.request(who or desk.officer, person.bits, reason="subject_request", request_id="r")


def forget_public(database: Database) -> None:
    """As the forwarder does when the public contour answered 200."""
    rows(database, "DELETE FROM gateway_outbox")


def trim(database: Database) -> None:
    """As the trim of key versions does."""
    rows(
        database,
        "UPDATE tenant SET kek_minimum = 2, kek_trimmed = now(), index_newest = 2, index_writes = 2, index_oldest = 2,"
        " index_trimmed = now()",
    )


async def errors(vault: Vault, person: Kept, *, purpose: str = "order_processing") -> set[str | None]:
    answers = await reveal(vault, program(), purpose=purpose, tokens=list(person.tokens.values()), request_id="r")
    return {answer.error for answer in answers}


async def test_a_dry_run_counts_and_changes_nothing(desk: Desk) -> None:
    person = await desk.take(phone=PHONE, name=NAME)
    await desk.take(person.text, "statutory", name=NAME, address="Тверь, Советская, 1")
    plan = await plan_erasure(desk.vault, "demo", person.bits)
    assert plan.erased == {"phone": 1, "name": 1}
    assert plan.kept == {"name": 1, "address": 1}
    assert plan.keys == 1
    assert plan.kept_until is not None
    assert plan.as_dict(desk.vault)["kept_because"]["ru"].startswith("402-ФЗ")
    assert await errors(desk.vault, person) == {None}
    assert rows(desk.database, "SELECT count(*) FROM erasure") == [(0,)]


async def test_an_erased_person_is_gone_and_tokens_say_so(desk: Desk) -> None:
    person, other = await desk.take(phone=PHONE, name=NAME), await desk.take(phone=PHONE)
    done = await desk.eraser.advance(await order(desk, person))
    assert done.step == "live"  # the public contour has not answered yet
    assert done.counts == {"phone": 1, "name": 1}
    assert await errors(desk.vault, person) == {"erased"}
    assert await errors(desk.vault, other) == {None}
    who = person.bits.hex()
    assert rows(desk.database, "SELECT count(*) FROM dek WHERE subject = %s::uuid", who) == [(0,)]
    left = rows(
        desk.database,
        "SELECT DISTINCT ciphertext, digest, index_version FROM pii_value WHERE subject = %s::uuid",
        who,
    )
    assert left == [(b"", None, None)]
    [line] = desk.journal.lines()
    assert (line.subject, line.erasure, line.groups) == (person.text, done.id, [0, 1])
    verbs = rows(desk.database, "SELECT verb FROM audit_detail WHERE verb LIKE 'erase%' ORDER BY idx")
    assert [verb for (verb,) in verbs] == ["erase_request", "erase_block", "erase", "erase_live"]


async def test_what_outside_systems_hold_of_an_erased_person_leads_nowhere(desk: Desk) -> None:
    person, other = await desk.take(phone=PHONE), await desk.take(phone=PHONE)
    shapes = [
        await issue_shape(desk.vault, program(), token=each.tokens["phone"], request_id="r") for each in (person, other)
    ]
    await desk.eraser.advance(await order(desk, person))
    found = await tokens_of_shapes(desk.vault, "demo", "phone", shapes)
    assert found == [None, other.tokens["phone"]]
    assert rows(desk.database, "SELECT count(*) FROM shaped_token WHERE shape = %s", shapes[0]) == [(1,)]


async def test_an_erased_persons_files_and_dispatches_are_gone_before_it_is_live(desk: Desk) -> None:
    person = await desk.take(phone=PHONE)
    who, name = person.bits.hex(), "ab" * 16
    rows(
        desk.database,
        "INSERT INTO pii_file (token, subject, tenant_key, retention, name, sealed)"
        " SELECT token, subject, tenant_key, 0, %s, '' FROM pii_value WHERE subject = %s::uuid",
        name,
        who,
    )
    rows(
        desk.database,
        "INSERT INTO relay_dispatch (id, tenant_key, subject, template, version, parameters, principal, request_key,"
        " fingerprint) SELECT 'dsp_1', tenant_key, id, 't', 1, '{}', 'p', 'k', 'f' FROM subject WHERE id = %s::uuid",
        who,
    )
    waiting = await desk.eraser.advance(await order(desk, person))
    assert waiting.step == "shredded"
    assert rows(desk.database, "SELECT count(*) FROM pii_file") == [(0,)]
    assert rows(desk.database, "SELECT count(*) FROM relay_dispatch") == [(0,)]
    rows(desk.database, "DELETE FROM file_removal WHERE name = %s", name)  # as the worker does when the bytes are gone
    assert (await desk.eraser.advance(waiting)).step == "live"


async def test_the_two_dates_wait_for_what_they_promise(desk: Desk) -> None:
    person = await desk.take(phone=PHONE)
    obedience = Obedience(desk.vault.pool, desk.vault.deks)
    await obedience.tick()
    done = await desk.eraser.advance(await order(desk, person))
    assert done.step == "shredded"  # a worker holds keys and has not answered
    assert await obedience.tick() > 0
    done = await desk.eraser.advance(done)
    assert done.step == "live"
    forget_public(desk.database)
    done = await desk.eraser.advance(done)
    assert done.step == "public"  # older backups still open
    trim(desk.database)
    done = await desk.eraser.advance(done)
    assert done.step == "final"
    assert list(done.dates) == list(STEPS)
    assert sorted(done.dates.values()) == list(done.dates.values())


async def test_a_worker_that_died_is_not_waited_for(desk: Desk) -> None:
    await Obedience(desk.vault.pool, desk.vault.deks).tick()
    rows(desk.database, "UPDATE cache_worker SET seen = now() - interval '21 seconds'")
    done = await desk.eraser.advance(await order(desk, await desk.take(phone=PHONE)))
    assert done.step == "live"


async def test_what_the_law_keeps_stays_blocked_until_its_term_ends(desk: Desk) -> None:
    person = await desk.take(phone=PHONE)
    kept = await desk.take(person.text, "statutory", name=NAME)
    done = await desk.eraser.advance(await order(desk, person))
    assert done.kept == {"name": 1}
    assert done.kept_until is not None
    assert await errors(desk.vault, person, purpose="accounting") == {"erased"}
    assert await errors(desk.vault, kept) == {"blocked"}
    [answer] = await reveal(
        desk.vault, staff("owner"), purpose="accounting", tokens=list(kept.tokens.values()), request_id="r"
    )
    assert answer.value == NAME
    with pytest.raises(NothingToErase):
        await order(desk, person)
    rows(desk.database, "UPDATE pii_value SET created = created - interval '7 years'")
    rows(desk.database, "UPDATE erasure SET kept_until = now()")
    assert await desk.eraser.request_due() == 1
    forget_public(desk.database)
    await desk.eraser.advance_all()
    assert await errors(desk.vault, kept, purpose="accounting") == {"erased"}
    [_, second] = await erasures_of(desk.vault, "demo", person.bits)
    assert (second.reason, second.groups) == ("retention_term_over", (0, 1))
    assert len(desk.journal.lines()) == 2
    assert await desk.eraser.request_due() == 0


async def test_an_erasure_ends_the_officers_block_and_leaves_nothing_to_decide(desk: Desk) -> None:
    person = await desk.take(phone=PHONE)
    await desk.take(person.text, "statutory", name=NAME)
    until = desk.vault.clock() + timedelta(days=1)
    await block(desk.vault, desk.officer, person.bits, reason="subject_demand", until=until, request_id="r")
    rows(desk.database, "UPDATE subject_block SET until = now() - interval '1 day'")
    assert [each.subject for each in await overdue(desk.vault, "demo")] == [person.text]
    erasure = await order(desk, person)
    assert await overdue(desk.vault, "demo") == []
    await desk.eraser.advance(erasure)
    assert rows(desk.database, "SELECT lifted IS NOT NULL, lifted_by FROM subject_block") == [(True, "erasure")]
    assert rows(desk.database, "SELECT state::text FROM subject") == [("b",)]  # the law keeps the name


async def test_an_interruption_after_any_step_leaves_it_to_whoever_comes_next(desk: Desk) -> None:
    person = await desk.take(phone=PHONE)
    erasure = await order(desk, person)
    met = [erasure.step]
    while erasure.step != "final":
        forget_public(desk.database)
        if erasure.step == "public":
            trim(desk.database)
        stepped = await Eraser(desk.vault, desk.journal).step(await find_erasure(desk.vault, "demo", erasure.id))
        assert stepped is not None
        # The same step again, by one who has not heard: nothing changes and nothing is recorded.
        records = rows(desk.database, "SELECT count(*) FROM audit_detail")
        again = await Eraser(desk.vault, desk.journal).step(erasure)
        assert again == stepped
        assert rows(desk.database, "SELECT count(*) FROM audit_detail") == records
        erasure = stepped
        met.append(erasure.step)
    assert tuple(met) == STEPS
    assert len(desk.journal.lines()) == 1


async def test_what_stops_one_persons_erasure_stops_nobody_elses(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stuck, other = await desk.take(phone=PHONE), await desk.take(phone=PHONE)
    for person in (stuck, other):
        await order(desk, person)

    async def shred_slowly(vault: Vault, acquired: asyncpg.Connection, erasure: Erasure, line: Line) -> object:
        if erasure.subject == stuck.bits:
            raise asyncpg.QueryCanceledError(f"a row of {PHONE}")
        return await shred(vault, acquired, erasure, line)

    monkeypatch.setattr(erase_module, "shred", shred_slowly)
    assert await desk.eraser.advance_all() == 2
    assert await errors(desk.vault, stuck) == {"blocked"}
    assert await errors(desk.vault, other) == {"erased"}
    assert "waits: QueryCanceledError" in caplog.text
    assert PHONE not in caplog.text
    monkeypatch.undo()
    await desk.eraser.advance_all()
    assert await errors(desk.vault, stuck) == {"erased"}


async def test_one_order_that_is_due_and_fails_stops_no_other(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    persons = [await desk.take(group="statutory", name=NAME) for _ in range(2)]
    for person in persons:
        await desk.take(person.text, phone=PHONE)
        await desk.eraser.advance(await order(desk, person))
    rows(desk.database, "UPDATE pii_value SET created = created - interval '7 years'")
    rows(desk.database, "UPDATE erasure SET kept_until = now()")

    async def plan_one(vault: Vault, tenant: str, subject: bytes) -> Plan:
        if subject == persons[0].bits:
            raise TimeoutError
        return await plan_erasure(vault, tenant, subject)

    monkeypatch.setattr(erase_module, "plan_erasure", plan_one)
    assert await desk.eraser.request_due() == 2
    assert rows(desk.database, "SELECT subject FROM erasure WHERE reason = 'retention_term_over'") == [
        (UUID(bytes=persons[1].bits),)
    ]


@pytest.mark.parametrize("where", ["before_journal", "after_journal"])
async def test_a_crash_around_the_journal_line_loses_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    person = await desk.take(phone=PHONE)
    erasure = await desk.eraser.step(await order(desk, person))
    assert erasure is not None
    with monkeypatch.context() as broken:
        if where == "before_journal":
            broken.setattr(ErasureJournal, "append", _fails(JournalUnavailable()))
        else:
            broken.setattr(erase_module, "shred", _fails(AuditUnavailable()))
        with pytest.raises((JournalUnavailable, AuditUnavailable)):
            await desk.eraser.step(erasure)
    assert len(desk.journal.lines()) == (where == "after_journal")
    assert await errors(desk.vault, person, purpose="accounting") == {None}  # blocked, and not shredded
    assert await desk.eraser.advance_all() == 1
    assert await errors(desk.vault, person) == {"erased"}
    assert len(desk.journal.lines()) == 1


def _fails(error: Exception) -> Callable[..., None]:
    def fail(*_args: object, **_named: object) -> None:
        raise error

    return fail


async def test_the_act_has_the_fields_of_the_order_and_no_value(desk: Desk) -> None:
    person = await desk.take(phone=PHONE, name=NAME)
    await desk.take(person.text, "statutory", address="Тверь, Советская, 1")
    erasure = await desk.eraser.advance(await order(desk, person))
    forget_public(desk.database)
    trim(desk.database)
    await desk.eraser.advance(erasure)
    documents = await list_documents(desk.vault, erasure)
    assert [(each["kind"], each["stage"]) for each in documents] == [
        ("act", "live"),
        ("log_extract", "live"),
        ("act", "final"),
        ("log_extract", "final"),
    ]
    pages = {
        (each["kind"], each["stage"]): await read_document(desk.vault, "demo", each["document"]) for each in documents
    }
    for letter in ("а)", "в)", "г)", "д)", "ж)", "з)", "и)", "к)"):
        assert f"<th>{letter}" in pages["act", "live"]
    for letter in ("а)", "б)", "в)", "г)", "д)"):
        assert f"<th>{letter}" in pages["log_extract", "final"]
    assert "будет составлен окончательный акт" in pages["act", "live"]
    assert "будет составлен окончательный акт" not in pages["act", "final"]
    assert "Не уничтожено" in pages["act", "final"]
    for page in pages.values():
        assert person.text in page
        assert not any(value in page for value in (PHONE, NAME, "Советская"))
        assert "http" not in page
    years = rows(
        desk.database,
        "SELECT DISTINCT extract(year FROM age(keep_until, created))::int FROM erasure_document",
    )
    assert years == [(3,)]
    rows(desk.database, "SELECT forget_erasure_documents()")
    assert len(await list_documents(desk.vault, erasure)) == 4


async def test_the_proof_holds_only_while_it_is_true(desk: Desk) -> None:
    person = await desk.take(phone=PHONE)
    value = rows(desk.database, "SELECT token, ciphertext, digest FROM pii_value")[0]
    [key] = rows(desk.database, "SELECT subject, retention, tenant_key, kek_version, wrapped FROM dek")
    await desk.eraser.advance(await order(desk, person))
    proof = await prove(desk.vault, desk.journal, "demo", person.bits)
    assert proof.holds, proof.checks
    rows(desk.database, "UPDATE pii_value SET ciphertext = %s, digest = %s, index_version = 1", value[1], value[2])
    rows(desk.database, "INSERT INTO dek VALUES (%s, %s, %s, %s, %s)", *key)
    rows(desk.database, "UPDATE subject SET state = 'a'")
    proof = await prove(desk.vault, desk.journal, "demo", person.bits)
    assert {name for name, ok in proof.checks.items() if not ok} == {
        "no_ciphertext",
        "no_index_entry",
        "no_key",
        "state",
    }


async def test_who_may_not_erase_is_refused_and_recorded(desk: Desk) -> None:
    person = await desk.take(phone=PHONE)
    for who in (staff("sales"), staff("owner"), program(), staff("officer", second_factor_age=None)):
        with pytest.raises(Forbidden):
            await order(desk, person, who=who)
    refused = rows(desk.database, "SELECT decision FROM audit_detail WHERE verb = 'erase_request'")
    assert refused == [("forbidden",)] * 4


async def test_an_erasure_is_ordered_once(desk: Desk) -> None:
    person = await desk.take(phone=PHONE)
    erasure = await order(desk, person)
    with pytest.raises(ErasureUnderWay):
        await order(desk, person)
    await desk.eraser.advance(erasure)
    with pytest.raises(SubjectErased):
        await order(desk, person)
