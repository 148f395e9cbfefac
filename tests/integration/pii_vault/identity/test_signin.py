"""Password, second factor, pauses, cookies: what a stranger may try at the door."""

import asyncio
import re
import time

import httpx
import pytest
from sqlalchemy import text

from pii_vault.identity.forms import ENTRY_COOKIE
from pii_vault.identity.models import Staff
from pii_vault.identity.sessions import CONSOLE_COOKIE, VAULT_COOKIE
from pii_vault.identity.staff import set_enabled
from tests.integration.pii_vault.identity.stage import CRM, PASSWORD, Crm, Member, Stage, form_of
from tests.support.vault import outage, rows, unwritable_log

SAME = re.compile(r'name="form_token" value="[0-9a-f]+"')


def suspend(stage: Stage, tenant: str, status: str = "suspended") -> None:
    rows(stage.database, "UPDATE tenant SET status = %s WHERE id = %s", status, tenant)


async def test_signin_sets_a_host_cookie_and_records_it(stage: Stage) -> None:
    member, browser = stage.member(), stage.browser()
    await stage.give_password(browser, member.login)
    answer = await stage.give_code(browser, stage.code(member))
    assert answer.status_code == 303
    assert answer.headers["location"] == "/identity/sessions"
    cookie = next(line for line in answer.headers.get_list("set-cookie") if line.startswith(VAULT_COOKIE))
    for attribute in ("HttpOnly", "Secure", "SameSite=strict", "Path=/"):
        assert attribute in cookie
    assert "Domain" not in cookie
    verbs = [(verb, decision) for verb, decision, _ in stage.audited()]
    assert verbs == [("signin_password", "allow"), ("signin", "allow")]


async def test_cookie_is_stored_only_as_a_hash(stage: Stage) -> None:
    member, browser = stage.member(), stage.browser()
    await stage.sign_in(browser, member)
    cookie = browser.cookie(VAULT_COOKIE)
    assert cookie is not None
    assert len(cookie) >= 43  # 256 bits
    dump = str(rows(stage.database, "SELECT * FROM session_cookie"))
    assert cookie not in dump


async def test_login_and_second_factor_are_not_in_the_database_in_clear(stage: Stage) -> None:
    member, browser = stage.member(), stage.browser()
    await stage.sign_in(browser, member)
    await stage.give_password(stage.browser(), member.login, "wrong password here")
    for table in ("staff", "signin_throttle", "signin_attempt", "staff_session", "audit_detail", "audit_log"):
        dump = str(rows(stage.database, f"SELECT t::text FROM {table} t"))  # noqa: S608  fixed names
        for planted in (member.login, member.secret, "127.0.0.1", PASSWORD):
            assert planted not in dump
            assert planted.encode().hex() not in dump


@pytest.mark.parametrize("login", ["known", "unknown"])
async def test_wrong_password_is_answered_alike_for_known_and_unknown_logins(stage: Stage, login: str) -> None:
    member = stage.member()
    right = await stage.give_password(stage.browser(), member.login, "wrong password here")
    asked = member.login if login == "known" else "nobody@shop.example.ru"
    other = await stage.give_password(stage.browser(), asked, "wrong password here")
    assert right.status_code == other.status_code == 401
    assert SAME.sub("", right.text) == SAME.sub("", other.text)
    assert asked not in other.text


async def test_unknown_login_costs_a_password_check(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str | None] = []
    keeper = stage.issuer.passwords
    real = keeper.matches

    def counted(_: object, password: str, stored: str | None) -> bool:
        checked.append(stored)
        return real(password, stored)

    monkeypatch.setattr(type(keeper), "matches", counted)
    await stage.give_password(stage.browser(), "nobody@shop.example.ru", "wrong password here")
    assert checked == [None]


async def test_disabled_staff_and_suspended_tenant_look_like_a_wrong_password(stage: Stage) -> None:
    disabled, suspended = stage.member(), stage.member(tenant="other")
    with stage.services.sessions.begin() as db:
        set_enabled(db, disabled.staff_id, enabled=False, now=stage.clock())
    suspend(stage, "other")
    wrong = await stage.give_password(stage.browser(), "nobody@shop.example.ru")
    for member in (disabled, suspended):
        answer = await stage.give_password(stage.browser(), member.login)
        assert (answer.status_code, SAME.sub("", answer.text)) == (401, SAME.sub("", wrong.text))


