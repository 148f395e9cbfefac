"""Links: an invitation, and a new second factor after a lost phone."""

import re

import pyotp
import pytest

from pii_vault.identity.errors import (
    InvalidAlias,
    InvalidLogin,
    InvalidTenantId,
    LoginTaken,
    UnknownStaff,
    UnknownTenant,
)
from pii_vault.identity.staff import find_staff, invite, require_tenant_id, reset_second_factor, set_enabled
from tests.integration.pii_vault.identity.stage import PASSWORD, Browser, Member, Stage, form_of
from tests.support.vault import rows

LOGIN = "new.person@shop.example.ru"


def invited(stage: Stage, login: str = LOGIN, *, alias: str = "Seller 7", tenant: str = "demo") -> Member:
    with stage.services.sessions.begin() as db:
        given = invite(
            db,
            stage.issuer.keys,
            tenant=tenant,
            login=login,
            alias=alias,
            role="sales",
            policy=stage.issuer.policy,
            now=stage.clock(),
        )
    return Member(given.staff_id, login, given.code, tenant)


async def offered(browser: Browser, code: str) -> tuple[dict[str, str], str]:
    """The form of the page and the secret it shows as text."""
    page = await browser.get(f"/identity/invitation/{code}")
    assert page.status_code == 200, page.text
    key = re.search(r"<code>([A-Z2-7 ]+)</code>", page.text)
    assert key is not None
    assert "data:image/svg+xml" in page.text
    return form_of(page), key[1].replace(" ", "")


async def accept(stage: Stage, browser: Browser, code: str, password: str = PASSWORD) -> tuple[int, str]:
    form, secret = await offered(browser, code)
    form |= {"password": password, "again": password, "code": pyotp.TOTP(secret).at(stage.clock())}
    answer = await browser.submit(f"/identity/invitation/{code}", form)
    return answer.status_code, secret


async def test_invitation_sets_password_and_second_factor(stage: Stage) -> None:
    member, browser = invited(stage), stage.browser()
    status, secret = await accept(stage, browser, member.secret)
    assert status == 200
    newcomer = Member(member.staff_id, LOGIN, secret, "demo")
    await stage.give_password(browser, LOGIN.upper())
    # The code that was typed for enrolment is spent.
    assert (await stage.give_code(browser, stage.code(newcomer))).status_code == 401
    stage.clock.forward(seconds=31)
    assert (await stage.give_code(browser, stage.code(newcomer))).status_code == 303
    assert ("invitation", "allow", member.staff_id) in stage.audited()


async def test_nobody_signs_in_before_accepting(stage: Stage) -> None:
    invited(stage)
    assert (await stage.give_password(stage.browser(), LOGIN, "")).status_code == 401


async def test_invitation_is_good_once(stage: Stage) -> None:
    member = invited(stage)
    await accept(stage, stage.browser(), member.secret)
    assert (await stage.browser().get(f"/identity/invitation/{member.secret}")).status_code == 404


async def test_invitation_expires_after_two_days(stage: Stage) -> None:
    member, browser = invited(stage), stage.browser()
    form, secret = await offered(browser, member.secret)
    stage.clock.forward(hours=48, seconds=1)
    form |= {"password": PASSWORD, "again": PASSWORD, "code": pyotp.TOTP(secret).at(stage.clock())}
    assert (await browser.submit(f"/identity/invitation/{member.secret}", form)).status_code == 404
    assert rows(stage.database, "SELECT password_hash, state FROM staff") == [(None, "invited")]


async def test_unknown_link_looks_like_a_used_one(stage: Stage) -> None:
    member = invited(stage)
    await accept(stage, stage.browser(), member.secret)
    used = await stage.browser().get(f"/identity/invitation/{member.secret}")
    unknown = await stage.browser().get("/identity/invitation/never-given-out")
    assert used.status_code == unknown.status_code == 404
    assert used.text.replace(member.secret, "") == unknown.text.replace("never-given-out", "")


async def test_link_is_stored_only_as_a_hash(stage: Stage) -> None:
    member = invited(stage)
    dump = str(rows(stage.database, "SELECT t::text FROM staff_invitation t"))
    assert member.secret not in dump
    _, secret = await offered(stage.browser(), member.secret)
    assert secret not in dump


@pytest.mark.parametrize(
    ("password", "again", "code_offset", "status"),
    [
        ("short one", "short one", 0, 422),
        ("password2024!", "password2024!", 0, 422),
        ("new.person2024", "new.person2024", 0, 422),
        (PASSWORD, PASSWORD + "x", 0, 422),
        (PASSWORD, PASSWORD, 3600, 401),
    ],
)
async def test_refused_acceptance_changes_nothing(
    stage: Stage, password: str, again: str, code_offset: int, status: int
) -> None:
    member, browser = invited(stage), stage.browser()
    form, secret = await offered(browser, member.secret)
    code = pyotp.TOTP(secret).at(int(stage.clock().timestamp()) + code_offset)
    form |= {"password": password, "again": again, "code": code}
    answer = await browser.submit(f"/identity/invitation/{member.secret}", form)
    assert answer.status_code == status
    assert password not in answer.text
    assert rows(stage.database, "SELECT state FROM staff") == [("invited",)]
    assert (await accept(stage, browser, member.secret))[0] == 200


