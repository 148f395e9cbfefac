"""Who a request belongs to: audiences kept apart, forged tokens, sessions that end."""

import base64
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey
from sqlalchemy import select

from pii_vault.errors import StoreUnavailable, Unauthenticated
from pii_vault.identity import store
from pii_vault.identity.dev import issue_vault_token
from pii_vault.identity.errors import DevOnly, UnknownStaff
from pii_vault.identity.housekeeping import purge_identity
from pii_vault.identity.models import SigningKey, StaffSession
from pii_vault.identity.sessions import CONSOLE_COOKIE, VAULT_COOKIE, IssuerSessions
from pii_vault.identity.signing import ACCESS_TOKEN_TYPE, rotate_signing_key
from pii_vault.identity.staff import reset_second_factor, set_enabled, set_role
from pii_vault.identity.tokens import access_token
from tests.integration.pii_vault.identity.stage import CRM, VAULT, Crm, Stage, form_of, request_with
from tests.support.vault import outage, rows


def sid_of(token: str) -> str:
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return str(claims["sid"])


def signed_with_our_key(stage: Stage, **changes: Any) -> str:
    """A token of the genuine signing key, with some claims changed."""
    token = issue_vault_token(stage.issuer, staff_id=stage.member().staff_id)
    claims = stage.issuer.signing.verify(token, token_type=ACCESS_TOKEN_TYPE) | changes
    return stage.issuer.signing.sign(claims, token_type=ACCESS_TOKEN_TYPE)


async def refused(stage: Stage, token: str) -> bool:
    try:
        await stage.staff_sessions.principal_from_bearer(token)
    except Unauthenticated:
        return True
    return False


# --- bearer tokens ---------------------------------------------------------------------------------------


async def test_vault_token_names_its_holder(stage: Stage) -> None:
    member = stage.member("officer")
    token = issue_vault_token(stage.issuer, staff_id=member.staff_id)
    principal = await stage.staff_sessions.principal_from_bearer(token)
    assert (principal.kind, principal.id, principal.tenant) == ("staff", member.staff_id, "demo")
    assert (principal.roles, principal.contour) == (("officer",), "private")
    assert principal.second_factor_at == stage.clock()


async def test_token_of_the_crm_opens_nothing(stage: Stage) -> None:
    tokens = await Crm(stage).tokens(stage.browser(), stage.member())
    for kind in ("access_token", "id_token", "refresh_token"):
        assert await refused(stage, tokens[kind]), kind


@pytest.mark.parametrize("aud", ["crm", ["vault"], ["vault", "crm"], ["crm", "vault"], "", None, "Vault", {"vault": 1}])
async def test_only_the_one_audience_is_taken(stage: Stage, aud: Any) -> None:
    assert await refused(stage, signed_with_our_key(stage, aud=aud))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": CRM},
        {"iss": None},
        {"exp": 1},
        {"exp": "9999999999"},
        {"exp": None},
        {"iat": 99_999_999_999},
        {"sid": "ses_00000000000000000000000000"},
        {"sub": "stf_00000000000000000000000000"},
        {"sub": None},
    ],
)
async def test_wrong_claims_are_refused(stage: Stage, changes: dict[str, Any]) -> None:
    assert await refused(stage, signed_with_our_key(stage, **changes))


async def test_token_of_another_person_cannot_use_this_session(stage: Stage) -> None:
    mine, other = stage.member(), stage.member("owner")
    token = issue_vault_token(stage.issuer, staff_id=mine.staff_id)
    claims = stage.issuer.signing.verify(token, token_type=ACCESS_TOKEN_TYPE) | {"sub": other.staff_id}
    assert await refused(stage, stage.issuer.signing.sign(claims, token_type=ACCESS_TOKEN_TYPE))


