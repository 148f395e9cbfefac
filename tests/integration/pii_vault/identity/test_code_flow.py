"""The code flow with PKCE, by HTTP, from the redirect to the refresh."""

from urllib.parse import urlencode

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from pii_vault.identity import store
from pii_vault.identity.staff import set_role
from pii_vault.protocol import Peer
from tests.integration.pii_vault.identity.stage import CALLBACK, CRM, VAULT, Crm, Stage, query_of
from tests.support.vault import rows


async def test_code_flow_gives_tokens_without_personal_claims(stage: Stage) -> None:
    member, browser, crm = stage.member("sales"), stage.browser(), Crm(stage)
    to_signin = await browser.get(crm.address())
    assert to_signin.headers["location"].startswith("/identity/signin?next=")
    goes_to = query_of(to_signin.headers["location"])["next"]
    signed_in = await stage.sign_in(browser, member, goes_to=goes_to)
    back = await browser.get(signed_in.headers["location"])
    assert back.status_code == 303
    assert back.headers["location"].startswith(f"{CALLBACK}?")
    given = query_of(back.headers["location"])
    assert given["state"] == crm.state
    assert given["iss"] == VAULT

    answer = await crm.exchange(given["code"])
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    tokens = answer.json()
    keys = KeySet.import_key_set((await stage.program.get("/identity/jwks")).json())
    identity = jwt.decode(tokens["id_token"], keys, algorithms=["ES256"])
    assert identity.claims["nonce"] == crm.nonce
    assert identity.claims["aud"] == "crm"
    assert identity.claims["at_hash"]
    access = jwt.decode(tokens["access_token"], keys, algorithms=["ES256"])
    assert access.header["typ"] == "at+jwt"
    assert access.claims["aud"] == "crm"
    assert access.claims["sub"] == member.staff_id
    assert access.claims["roles"] == ["sales"]
    assert access.claims["tenant"] == "demo"
    assert access.claims["alias"] == "sales 0"
    assert access.claims["shop"] == "demo"  # as long as nobody has given it a title
    assert access.claims["exp"] - access.claims["iat"] == 300
    assert "sfa" not in access.claims
    for claims in (identity.claims, access.claims):
        assert member.login not in str(claims)
        assert not {"email", "name", "phone_number", "preferred_username"} & set(claims)
    assert ("signin", "allow", member.staff_id) in stage.audited()


async def test_discovery_names_what_is_served(stage: Stage) -> None:
    document = (await stage.program.get("/.well-known/openid-configuration")).json()
    assert document["issuer"] == VAULT
    assert document["code_challenge_methods_supported"] == ["S256"]
    public = (await stage.program.get("/identity/jwks")).json()["keys"]
    assert len(public) == 2  # the signing key and the one that comes next
    assert all("d" not in key for key in public)


async def test_token_endpoint_is_not_on_the_browser_listener(stage: Stage) -> None:
    answer = await stage.browser().submit("/identity/token", {"grant_type": "refresh_token"})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"redirect_uri": f"{CRM}/signin/callback/"}, "another address"),
        ({"redirect_uri": "https://crm.larets.localhost.evil.example/signin/callback"}, "another host"),
        ({"redirect_uri": f"{CRM}/signin/callback?x=1"}, "more than was registered"),
        ({"redirect_uri": "https://crm.larets.localhost/пример"}, "not ASCII"),
        ({"redirect_uri": None}, "no address"),
        ({"client_id": "nobody"}, "unknown client"),
        ({"client_id": None}, "no client"),
        ({"max_age": "soon"}, "not a number"),
    ],
)
async def test_untrusted_request_is_never_redirected(stage: Stage, changes: dict[str, str | None], reason: str) -> None:
    browser = stage.browser()
    await stage.sign_in(browser, stage.member())
    answer = await browser.get(Crm(stage).address(**changes))
    assert answer.status_code == 400, reason
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "openid admin"}, "invalid_scope"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"nonce": None}, "invalid_request"),
    ],
)
async def test_bad_request_of_a_known_client_goes_back_as_an_error(
    stage: Stage, changes: dict[str, str | None], error: str
) -> None:
    browser, crm = stage.browser(), Crm(stage)
    await stage.sign_in(browser, stage.member())
    answer = await browser.get(crm.address(**changes))
    assert answer.headers["location"].startswith(f"{CALLBACK}?")
    given = query_of(answer.headers["location"])
    assert given["error"] == error
    assert given["state"] == crm.state
    assert given["iss"] == VAULT
    assert "code" not in given


async def test_prompt_none_tells_the_client_that_nobody_is_there(stage: Stage) -> None:
    answer = await stage.browser().get(Crm(stage).address(prompt="none"))
    assert query_of(answer.headers["location"])["error"] == "login_required"


async def test_repeated_parameter_is_refused(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser, stage.member())
    doubled = f"{Crm(stage).address()}&{urlencode({'client_id': 'crm'})}"
    assert (await browser.get(doubled)).status_code == 400