async def test_invitation_of_disabled_staff_or_suspended_shop_is_void(stage: Stage) -> None:
    disabled, suspended = invited(stage), invited(stage, "b@shop.example.ru", tenant="other")
    with stage.services.sessions.begin() as db:
        set_enabled(db, disabled.staff_id, enabled=False, now=stage.clock())
    rows(stage.database, "UPDATE tenant SET status = 'suspended' WHERE id = 'other'")
    for member in (disabled, suspended):
        assert (await stage.browser().get(f"/identity/invitation/{member.secret}")).status_code == 404


async def test_new_second_factor_needs_the_password(stage: Stage) -> None:
    member, browser = stage.member(), stage.browser()
    with stage.services.sessions.begin() as db:
        _, link, _ = reset_second_factor(
            db, stage.issuer.keys, member.staff_id, policy=stage.issuer.policy, now=stage.clock()
        )
    await stage.give_password(browser, member.login)
    assert (await stage.give_code(browser, stage.code(member))).status_code == 401  # the old one is gone
    assert (await accept(stage, stage.browser(), link.code, "somebody else's guess"))[0] == 401
    status, secret = await accept(stage, stage.browser(), link.code)
    assert status == 200
    stage.clock.forward(seconds=31)
    renewed = Member(member.staff_id, member.login, secret, "demo")
    fresh = stage.browser()
    await stage.give_password(fresh, member.login)
    assert (await stage.give_code(fresh, stage.code(renewed))).status_code == 303


async def test_forgotten_password_is_chosen_anew_with_the_second_factor(stage: Stage) -> None:
    member = stage.member()
    with stage.services.sessions.begin() as db:
        _, link, _ = reset_second_factor(
            db,
            stage.issuer.keys,
            member.staff_id,
            policy=stage.issuer.policy,
            now=stage.clock(),
            password_too=True,
        )
    assert (await stage.give_password(stage.browser(), member.login)).status_code == 401
    assert (await accept(stage, stage.browser(), link.code, "seven other words of mine"))[0] == 200
    assert (await stage.give_password(stage.browser(), member.login)).status_code == 401
    right = await stage.give_password(stage.browser(), member.login, "seven other words of mine")
    assert right.status_code == 303


async def test_guessing_behind_a_link_is_paused(stage: Stage) -> None:
    member, browser = invited(stage), stage.browser()
    statuses = []
    for n in range(6):
        form, _ = await offered(browser, member.secret)
        form |= {"password": PASSWORD, "again": PASSWORD, "code": f"00000{n}"}
        statuses.append((await browser.submit(f"/identity/invitation/{member.secret}", form)).status_code)
    assert statuses == [401] * 5 + [429]


async def test_login_and_alias_are_unique_and_well_formed(stage: Stage) -> None:
    invited(stage)
    with pytest.raises(LoginTaken):
        invited(stage, LOGIN.upper(), alias="Other", tenant="other")
    with pytest.raises(LoginTaken):
        invited(stage, "c@shop.example.ru")
    with pytest.raises(InvalidLogin):
        invited(stage, "with space")
    with pytest.raises(InvalidAlias):
        invited(stage, "d@shop.example.ru", alias="someone@example.ru")
    with pytest.raises(UnknownTenant):
        invited(stage, "d@shop.example.ru", tenant="nowhere")


async def test_staff_are_found_by_id_alias_and_login_within_their_shop(stage: Stage) -> None:
    member = invited(stage)
    with stage.services.sessions() as db:
        for who in (member.staff_id, "Seller 7", LOGIN):
            assert find_staff(db, stage.issuer.keys, tenant="demo", who=who).id == member.staff_id
        with pytest.raises(UnknownStaff):
            find_staff(db, stage.issuer.keys, tenant="other", who=LOGIN)


@pytest.mark.parametrize("tenant", ["ab", "Demo", "1demo", "larets-identity", "a" * 41, "demo shop", ""])
def test_tenant_ids_that_are_refused(tenant: str) -> None:
    with pytest.raises(InvalidTenantId):
        require_tenant_id(tenant)


async def test_whoever_is_disabled_while_the_password_is_hashed_stays_out(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    member, keeper = invited(stage), stage.issuer.passwords
    hashed = keeper.hash

    def hash_slowly(password: str) -> str:
        with stage.services.sessions.begin() as db:
            set_enabled(db, member.staff_id, enabled=False, now=stage.clock())
        return hashed(password)

    monkeypatch.setattr(keeper, "hash", hash_slowly)
    status, _ = await accept(stage, stage.browser(), member.secret)
    assert status == 404
    found = rows(stage.database, "SELECT state, password_hash FROM staff WHERE id = %s", member.staff_id)
    assert found == [("disabled", None)]
