"""What happens between the queue and the outside: asked again at each try, not sent twice, nobody holds up another."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from pii_vault.core.tokens import new_token_text
from pii_vault.errors import StoreUnavailable
from pii_vault.operations.shape import issue_shape
from pii_vault.relay import outside as outsides
from pii_vault.relay import store as sql
from pii_vault.relay.deliver import ATTEMPTS, Sender
from pii_vault.relay.queue import OF_A_DESTINATION
from pii_vault.relay.revive import revive
from pii_vault.relay.send import Post
from tests.integration.pii_vault.relay.conftest import PHONE, SMS, Shop, sender_of
from tests.support.outside import Mailbox, WebService
from tests.support.vault import program, rows, staff

NOON, NIGHT = datetime(2026, 11, 20, 9, tzinfo=UTC), datetime(2026, 11, 20, 19, tzinfo=UTC)  # 12 and 22 in Moscow
OFFER = SMS | {"id": "offer", "purpose": "marketing"}


async def agreed(shop: Shop) -> None:
    await shop.approve(OFFER)
    rows(shop.database, "UPDATE subject SET consents = consents | 2")  # marketing by SMS


async def test_the_hours_of_the_policy_hold_for_what_is_tried_again(shop: Shop, web: WebService) -> None:
    await agreed(shop)
    shop.vault.clock = lambda: NIGHT
    assert (await shop.order("offer", key="offer-at-night")).json()["code"] == "outside_hours"
    shop.vault.clock = lambda: NOON
    web.answers.clear()
    web.answer(503, {})
    state = await shop.sent("offer")
    assert (state["state"], state["failure"]) == ("queued", "http_503")
    shop.vault.clock = lambda: NIGHT
    for _ in range(3):
        shop.due()
        await shop.sender.once()
    state = await shop.state(state["id"])
    assert (state["state"], state["failure"], state["attempts"]) == ("queued", "outside_hours", 1)
    assert len(web.requests) == 1
    shop.vault.clock = lambda: NOON
    web.answers.clear()
    web.answer(200, {"id": "out-2"})
    shop.due()
    await shop.sender.once()
    assert (await shop.state(state["id"]))["state"] == "sent"


async def test_a_program_that_may_no_more_sends_nothing_more(shop: Shop, mailbox: Mailbox) -> None:
    dispatch = (await shop.order()).json()["dispatch"]
    rows(shop.database, "UPDATE service_client SET roles = '{}' WHERE cn = 'crm'")
    await shop.sender.once()
    assert rows(shop.database, "SELECT state, failure FROM relay_dispatch WHERE id = %s", dispatch) == [
        ("refused", "forbidden")
    ]
    assert mailbox.mails == []


@contextlib.contextmanager
def dying(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The process is gone between the mail server's answer and the note of it."""

    async def gone(*_: object) -> None:
        pass

    with monkeypatch.context() as patched:
        patched.setattr(Sender, "_finish", gone)
        yield


