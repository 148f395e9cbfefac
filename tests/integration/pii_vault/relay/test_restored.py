"""What was waiting in a backup that is restored: a mail does not go twice, a request may, by its key."""

from pathlib import Path

import pytest

from pii_vault.relay import restored
from pii_vault.rights.journal import Order, open_journal
from pii_vault.rights.restore import replay
from tests.integration.pii_vault.relay.conftest import Shop
from tests.support.outside import Mailbox, WebService
from tests.support.vault import rows


def restore(shop: Shop) -> None:
    """The relay's tables are again what they were when they were kept."""
    for table in ("relay_dispatch", "gateway_outbox"):
        rows(shop.database, f"DELETE FROM {table}")  # noqa: S608
    rows(shop.database, "INSERT INTO relay_dispatch TABLE kept")


async def test_a_mail_that_waits_in_a_backup_is_of_unknown_outcome_once_the_journal_was_replayed(
    shop: Shop, mailbox: Mailbox, web: WebService, tmp_path: Path
) -> None:
    mail = (await shop.order()).json()["dispatch"]
    message = (await shop.order("sms-sent", key="order-0002")).json()["dispatch"]
    rows(shop.database, "CREATE TABLE kept AS TABLE relay_dispatch")
    await shop.sender.once()
    assert (len(mailbox.mails), len(web.requests)) == (1, 1)
    restore(shop)
    journal = await open_journal(tmp_path / "erasures.journal", shop.vault.keys)
    journal.append(Order("demo", shop.other, (0, 1), "subject_request", "ers_00000000000000000000000000"))
    assert await replay(shop.vault, journal) == {"replayed": 1, "of_other_tenants": 0, "mails_held": 1}
    await shop.sender.once()
    assert len(mailbox.mails) == 1
    keys = [request[2]["idempotency-key"] for request in web.requests]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    state = await shop.state(mail)
    assert (state["state"], state["failure"]) == ("unknown", "outcome_unknown")
    assert (await shop.state(message))["state"] == "sent"
    assert set(shop.told()) == {("unknown", "outcome_unknown"), ("sent", None)}
    found = rows(
        shop.database, "SELECT principal, decision FROM audit_detail WHERE verb = 'relay' ORDER BY idx DESC LIMIT 2"
    )
    assert ("journal", "unknown") in found


async def test_where_nothing_was_restored_no_mail_is_held(shop: Shop, mailbox: Mailbox, tmp_path: Path) -> None:
    await shop.order()
    journal = await open_journal(tmp_path / "erasures.journal", shop.vault.keys)
    assert (await replay(shop.vault, journal))["mails_held"] == 0
    await shop.sender.once()
    assert len(mailbox.mails) == 1


async def test_mails_are_held_in_batches_and_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restored, "BATCH", 2)
    for number in range(3):
        await shop.order(key=f"order-000{number}")
    assert await restored.hold_mails(shop.vault, by="journal") == 3
    assert await restored.hold_mails(shop.vault, by="journal") == 0
    assert rows(shop.database, "SELECT count(*) FROM audit_detail WHERE decision = 'unknown'") == [(2,)]