async def test_wrong_verifier_is_refused_and_spends_the_code(stage: Stage) -> None:
    browser, crm = stage.browser(), Crm(stage)
    code = await crm.code(browser, stage.member())
    wrong = await crm.exchange(code, code_verifier="x" * 64)
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_grant")
    assert (await crm.exchange(code)).json()["error"] == "invalid_grant"


async def test_missing_verifier_is_refused(stage: Stage) -> None:
    crm = Crm(stage)
    code = await crm.code(stage.browser(), stage.member())
    assert (await crm.exchange(code, code_verifier="")).status_code == 400


async def test_code_of_another_redirect_is_refused(stage: Stage) -> None:
    crm = Crm(stage)
    code = await crm.code(stage.browser(), stage.member())
    assert (await crm.exchange(code, redirect_uri=f"{CRM}/")).json()["error"] == "invalid_grant"


async def test_expired_code_is_refused(stage: Stage) -> None:
    crm = Crm(stage)
    code = await crm.code(stage.browser(), stage.member())
    stage.clock.forward(seconds=61)
    assert (await crm.exchange(code)).json()["error"] == "invalid_grant"


async def test_replayed_code_ends_the_session(stage: Stage) -> None:
    member, browser, crm = stage.member(), stage.browser(), Crm(stage)
    code = await crm.code(browser, member)
    tokens = (await crm.exchange(code)).json()
    assert (await crm.exchange(code)).json()["error"] == "invalid_grant"
    assert (await crm.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await browser.get(crm.address())).headers["location"].startswith("/identity/signin")
    assert ("session_end", "code_replayed", member.staff_id) in stage.audited()


async def test_refresh_rotates_and_shows_the_new_role(stage: Stage) -> None:
    member, browser, crm = stage.member("sales"), stage.browser(), Crm(stage)
    tokens = await crm.tokens(browser, member)
    with stage.services.sessions.begin() as db:
        set_role(db, member.staff_id, role="warehouse", now=stage.clock())
    again = (await crm.refresh(tokens["refresh_token"])).json()
    assert again["refresh_token"] != tokens["refresh_token"]
    keys = KeySet.import_key_set((await stage.program.get("/identity/jwks")).json())
    assert jwt.decode(again["access_token"], keys, algorithms=["ES256"]).claims["roles"] == ["warehouse"]


async def test_refresh_brings_the_new_title_of_the_shop(stage: Stage) -> None:
    crm = Crm(stage)
    tokens = await crm.tokens(stage.browser(), stage.member())
    rows(stage.database, "UPDATE tenant SET title = 'Чайная лавка' WHERE id = 'demo'")
    again = (await crm.refresh(tokens["refresh_token"])).json()
    keys = KeySet.import_key_set((await stage.program.get("/identity/jwks")).json())
    assert jwt.decode(again["access_token"], keys, algorithms=["ES256"]).claims["shop"] == "Чайная лавка"