async def test_a_mail_whose_sender_died_is_not_sent_again_and_says_so(
    shop: Shop, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dying(monkeypatch):
        state = await shop.sent()
    assert state["state"] == "sending"
    assert len(mailbox.mails) == 1
    assert await shop.sender.once() == 0  # its lease is not over
    shop.due()
    await sender_of(shop.vault).once()
    state = await shop.state(state["id"])
    assert (state["state"], state["failure"]) == ("unknown", "outcome_unknown")
    for _ in range(3):
        shop.due()
        await shop.sender.once()
    assert len(mailbox.mails) == 1
    assert shop.told() == [("unknown", "outcome_unknown")]
    found = rows(shop.database, "SELECT decision FROM audit_detail WHERE verb = 'relay' ORDER BY idx")
    assert [row[0] for row in found] == ["intent", "unknown"]
    # A person may decide that it goes once more: by its name, not with the rest.
    again: Any = {"request_id": "1"}
    assert await revive(shop.vault, staff("officer"), dispatch=None, **again) == 0
    assert await revive(shop.vault, staff("officer"), dispatch=state["id"], **again) == 1
    await shop.sender.once()
    assert len(mailbox.mails) == 2
    assert [each[0] for each in shop.told()] == ["unknown", "queued", "sent"]


async def test_the_twin_without_the_note_before_it_the_mail_comes_twice(
    shop: Shop, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing() -> None:
        pass

    monkeypatch.setattr(Sender, "_handing_over", lambda *_: nothing)
    with dying(monkeypatch):
        await shop.sent()
    shop.due()
    await shop.sender.once()
    assert len(mailbox.mails) == 2


async def test_a_server_that_takes_the_mail_and_hangs_up_leaves_the_outcome_unknown(
    shop: Shop, mailbox: Mailbox
) -> None:
    mailbox.hangs_up = True
    state = await shop.sent()
    assert (state["state"], state["failure"]) == ("unknown", "outcome_unknown")
    shop.due()
    await shop.sender.once()
    assert len(mailbox.mails) == 1


async def test_a_refusal_after_the_handing_over_is_still_tried_again(shop: Shop, mailbox: Mailbox) -> None:
    mailbox.refusals[:] = ["451 later"]
    state = await shop.sent()
    assert (state["state"], state["failure"]) == ("queued", "smtp_451")
    shop.due()
    await shop.sender.once()
    assert (await shop.state(state["id"]))["state"] == "sent"


async def test_trouble_of_the_vaults_own_that_lasts_is_given_up_and_not_called_unknown(
    shop: Shop, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was handed over, so all of it may be sent again at one word."""

    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(Post, "send", away)
        dispatch = (await shop.sent())["id"]
        for _ in range(ATTEMPTS + 1):
            shop.due()
            await shop.sender.once()
    state = await shop.state(dispatch)
    assert (state["state"], state["failure"], state["attempts"]) == ("dead", StoreUnavailable.code, ATTEMPTS)
    assert await revive(shop.vault, staff("officer"), dispatch=None, request_id="1") == 1
    await shop.sender.once()
    assert (await shop.state(dispatch))["state"] == "sent"
    assert len(mailbox.mails) == 1


async def test_who_was_overtaken_hands_nothing_over(
    shop: Shop, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Sender._handing_over

    def late(self: Sender, dispatch: Any) -> Any:
        rows(shop.database, "UPDATE relay_dispatch SET attempts = attempts + 1")  # another process claimed it
        return real(self, dispatch)

    monkeypatch.setattr(Sender, "_handing_over", late)
    assert (await shop.sent())["state"] == "queued"
    assert mailbox.mails == []


@pytest.mark.parametrize(("outcome", "state"), [("dead", "sending"), ("unknown", "sending"), ("sent", "sent")])
async def test_of_an_overtaken_claim_only_that_it_sent_is_noted(shop: Shop, outcome: str, state: str) -> None:
    dispatch = (await shop.order()).json()["dispatch"]
    rows(shop.database, "UPDATE relay_dispatch SET state = 'sending', attempts = 2")
    async with shop.vault.pool.acquire() as connection:
        await connection.fetchrow(sql.FINISH, dispatch, outcome, None, None, None, 1)
    assert (await shop.state(dispatch))["state"] == state


@contextlib.asynccontextmanager
async def hanging_host() -> AsyncIterator[tuple[int, list[int]]]:
    """Takes connections and never says a word; its port, and how many it has had."""
    count, over = [0], asyncio.Event()

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        count[0] += 1
        await over.wait()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], count
    finally:
        server.close()
        over.set()
        await asyncio.sleep(0.1)


async def test_a_host_that_hangs_holds_up_nobody_else(
    shop: Shop, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outsides, "SECONDS", 3.0)
    async with hanging_host() as (port, count):
        rows(shop.database, "UPDATE relay_destination SET url = %s WHERE id = 'web'", f"http://127.0.0.1:{port}")
        for number in range(20):
            await shop.order("sms-sent", key=f"sms-{number:04}")
        await shop.sender.start()
        while count[0] < OF_A_DESTINATION:  # noqa: ASYNC110  the host's own count
            await asyncio.sleep(0.01)
        await shop.order(key="order-0001")  # after all of those
        await shop.sender.start()
        async with asyncio.timeout(2):
            while not mailbox.mails:  # noqa: ASYNC110  the mail server's own thread
                await asyncio.sleep(0.01)
        await shop.sender.start()
        assert count[0] == OF_A_DESTINATION
        await shop.sender.once()


async def test_the_loop_goes_on_taking_up_what_comes(shop: Shop, mailbox: Mailbox) -> None:
    task = asyncio.create_task(shop.sender.run())
    try:
        for number in range(3):
            await shop.order(key=f"order-{number:04}")
        async with asyncio.timeout(10):
            while len(mailbox.mails) < 3:  # noqa: ASYNC110  the mail server's own thread
                await asyncio.sleep(0.02)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_partner_gets_a_number_that_nobody_has_and_its_answer_leads_back(shop: Shop, web: WebService) -> None:
    stand_in = {
        "id": "stand-in", "version": 1, "title": "Звонок", "purpose": "delivery", "destination": "web",
        "api": {"path": "/v1/calls/{{shape.phone}}", "json": {"to": "{{shape.phone}}", "who": "{{person.name}}"},
                "answer": {"/caller": "phone", "/mail": "email"}},
    }  # fmt: skip
    await shop.approve(stand_in)
    newest = "SELECT token FROM pii_value WHERE class_key = 2 ORDER BY created LIMIT 1"  # the buyer was first
    [(own,)] = rows(shop.database, newest)
    token = new_token_text("phone", tenant="demo", bits=own.bytes)  # type: ignore[attr-defined]
    shape = await issue_shape(shop.vault, program(), token=token, request_id="r")
    web.answers.clear()
    web.answer(200, {"id": "out-9", "caller": f"8 {shape[2:5]} {shape[5:]}", "mail": "x@elsewhere.invalid"})
    state = await shop.sent("stand-in", parameters={})
    assert state["state"] == "sent"
    sent = web.requests[-1]
    assert json.loads(sent[3])["to"] == shape
    assert PHONE[-10:] not in str(sent)
    assert state["answer"] == {"/caller": token}  # a shape that is nobody's is dropped, like any value that is none