async def test_tenant_suspended_between_password_and_code(stage: Stage) -> None:
    member, browser = stage.member(), stage.browser()
    await stage.give_password(browser, member.login)
    page = await browser.get("/identity/second-factor")
    suspend(stage, "demo")
    answer = await browser.submit("/identity/second-factor", form_of(page) | {"code": stage.code(member)})
    assert answer.status_code == 401
    assert browser.cookie(VAULT_COOKIE) is None


async def test_pause_grows_and_then_ends(stage: Stage) -> None:
    member = stage.member()
    waits = []
    for _ in range(8):
        answer = await stage.give_password(stage.browser(), member.login, "wrong password here")
        if answer.status_code == 429:
            waits.append(int(answer.headers["retry-after"]))
            stage.clock.forward(seconds=waits[-1])
            await stage.give_password(stage.browser(), member.login, "wrong password here")
    assert waits == sorted(set(waits))
    assert len(waits) >= 2
    right = await stage.give_password(stage.browser(), member.login)
    assert right.status_code == 429  # during the pause even the right password is not checked
    stage.clock.forward(minutes=16)
    assert (await stage.give_password(stage.browser(), member.login)).status_code == 303
    assert "locked_out" in {decision for _, decision, _ in stage.audited()}


async def test_pause_comes_for_an_unknown_login_too(stage: Stage) -> None:
    answers = [await stage.give_password(stage.browser(), "nobody@shop.example.ru", "x" * 12) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]


async def test_tries_sent_at_once_are_all_counted(stage: Stage) -> None:
    member = stage.member()
    browsers = [stage.browser() for _ in range(12)]
    pages = [await browser.get("/identity/signin") for browser in browsers]
    answers = await asyncio.gather(
        *(
            browser.submit("/identity/signin", form_of(page) | {"login": member.login, "password": f"guess number {n}"})
            for n, (browser, page) in enumerate(zip(browsers, pages, strict=True))
        )
    )
    assert [answer.status_code for answer in answers].count(401) == 5


async def test_block_of_addresses_is_counted_over_many_logins(stage: Stage) -> None:
    free = stage.issuer.policy.address_free_failures
    answers = [
        await stage.give_password(stage.browser(), f"login{n}@shop.example.ru", "x" * 12) for n in range(free + 1)
    ]
    assert [answer.status_code for answer in answers] == [401] * free + [429]


async def test_one_valid_login_does_not_clear_the_block_of_addresses(stage: Stage) -> None:
    member = stage.member()
    for n in range(stage.issuer.policy.address_free_failures - 1):
        await stage.give_password(stage.browser(), f"login{n}@shop.example.ru", "x" * 12)
    assert (await stage.give_password(stage.browser(), member.login)).status_code == 303
    assert (await stage.give_password(stage.browser(), "a@shop.example.ru", "x" * 12)).status_code == 401
    assert (await stage.give_password(stage.browser(), "b@shop.example.ru", "x" * 12)).status_code == 429


async def test_code_is_good_once(stage: Stage) -> None:
    member = stage.member()
    code = stage.code(member)
    first, second = stage.browser(), stage.browser()
    for browser in (first, second):
        await stage.give_password(browser, member.login)
    assert (await stage.give_code(first, code)).status_code == 303
    assert (await stage.give_code(second, code)).status_code == 401
    assert second.cookie(VAULT_COOKIE) is None
    assert ("second_factor", "deny", member.staff_id) in stage.audited()