async def test_reused_refresh_token_ends_the_session(stage: Stage) -> None:
    member, browser, crm = stage.member(), stage.browser(), Crm(stage)
    tokens = await crm.tokens(browser, member)
    newer = (await crm.refresh(tokens["refresh_token"])).json()
    stage.clock.forward(seconds=31)
    assert (await crm.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await crm.refresh(newer["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await browser.get("/identity/sessions")).status_code == 303
    assert ("session_end", "refresh_token_reused", member.staff_id) in stage.audited()


async def test_lost_answer_to_a_refresh_can_be_asked_for_again(stage: Stage) -> None:
    member, browser, crm = stage.member(), stage.browser(), Crm(stage)
    first = (await crm.tokens(browser, member))["refresh_token"]
    lost = (await crm.refresh(first)).json()["refresh_token"]  # the client never sees this one
    stage.clock.forward(seconds=20)
    again = await crm.refresh(first)
    assert again.status_code == 200
    sibling = again.json()["refresh_token"]
    assert sibling not in (first, lost)
    stage.clock.forward(minutes=4)
    assert (await crm.refresh(sibling)).status_code == 200
    assert (await browser.get("/identity/sessions")).status_code == 200
    # The first token, much later, is a copy in somebody's hands: the sibling's line ends with the session.
    assert (await crm.refresh(first)).json()["error"] == "invalid_grant"
    assert (await crm.refresh(lost)).json()["error"] == "invalid_grant"
    assert (await browser.get("/identity/sessions")).status_code == 303


async def test_repeat_from_another_certificate_gets_nothing(stage: Stage) -> None:
    browser, crm = stage.browser(), Crm(stage)
    first = (await crm.tokens(browser, stage.member()))["refresh_token"]
    await crm.refresh(first)
    stage.peer.peer = Peer("private", "bench")
    assert (await crm.refresh(first, client_id="private-program")).json()["error"] == "invalid_grant"
    assert (await crm.refresh(first)).json()["error"] == "invalid_client"


async def test_refreshing_keeps_the_client_alive_and_is_not_being_seen_at_the_vault(stage: Stage) -> None:
    member, browser, crm = stage.member(), stage.browser(), Crm(stage)
    token = (await crm.tokens(browser, member))["refresh_token"]
    seen = rows(stage.database, "SELECT last_seen_at FROM staff_session")
    for _ in range(3):
        stage.clock.forward(minutes=70)
        token = (await crm.refresh(token)).json()["refresh_token"]
    assert rows(stage.database, "SELECT last_seen_at FROM staff_session") == seen
    assert (await browser.get("/identity/sessions")).status_code == 303  # the vault's cookie ran out idle
    with stage.services.sessions() as db:
        [listed] = store.live_of(db, member.staff_id, policy=stage.issuer.policy, now=stage.clock())
    assert listed.client_used_at == stage.clock()
    stage.clock.forward(minutes=121)
    assert (await crm.refresh(token)).json()["error"] == "invalid_grant"  # and now the client's side as well


async def test_sessions_page_tells_use_of_the_crm_from_use_of_the_vault(stage: Stage) -> None:
    browser, crm = stage.browser(), Crm(stage)
    tokens = await crm.tokens(browser, stage.member())
    stage.clock.forward(minutes=50)
    await crm.refresh(tokens["refresh_token"])
    page = await browser.get("/identity/sessions")
    assert "in the CRM" in page.text
    assert stage.clock().isoformat() in page.text


async def test_revoked_refresh_token_is_over_but_the_session_lives(stage: Stage) -> None:
    browser, crm = stage.browser(), Crm(stage)
    tokens = await crm.tokens(browser, stage.member())
    form = {"token": tokens["refresh_token"], "client_id": "crm"}
    assert (await stage.program.post("/identity/revoke", data=form)).status_code == 200
    assert (await crm.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await browser.get("/identity/sessions")).status_code == 200


@pytest.mark.parametrize("peer", [None, Peer("private", "crm"), Peer("public", "somebody"), Peer("private", "bench")])
async def test_only_the_registered_certificate_gets_tokens(stage: Stage, peer: Peer | None) -> None:
    crm = Crm(stage)
    code = await crm.code(stage.browser(), stage.member())
    stage.peer.peer = peer
    assert (await crm.exchange(code)).json()["error"] == "invalid_client"
    stage.peer.peer = Peer("public", "crm")
    assert (await crm.exchange(code)).status_code == 200


async def test_client_cannot_spend_the_code_of_another(stage: Stage) -> None:
    crm = Crm(stage)
    code = await crm.code(stage.browser(), stage.member())
    stage.peer.peer = Peer("private", "bench")
    stolen = await crm.exchange(code, client_id="private-program")
    assert stolen.json()["error"] == "invalid_grant"


async def test_private_program_gets_a_vault_token_for_its_person(stage: Stage) -> None:
    member, browser, crm = stage.member(), stage.browser(), Crm(stage)
    await stage.sign_in(browser, member)
    loopback = "http://127.0.0.1:49152/callback"
    answer = await browser.get(crm.address(client_id="private-program", redirect_uri=loopback))
    code = query_of(answer.headers["location"])["code"]
    stage.peer.peer = Peer("private", "bench")
    tokens = (await crm.exchange(code, client_id="private-program", redirect_uri=loopback)).json()
    principal = await stage.staff_sessions.principal_from_bearer(tokens["access_token"])
    assert (principal.id, principal.tenant, principal.roles) == (member.staff_id, "demo", ("sales",))


async def test_prompt_login_asks_again_and_keeps_the_session(stage: Stage) -> None:
    member, browser, crm = stage.member(), stage.browser(), Crm(stage)
    tokens = await crm.tokens(browser, member)
    answer = await browser.get(crm.address(prompt="login"))
    asked = query_of(answer.headers["location"])
    assert asked["reauth"] == "1"
    await stage.sign_in(browser, member, goes_to=asked["next"])
    assert (await browser.get(asked["next"])).headers["location"].startswith(CALLBACK)
    assert (await crm.refresh(tokens["refresh_token"])).status_code == 200


async def test_max_age_asks_again_when_the_signin_is_older(stage: Stage) -> None:
    browser, crm = stage.browser(), Crm(stage)
    await stage.sign_in(browser, stage.member())
    assert (await browser.get(crm.address(max_age="3600"))).headers["location"].startswith(CALLBACK)
    stage.clock.forward(minutes=70)
    assert "/identity/signin" in (await browser.get(crm.address(max_age="3600"))).headers["location"]


async def test_chain_from_another_site_takes_one_more_step(stage: Stage) -> None:
    answer = await stage.browser().get(Crm(stage).address(), **{"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert answer.headers["refresh"].startswith("0; url=/identity/authorize?")
