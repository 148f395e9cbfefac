"""Every act of the issuer stands or falls with its record."""

from collections.abc import Callable
from datetime import datetime

import pyotp
import pytest
from sqlalchemy.orm import Session

from pii_vault.errors import AuditUnavailable
from pii_vault.identity.context import open_sessions
from pii_vault.identity.record import Person
from pii_vault.identity.staff import set_enabled, set_role, set_tenant_status
from tests.integration.pii_vault.identity.stage import PASSWORD, Crm, Stage, form_of
from tests.integration.pii_vault.identity.test_invitations import invited, offered
from tests.support.vault import rows, unwritable_log

ACTS: dict[str, Callable[[Session, str, datetime], object]] = {
    "staff_role": lambda db, who, now: set_role(db, who, role="warehouse", now=now),
    "staff_disable": lambda db, who, now: set_enabled(db, who, enabled=False, now=now),
    "tenant_suspend": lambda db, _who, _now: set_tenant_status(db, "demo", "suspended"),
}
STATE = "SELECT s.role, s.state, t.status FROM staff s JOIN tenant t ON t.key = s.tenant_key"


@pytest.mark.parametrize("verb", list(ACTS))
async def test_act_of_the_operator_is_undone_when_it_cannot_be_recorded(stage: Stage, verb: str) -> None:
    member = stage.member("sales")
    sessions = open_sessions(stage.database.owner_url, size=1)  # as the commands have them

    def act() -> None:
        with sessions.begin() as db:
            ACTS[verb](db, member.staff_id, stage.clock())
            stage.issuer.record(db, Person(member.staff_id, "demo"), verb, by="operator")

    before = rows(stage.database, STATE)
    with unwritable_log(stage.database), pytest.raises(AuditUnavailable):
        act()
    assert rows(stage.database, STATE) == before
    assert stage.audited() == []
    act()
    assert rows(stage.database, STATE) != before
    assert stage.audited() == [(verb, "allow", "operator")]
    sessions.kw["bind"].dispose()


async def test_record_is_undone_with_an_act_that_fails(stage: Stage) -> None:
    member = stage.member()
    with stage.services.sessions() as db:
        stage.issuer.record(db, Person(member.staff_id, "demo"), "staff_role", by="operator")
        db.rollback()
    assert stage.audited() == []
    assert rows(stage.database, "SELECT size FROM audit_head") == [(0,)]


async def test_invitation_stays_good_when_its_acceptance_cannot_be_recorded(stage: Stage) -> None:
    member, browser = invited(stage), stage.browser()
    form, secret = await offered(browser, member.secret)
    form |= {"password": PASSWORD, "again": PASSWORD, "code": pyotp.TOTP(secret).at(stage.clock())}
    with unwritable_log(stage.database):
        refused = await browser.submit(f"/identity/invitation/{member.secret}", form)
    assert refused.status_code == 503
    assert rows(stage.database, "SELECT state, password_hash, totp_sealed FROM staff") == [("invited", None, None)]
    assert (await browser.submit(f"/identity/invitation/{member.secret}", form)).status_code == 200


async def test_session_lives_on_when_its_end_cannot_be_recorded(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser, stage.member())
    form = form_of(await browser.get("/identity/signout"))
    with unwritable_log(stage.database):
        assert (await browser.submit("/identity/signout", form)).status_code == 503
    assert (await browser.get("/identity/sessions")).status_code == 200


async def test_replayed_token_gets_nothing_while_the_replay_cannot_be_recorded(stage: Stage) -> None:
    browser, crm = stage.browser(), Crm(stage)
    first = (await crm.tokens(browser, stage.member()))["refresh_token"]
    newer = (await crm.refresh(first)).json()["refresh_token"]
    stage.clock.forward(minutes=1)
    with unwritable_log(stage.database), pytest.raises(AuditUnavailable):  # the stage has no handler of errors
        await crm.refresh(first)
    assert (await crm.refresh(newer)).status_code == 200  # nothing was ended unrecorded