async def test_forged_tokens_are_refused(stage: Stage) -> None:
    token = issue_vault_token(stage.issuer, staff_id=stage.member().staff_id)
    head, body, signature = token.split(".")
    claims = stage.issuer.signing.verify(token, token_type=ACCESS_TOKEN_TYPE)
    kid = stage.issuer.signing.current().kid
    other = ECKey.generate_key("P-256", {"kid": str(kid)})
    own = ECKey.generate_key("P-256", {"kid": "key_of_the_attacker"})
    public = stage.issuer.signing.public_set()["keys"][0]
    header = {"alg": "ES256", "typ": ACCESS_TOKEN_TYPE}

    def encoded(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    forged = {
        "alg none": f"{encoded({'alg': 'none', 'typ': ACCESS_TOKEN_TYPE, 'kid': kid})}.{body}.",
        "no signature": f"{head}.{body}.",
        "other key under our id": jwt.encode(header | {"kid": kid}, claims, other),
        "unknown id": jwt.encode(header | {"kid": own.kid}, claims, own),
        "no id": jwt.encode(header, claims, own),
        "key inside the token": jwt.encode(header | {"kid": own.kid, "jwk": own.as_dict(private=False)}, claims, own),
        "address of keys": jwt.encode(header | {"kid": own.kid, "jku": "https://evil.example/"}, claims, own),
        "public key as a secret": jwt.encode(
            {"alg": "HS256", "typ": ACCESS_TOKEN_TYPE, "kid": kid}, claims, OctKey.import_key(json.dumps(public))
        ),
        "path as an id": jwt.encode(header | {"kid": "../../etc/passwd"}, claims, own),
        "body changed": f"{head}.{encoded(claims | {'roles': ['owner']})}.{signature}",
        "id token type": stage.issuer.signing.sign(claims, token_type="JWT"),
        "not a token": "not.a.token",
        "empty": "",
        "huge": "a" * 100_000,
    }
    for name, text in forged.items():
        assert await refused(stage, text), name
    assert not await refused(stage, token)


async def test_expired_token_is_refused_even_when_it_was_remembered(stage: Stage) -> None:
    token = issue_vault_token(stage.issuer, staff_id=stage.member().staff_id)
    stage.clock.forward(seconds=299)
    assert not await refused(stage, token)
    stage.clock.forward(seconds=1)
    assert await refused(stage, token)


async def test_token_is_short_lived(stage: Stage) -> None:
    assert stage.issuer.policy.access_token_lifetime <= timedelta(minutes=5)
    assert stage.issuer.policy.state_cache <= timedelta(seconds=5)


@dataclass(frozen=True)
class Target:
    sid: str
    staff_id: str


def _end(stage: Stage, target: Target) -> None:
    with stage.services.sessions.begin() as db:
        store.end(db, target.sid, reason="ended_by_operator", now=stage.clock())


def _disable(stage: Stage, target: Target) -> None:
    with stage.services.sessions.begin() as db:
        set_enabled(db, target.staff_id, enabled=False, now=stage.clock())


def _reset(stage: Stage, target: Target) -> None:
    policy = stage.issuer.policy
    with stage.services.sessions.begin() as db:
        reset_second_factor(db, stage.issuer.keys, target.staff_id, policy=policy, now=stage.clock())


def _suspend(stage: Stage, target: Target) -> None:
    del target
    rows(stage.database, "UPDATE tenant SET status = 'suspended' WHERE id = 'demo'")


@pytest.mark.parametrize("act", [_end, _disable, _reset, _suspend])
async def test_everything_that_hangs_on_a_session_stops(stage: Stage, act: Any) -> None:
    member, browser, crm = stage.member(), stage.browser(), Crm(stage)
    tokens = await crm.tokens(browser, member)
    sid = sid_of(tokens["access_token"])
    with stage.services.sessions.begin() as db:
        session = db.get_one(StaffSession, sid)
        token = access_token(stage.issuer, session, audience="vault", client_id="dev-cli", now=stage.clock())
    assert not await refused(stage, token)
    act(stage, Target(sid, member.staff_id))
    # The cookie and the refresh token at once, the bearer within its short memory.
    cookie = {VAULT_COOKIE: str(browser.cookie(VAULT_COOKIE))}
    assert await stage.staff_sessions.principal_from_cookie(request_with(cookie), audience="vault") is None
    assert (await crm.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    stage.clock.forward(seconds=5)
    assert await refused(stage, token)


async def test_new_role_counts_for_a_token_that_names_the_old_one(stage: Stage) -> None:
    member = stage.member("owner")
    token = issue_vault_token(stage.issuer, staff_id=member.staff_id)
    assert (await stage.staff_sessions.principal_from_bearer(token)).roles == ("owner",)
    with stage.services.sessions.begin() as db:
        set_role(db, member.staff_id, role="warehouse", now=stage.clock())
    stage.clock.forward(seconds=5)
    assert (await stage.staff_sessions.principal_from_bearer(token)).roles == ("warehouse",)


async def test_database_gone_is_not_a_refusal(stage: Stage) -> None:
    token = issue_vault_token(stage.issuer, staff_id=stage.member().staff_id)
    with outage(stage.database), pytest.raises(StoreUnavailable):
        await stage.staff_sessions.principal_from_bearer(token)
    assert not await refused(stage, token)


# --- signing keys ----------------------------------------------------------------------------------------


async def test_rotation_is_seamless_and_the_old_key_leaves_in_time(stage: Stage) -> None:
    member = stage.member()
    before = issue_vault_token(stage.issuer, staff_id=member.staff_id)
    announced = {key["kid"] for key in stage.issuer.signing.public_set()["keys"]}
    old = stage.issuer.signing.current().kid
    with stage.services.sessions.begin() as db:
        new = rotate_signing_key(db, stage.issuer.keys, policy=stage.issuer.policy, now=stage.clock())
    assert new != old
    assert new in announced  # every reader of the key set knew it already
    stage.clock.forward(seconds=31)
    assert stage.issuer.signing.current().kid == new
    assert old in {key["kid"] for key in stage.issuer.signing.public_set()["keys"]}
    assert not await refused(stage, before)
    stage.clock.forward(hours=2)
    assert old not in {key["kid"] for key in stage.issuer.signing.public_set()["keys"]}


async def test_another_process_takes_tokens_of_a_key_it_has_not_read(stage: Stage) -> None:
    token = issue_vault_token(stage.issuer, staff_id=stage.member().staff_id)
    other = IssuerSessions(stage.staff_sessions.identity)
    assert (await other.principal_from_bearer(token)).tenant == "demo"


async def test_signing_keys_rest_sealed(stage: Stage) -> None:
    stage.issuer.signing.current()
    with stage.services.sessions() as db:
        for row in db.scalars(select(SigningKey)):
            assert b"PRIVATE" not in row.sealed
            assert "d" not in row.public_jwk


# --- cookies ---------------------------------------------------------------------------------------------


async def test_cookie_of_one_audience_opens_nothing_of_the_other(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser, stage.member())
    cookie = str(browser.cookie(VAULT_COOKIE))
    sessions = stage.staff_sessions
    assert await sessions.principal_from_cookie(request_with({VAULT_COOKIE: cookie}), audience="vault")
    assert not await sessions.principal_from_cookie(request_with({VAULT_COOKIE: cookie}), audience="console")
    assert not await sessions.principal_from_cookie(request_with({CONSOLE_COOKIE: cookie}), audience="console")
    assert not await sessions.principal_from_cookie(request_with({}), audience="vault")


async def test_session_runs_out_idle_and_absolutely(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser, stage.member())
    for _ in range(9):
        stage.clock.forward(minutes=75)
        assert (await browser.get("/identity/sessions")).status_code == 200
    stage.clock.forward(minutes=75)
    assert (await browser.get("/identity/sessions")).status_code == 303  # twelve hours
    await stage.sign_in(browser, stage.member("owner"))
    stage.clock.forward(minutes=121)
    assert (await browser.get("/identity/sessions")).status_code == 303  # two idle hours


async def test_person_lists_and_ends_own_sessions(stage: Stage) -> None:
    member, here, there = stage.member(), stage.browser(), stage.browser()
    await stage.sign_in(there, member)
    await stage.sign_in(here, member)
    page = await here.get("/identity/sessions")
    assert page.text.count('name="sid"') == 1
    answer = await here.submit("/identity/sessions/end", form_of(page))
    assert answer.status_code == 303
    assert (await there.get("/identity/sessions")).status_code == 303
    assert (await here.get("/identity/sessions")).status_code == 200
    assert ("session_end", "allow", member.staff_id) in stage.audited()


async def test_nobody_ends_the_session_of_another(stage: Stage) -> None:
    mine, other = stage.browser(), stage.browser()
    await stage.sign_in(other, stage.member("owner"))
    await stage.sign_in(mine, stage.member())
    await stage.sign_in(stage.browser(), stage._members[1])
    foreign = str(rows(stage.database, "SELECT sid FROM staff_session ORDER BY created_at")[0][0])
    form = form_of(await mine.get("/identity/sessions")) | {"sid": foreign}
    await mine.submit("/identity/sessions/end", form)
    assert (await other.get("/identity/sessions")).status_code == 200


async def test_signout_asks_first_and_goes_back_to_registered_addresses_only(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser, stage.member())
    for address, expected in ((f"{CRM}/signin", f"{CRM}/signin"), ("https://evil.example/", "/identity/signed-out")):
        page = await browser.get(f"/identity/signout?client_id=crm&post_logout_redirect_uri={address}")
        assert page.status_code == 200
        assert (await browser.get("/identity/sessions")).status_code == 200  # the link alone changed nothing
        assert "evil" not in page.headers.get("location", "")
        form = form_of(page)
        query = f"client_id=crm&post_logout_redirect_uri={address}"
        answer = await browser.submit(f"/identity/signout?{query}", form)
        assert answer.headers["location"] == expected
        assert (await browser.get("/identity/sessions")).status_code == 303
        await stage.sign_in(browser, stage._members[0])


async def test_signout_with_a_genuine_id_token_is_done_at_once(stage: Stage) -> None:
    browser = stage.browser()
    tokens = await Crm(stage).tokens(browser, stage.member())
    hint = f"id_token_hint={tokens['id_token']}&post_logout_redirect_uri={CRM}/&state=s1"
    answer = await browser.get(f"/identity/signout?{hint}")
    assert answer.headers["location"] == f"{CRM}/?state=s1"
    assert (await browser.get("/identity/sessions")).status_code == 303


async def test_signout_with_a_forged_id_token_asks(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser, stage.member())
    key = ECKey.generate_key("P-256", {"kid": "x"})
    forged = jwt.encode({"alg": "ES256", "kid": "x"}, {"iss": VAULT, "aud": "crm", "sid": "ses_x"}, key)
    assert (await browser.get(f"/identity/signout?id_token_hint={forged}")).status_code == 200


# --- dev, housekeeping -----------------------------------------------------------------------------------


async def test_shortcut_is_refused_outside_dev(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    member = stage.member("sales")
    assert issue_vault_token(stage.issuer, staff_id=member.staff_id)
    with pytest.raises(UnknownStaff):
        issue_vault_token(stage.issuer, staff_id="stf_nobody")
    production = stage.issuer.settings.model_copy(update={"environment": "production"})
    monkeypatch.setattr(stage.issuer.identity, "settings", production)
    with pytest.raises(DevOnly):
        issue_vault_token(stage.issuer, staff_id=member.staff_id)


async def test_dev_token_of_the_crm_opens_nothing_in_the_vault(stage: Stage) -> None:
    token = issue_vault_token(stage.issuer, staff_id=stage.member().staff_id, audience="crm")
    assert await refused(stage, token)


async def test_housekeeping_drops_what_is_over_and_keeps_what_lives(stage: Stage) -> None:
    browser, crm = stage.browser(), Crm(stage)
    await crm.tokens(browser, stage.member())
    stage.clock.forward(days=8)
    fresh = stage.browser()
    await stage.sign_in(fresh, stage._members[0])
    await purge_identity(stage.services.vault.pool, policy=stage.issuer.policy, now=stage.clock())
    assert rows(stage.database, "SELECT count(*) FROM staff_session") == [(1,)]
    assert rows(stage.database, "SELECT count(*) FROM refresh_token") == [(0,)]
    assert (await fresh.get("/identity/sessions")).status_code == 200
