"""Recovery codes: shown once, good once each, recorded, counted."""

import re

import pyotp

from pii_vault.identity import factor
from pii_vault.identity.models import Staff
from pii_vault.identity.staff import reset_second_factor
from tests.integration.pii_vault.identity.stage import PASSWORD, Browser, Member, Stage, form_of
from tests.integration.pii_vault.identity.test_invitations import LOGIN, invited, offered
from tests.support.vault import rows

CODE = re.compile(r"<li><code>([0-9a-z]{5}-[0-9a-z]{5})</code></li>")


async def newcomer(stage: Stage) -> tuple[Member, list[str]]:
    """Somebody who has just accepted an invitation, and the codes of the page."""
    member, browser = invited(stage), stage.browser()
    form, secret = await offered(browser, member.secret)
    form |= {"password": PASSWORD, "again": PASSWORD, "code": pyotp.TOTP(secret).at(stage.clock())}
    page = await browser.submit(f"/identity/invitation/{member.secret}", form)
    assert page.headers["cache-control"] == "no-store"
    return Member(member.staff_id, LOGIN, secret, "demo"), CODE.findall(page.text)


async def with_code(stage: Stage, code: str) -> tuple[int, Browser]:
    browser = stage.browser()
    await stage.give_password(browser, LOGIN)
    return (await stage.give_code(browser, code)).status_code, browser


async def test_ten_codes_are_shown_once_and_kept_as_hashes(stage: Stage) -> None:
    member, codes = await newcomer(stage)
    assert len(set(codes)) == 10
    dump = str(rows(stage.database, "SELECT t::text FROM staff t"))
    assert not [code for code in codes if code in dump or code.replace("-", "") in dump]
    with stage.services.sessions() as db:
        enrolled = factor.read(stage.issuer.keys, db.get_one(Staff, member.staff_id))
    assert enrolled is not None
    assert not [code for code in codes if code.replace("-", "") in str(enrolled.recovery)]


async def test_recovery_code_is_good_once_in_place_of_the_app(stage: Stage) -> None:
    member, codes = await newcomer(stage)
    typed = f" {codes[3].upper().replace('-', ' ')} "
    status, browser = await with_code(stage, typed)
    assert status == 303
    page = await browser.get("/identity/sessions")
    assert "Recovery codes left: <strong>9</strong>" in page.text
    assert (await with_code(stage, codes[3]))[0] == 401
    assert (await with_code(stage, codes[4]))[0] == 303
    verbs = [(verb, who) for verb, _, who in stage.audited() if verb == "recovery_code"]
    assert verbs == [("recovery_code", member.staff_id)] * 2
    stage.clock.forward(seconds=31)
    assert (await with_code(stage, stage.code(member)))[0] == 303  # the app goes on as before


async def test_code_of_another_person_fits_nobody_else(stage: Stage) -> None:
    _, codes = await newcomer(stage)
    other, browser = stage.member(), stage.browser()
    await stage.give_password(browser, other.login)
    assert (await stage.give_code(browser, codes[0])).status_code == 401


async def test_guesses_at_recovery_codes_are_paused_like_any_other(stage: Stage) -> None:
    await newcomer(stage)
    browser = stage.browser()
    await stage.give_password(browser, LOGIN)
    form = form_of(await browser.get("/identity/second-factor"))
    answers = [await browser.submit("/identity/second-factor", form | {"code": f"aaaaa-0000{n}"}) for n in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]


async def test_reset_of_the_second_factor_voids_the_codes(stage: Stage) -> None:
    member, codes = await newcomer(stage)
    with stage.services.sessions.begin() as db:
        reset_second_factor(db, stage.issuer.keys, member.staff_id, policy=stage.issuer.policy, now=stage.clock())
    assert (await with_code(stage, codes[0]))[0] == 401


async def test_factor_of_before_the_codes_is_read_and_has_none(stage: Stage) -> None:
    member = stage.member()
    with stage.services.sessions.begin() as db:
        staff = db.get_one(Staff, member.staff_id)
        staff.totp_sealed = stage.issuer.keys.seal(member.secret, context=f"staff/{staff.id}/totp")
        enrolled = factor.read(stage.issuer.keys, staff)
    assert enrolled is not None
    assert enrolled.recovery == ()
    browser = stage.browser()
    await stage.give_password(browser, member.login)
    assert (await stage.give_code(browser, stage.code(member))).status_code == 303