async def test_code_sent_twice_at_once_lets_one_in(stage: Stage) -> None:
    member = stage.member()
    browsers = [stage.browser(), stage.browser()]
    pages = []
    for browser in browsers:
        await stage.give_password(browser, member.login)
        pages.append(await browser.get("/identity/second-factor"))
    form = {"code": stage.code(member)}
    answers = await asyncio.gather(
        *(
            browser.submit("/identity/second-factor", form_of(page) | form)
            for browser, page in zip(browsers, pages, strict=True)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [303, 401]


@pytest.mark.parametrize(("seconds", "status"), [(-30, 303), (30, 303), (-90, 401), (90, 401)])
async def test_clock_may_be_one_step_off(stage: Stage, seconds: int, status: int) -> None:
    member, browser = stage.member(), stage.browser()
    await stage.give_password(browser, member.login)
    stage.clock.forward(seconds=seconds)
    code = stage.code(member)
    stage.clock.forward(seconds=-seconds)
    assert (await stage.give_code(browser, code)).status_code == status


async def test_guessing_the_code_is_paused_and_needs_the_password_again(stage: Stage) -> None:
    member, browser = stage.member(), stage.browser()
    await stage.give_password(browser, member.login)
    page = await browser.get("/identity/second-factor")
    answers = [await browser.submit("/identity/second-factor", form_of(page) | {"code": f"00000{n}"}) for n in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    stage.clock.forward(minutes=1)
    assert (await browser.get("/identity/second-factor")).status_code == 303  # back to the password


async def test_code_alone_opens_nothing(stage: Stage) -> None:
    member, browser = stage.member(), stage.browser()
    page = await browser.get("/identity/signin")
    answer = await browser.submit("/identity/second-factor", form_of(page) | {"code": stage.code(member)})
    assert answer.status_code == 401
    assert browser.cookie(VAULT_COOKIE) is None


async def test_attempt_runs_out(stage: Stage) -> None:
    member, browser = stage.member(), stage.browser()
    await stage.give_password(browser, member.login)
    page = await browser.get("/identity/second-factor")
    stage.clock.forward(minutes=6)
    answer = await browser.submit("/identity/second-factor", form_of(page) | {"code": stage.code(member)})
    assert answer.status_code == 401


async def test_session_id_changes_on_signin(stage: Stage) -> None:
    """A cookie that somebody planted before the sign-in is worth nothing after it."""
    member, browser = stage.member(), stage.browser()
    browser.client.cookies.set(VAULT_COOKIE, "planted", domain="vault.larets.localhost")
    browser.client.cookies.set(ENTRY_COOKIE, "planted", domain="vault.larets.localhost")
    await stage.give_password(browser, member.login)
    assert "planted" not in {cookie.value for cookie in browser.client.cookies.jar if cookie.name == ENTRY_COOKIE}
    answer = await stage.give_code(browser, stage.code(member))
    fresh = next(line for line in answer.headers.get_list("set-cookie") if line.startswith(VAULT_COOKIE))
    assert "planted" not in fresh
    thief = stage.browser()
    thief.client.cookies.set(VAULT_COOKIE, "planted", domain="vault.larets.localhost")
    assert (await thief.get("/identity/sessions")).status_code == 303


async def test_signing_in_again_voids_the_older_cookie(stage: Stage) -> None:
    member, browser = stage.member(), stage.browser()
    await stage.sign_in(browser, member)
    copied = browser.cookie(VAULT_COOKIE)
    assert copied is not None
    await stage.sign_in(browser, member)
    assert browser.cookie(VAULT_COOKIE) != copied
    thief = stage.browser()
    thief.client.cookies.set(VAULT_COOKIE, copied, domain="vault.larets.localhost")
    assert (await thief.get("/identity/sessions")).status_code == 303


async def test_another_person_in_the_same_browser_ends_the_session_before(stage: Stage) -> None:
    first, second, browser, crm = stage.member(), stage.member("officer"), stage.browser(), Crm(stage)
    tokens = await crm.tokens(browser, first)
    await stage.sign_in(browser, second)
    assert (await crm.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    ends = "SELECT principal, decision FROM audit_detail WHERE verb = 'session_end'"
    assert rows(stage.database, ends) == [(first.staff_id, "another_person")]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": CRM},
    ],
)
async def test_form_from_another_site_is_refused(stage: Stage, headers: dict[str, str]) -> None:
    member, browser = stage.member(), stage.browser()
    page = await browser.get("/identity/signin")
    form = form_of(page) | {"login": member.login, "password": PASSWORD}
    answer = await browser.submit("/identity/signin", form, **headers)
    assert answer.status_code == 403


async def test_form_needs_the_token_of_its_browser(stage: Stage) -> None:
    member, browser, other = stage.member(), stage.browser(), stage.browser()
    foreign = form_of(await other.get("/identity/signin"))
    await browser.get("/identity/signin")
    credentials = {"login": member.login, "password": PASSWORD, "next": ""}
    for token in (foreign["form_token"], "", "0" * 64, "ключ"):
        answer = await browser.submit("/identity/signin", credentials | {"form_token": token})
        assert answer.status_code == 403


@pytest.mark.parametrize(
    "asked",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/identity/sessions#//evil.example",
        "/frames/reveal",
        "javascript:alert(1)",
        "/identity/sessions\r\nLocation: https://evil.example",
        "/identity/../../evil",
    ],
)
async def test_redirect_after_signin_stays_on_known_paths(stage: Stage, asked: str) -> None:
    answer = await stage.sign_in(stage.browser(), stage.member(), goes_to=asked)
    assert answer.headers["location"] == "/identity/sessions"


async def test_pages_cannot_be_framed_and_run_no_inline_script(stage: Stage) -> None:
    page = await stage.browser().get("/identity/signin")
    policy = page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert f"form-action 'self' {CRM} " in policy
    assert "unsafe" not in policy
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "style=" not in page.text
    assert not re.findall(r"<script(?![^>]* src=)", page.text)
    assert 'autocomplete="username"' in page.text
    assert 'autocomplete="current-password"' in page.text


async def test_nobody_enters_unrecorded(stage: Stage) -> None:
    member, browser = stage.member(), stage.browser()
    await stage.give_password(browser, member.login)
    page = await browser.get("/identity/second-factor")
    form = form_of(page) | {"code": stage.code(member)}
    with unwritable_log(stage.database):
        answer = await browser.submit("/identity/second-factor", form)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert browser.cookie(VAULT_COOKIE) is None
    assert rows(stage.database, "SELECT count(*) FROM staff_session") == [(0,)]
    # Nothing was spent: the same code is good when the log can be written again.
    assert (await browser.submit("/identity/second-factor", form)).status_code == 303


async def test_big_and_odd_bodies_are_refused(stage: Stage) -> None:
    browser = stage.browser()
    form = form_of(await browser.get("/identity/signin"))
    too_big = await browser.submit("/identity/signin", form | {"login": "x" * 20_000})
    assert too_big.status_code == 413
    not_a_form = await browser.client.post("/identity/signin", json={}, headers={"Origin": "null"})
    assert not_a_form.status_code == 422


async def test_database_gone_is_503_and_recovers(stage: Stage) -> None:
    member, browser = stage.member(), stage.browser()
    await stage.sign_in(browser, member)
    with outage(stage.database):
        assert (await browser.get("/identity/sessions")).status_code == 503
    assert (await browser.get("/identity/sessions")).status_code == 200


async def test_known_and_unknown_login_take_about_the_same_time(stage: Stage) -> None:
    """Orientation, with wide bounds: the exact claim is that both pay one password check."""
    member = stage.member()

    async def timed(login: str) -> float:
        browser = stage.browser()
        form = form_of(await browser.get("/identity/signin"))
        start = time.perf_counter()
        answer: httpx.Response = await browser.submit(
            "/identity/signin", form | {"login": login, "password": "wrong password here"}
        )
        assert answer.status_code == 401
        return time.perf_counter() - start

    known, unknown = [], []
    for _ in range(4):
        known.append(await timed(member.login))
        unknown.append(await timed("nobody@shop.example.ru"))
    assert 0.2 < min(known) / min(unknown) < 5


def test_staff_row_has_a_silent_repr(stage: Stage) -> None:
    member: Member = stage.member()
    with stage.services.sessions() as db:
        assert db.execute(text("SELECT count(*) FROM staff")).scalar() == 1
        assert repr(db.get(Staff, member.staff_id)) == f"Staff({member.staff_id})"


async def test_console_cookie_is_not_set_by_the_vault(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser, stage.member())
    assert browser.cookie(CONSOLE_COOKIE) is None
