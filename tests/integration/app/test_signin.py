"""Sign-in by the issuer's code flow, sessions, and the tokens the CRM accepts."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import ECKey
from sqlalchemy import select

from app.errors import SigninFailed
from app.models import StaffSession
from app.services import AppServices
from app.signin import flow, repository, sessions
from app.worker import purge
from tests.integration.app.support import CRM, OTHER, TENANT, VAULT, Clock, FakeIssuer, staff

SAME = {"sec-fetch-site": "same-origin"}
PERSON = staff("sales")


@pytest.fixture
async def signed_in(browser: httpx.AsyncClient, issuer: FakeIssuer) -> httpx.AsyncClient:
    """A browser that went through the whole flow."""
    await _sign_in(browser, issuer)
    return browser


async def _sign_in(browser: httpx.AsyncClient, issuer: FakeIssuer, path: str = "/orders") -> httpx.Response:
    start = await browser.get("/signin/start", params={"next": path})
    query = parse_qs(urlsplit(start.headers["location"]).query)
    issuer.will_issue(PERSON, nonce=query["nonce"][0])
    return await browser.get(
        "/signin/callback", params={"code": "code-1", "state": query["state"][0], "iss": issuer.origin}
    )


async def _orders(browser: httpx.AsyncClient, **headers: str) -> httpx.Response:
    return await browser.get("/api/v1/orders", headers=SAME | headers)


async def _rows(services: AppServices, tenant: str = TENANT) -> list[StaffSession]:
    async with services.db.tenant(tenant) as session:
        return list((await session.scalars(select(StaffSession))).all())


async def test_the_flow_asks_with_pkce_state_and_nonce(browser: httpx.AsyncClient) -> None:
    start = await browser.get("/signin/start")
    address = urlsplit(start.headers["location"])
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{VAULT}/identity/authorize"
    assert (query["response_type"], query["client_id"], query["scope"]) == ("code", "crm", "openid")
    assert query["redirect_uri"] == f"{CRM}/signin/callback"
    assert query["code_challenge_method"] == "S256"
    assert query["nonce"] != query["state"]
    cookie = start.headers["set-cookie"]
    assert cookie.startswith(f"{flow.COOKIE}=")
    assert query["state"] not in cookie
    for attribute in ("Secure", "HttpOnly", "Path=/"):
        assert attribute in cookie
    assert "Domain" not in cookie


async def test_signing_in_opens_a_session(
    browser: httpx.AsyncClient, issuer: FakeIssuer, services: AppServices
) -> None:
    done = await _sign_in(browser, issuer, "/orders?status=completed")
    assert (done.status_code, done.headers["location"]) == (303, "/orders?status=completed")
    cookie = next(line for line in done.headers.get_list("set-cookie") if line.startswith(f"{sessions.COOKIE}="))
    for attribute in ("Secure", "HttpOnly", "SameSite=strict", "Path=/"):
        assert attribute in cookie
    form = issuer.forms[0]
    assert (form["grant_type"], form["code"], form["redirect_uri"]) == (
        "authorization_code", "code-1", f"{CRM}/signin/callback",
    )  # fmt: skip
    assert 43 <= len(form["code_verifier"]) <= 128
    assert (await _orders(browser)).status_code == 200
    (row,) = await _rows(services)
    assert (row.staff_id, row.alias, row.roles) == (PERSON.id, "sales 1", ["sales"])
    stored = repr({column.name: getattr(row, column.name) for column in StaffSession.__table__.columns})
    assert "refresh-1" not in stored
    assert browser.cookies[sessions.COOKIE].partition(".")[2] not in stored


@pytest.mark.parametrize(
    "change",
    [
        {"state": "other"},
        {"state": ""},
        {"code": ""},
        {"iss": "https://evil.example"},
        {"error": "access_denied", "code": ""},
    ],
)
async def test_a_foreign_answer_opens_nothing(
    browser: httpx.AsyncClient, issuer: FakeIssuer, services: AppServices, change: Any
) -> None:
    start = await browser.get("/signin/start")
    query = parse_qs(urlsplit(start.headers["location"]).query)
    issuer.will_issue(PERSON, nonce=query["nonce"][0])
    answer = {"code": "code-1", "state": query["state"][0], "iss": issuer.origin} | change
    refused = await browser.get("/signin/callback", params=answer)
    assert refused.status_code == 400
    assert await _rows(services) == []


async def test_an_answer_in_another_browser_opens_nothing(browser: httpx.AsyncClient, issuer: FakeIssuer) -> None:
    start = await browser.get("/signin/start")
    state = parse_qs(urlsplit(start.headers["location"]).query)["state"][0]
    browser.cookies.clear()
    assert (await browser.get("/signin/callback", params={"code": "c", "state": state})).status_code == 400
    assert issuer.forms == []


async def test_a_late_answer_opens_nothing(browser: httpx.AsyncClient, clock: Clock) -> None:
    start = await browser.get("/signin/start")
    state = parse_qs(urlsplit(start.headers["location"]).query)["state"][0]
    clock.turn(flow.LIFE + timedelta(seconds=1))
    assert (await browser.get("/signin/callback", params={"code": "c", "state": state})).status_code == 400


async def test_a_wrong_nonce_and_a_swapped_person_open_nothing(services: AppServices, issuer: FakeIssuer) -> None:
    for person_of_id_token, nonce in ((PERSON, "wrong"), (staff("owner"), None)):
        address, cookie = await services.signin.begin("/")
        query = parse_qs(urlsplit(address).query)
        issuer.will_issue(PERSON)
        issuer.answer["id_token"] = issuer.identity(person_of_id_token, nonce=nonce or query["nonce"][0])
        with pytest.raises(SigninFailed):
            await services.signin.complete(code="c", state=query["state"][0], issuer=None, flow_cookie=cookie)


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/a\nb", ""]
)
def test_the_way_back_stays_in_the_crm(path: str) -> None:
    assert flow.local_path(path) == "/"


async def test_signing_out_ends_it_here_and_there(
    signed_in: httpx.AsyncClient, issuer: FakeIssuer, services: AppServices
) -> None:
    answer = await signed_in.post("/signout", headers=SAME)
    assert answer.headers["location"].startswith(f"{VAULT}/identity/signout?")
    assert issuer.revoked == ["refresh-1"]
    assert await _rows(services) == []


async def test_another_site_cannot_act_with_the_session(signed_in: httpx.AsyncClient, services: AppServices) -> None:
    for site in ("same-site", "cross-site", "none"):
        for method, path in (("POST", "/signout"), ("GET", "/api/v1/orders"), ("PATCH", "/api/v1/orders/x")):
            answer = await signed_in.request(
                method, path, headers={"sec-fetch-site": site, "sec-fetch-mode": "cors", "accept": "application/json"}
            )
            assert answer.status_code == 403, (site, method, path)
    assert len(await _rows(services)) == 1


async def test_a_cookie_without_fetch_metadata_is_refused(signed_in: httpx.AsyncClient) -> None:
    assert (await signed_in.get("/api/v1/orders")).json()["code"] == "cross_site"


async def test_a_link_to_a_page_may_come_from_anywhere(signed_in: httpx.AsyncClient) -> None:
    answer = await signed_in.get("/", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"})
    assert answer.headers["location"] == "/orders"


async def test_a_session_is_renewed_with_rotation(
    signed_in: httpx.AsyncClient, issuer: FakeIssuer, services: AppServices, clock: Clock
) -> None:
    clock.turn(timedelta(minutes=6))
    issuer.now = clock()
    promoted = staff("owner")
    issuer.answer["access_token"] = issuer.access(PERSON, roles=["owner"], alias=promoted.alias)
    issuer.answer["refresh_token"] = "refresh-2"
    assert (await _orders(signed_in)).status_code == 200
    assert issuer.forms[-1] == {"grant_type": "refresh_token", "refresh_token": "refresh-1"}
    (row,) = await _rows(services)
    assert row.roles == ["owner"]
    clock.turn(timedelta(minutes=6))
    issuer.now = clock()
    issuer.answer["access_token"] = issuer.access(PERSON)
    await _orders(signed_in)
    assert issuer.forms[-1]["refresh_token"] == "refresh-2"


async def test_a_refused_renewal_ends_the_session(
    signed_in: httpx.AsyncClient, issuer: FakeIssuer, services: AppServices, clock: Clock
) -> None:
    clock.turn(timedelta(minutes=6))
    issuer.refusing = True
    assert (await _orders(signed_in)).status_code == 401
    assert await _rows(services) == []


async def test_a_renewal_for_somebody_else_ends_the_session(
    signed_in: httpx.AsyncClient, issuer: FakeIssuer, services: AppServices, clock: Clock
) -> None:
    clock.turn(timedelta(minutes=6))
    issuer.now = clock()
    issuer.answer["access_token"] = issuer.access(staff("owner"))
    assert (await _orders(signed_in)).status_code == 401
    assert await _rows(services) == []


async def test_with_the_issuer_away_open_sessions_stay_and_new_ones_wait(
    signed_in: httpx.AsyncClient, issuer: FakeIssuer, clock: Clock
) -> None:
    issuer.away = True
    for _ in range(10):
        clock.turn(timedelta(minutes=30))
        assert (await _orders(signed_in)).status_code == 200
    start = await signed_in.get("/signin/start")
    assert start.status_code == 503


async def test_an_idle_session_ends_even_with_the_issuer_away(
    signed_in: httpx.AsyncClient, issuer: FakeIssuer, clock: Clock
) -> None:
    issuer.away = True
    clock.turn(sessions.IDLE)
    assert (await _orders(signed_in)).status_code == 401


async def test_a_session_ends_after_its_life(
    signed_in: httpx.AsyncClient, issuer: FakeIssuer, services: AppServices, clock: Clock
) -> None:
    issuer.away = True
    for _ in range(12):
        await _orders(signed_in)
        clock.turn(timedelta(hours=1))
    assert (await _orders(signed_in)).status_code == 401
    await purge(services.db, now=clock())
    assert await _rows(services) == []


async def test_one_request_renews_and_the_other_goes_on(
    signed_in: httpx.AsyncClient, issuer: FakeIssuer, services: AppServices, clock: Clock
) -> None:
    clock.turn(timedelta(minutes=6))
    (row,) = await _rows(services)
    asked = len(issuer.forms)
    async with services.db.tenant(TENANT) as session:
        assert await repository.lock_free(session, row.digest) is not None
        assert (await _orders(signed_in)).status_code == 200
    assert len(issuer.forms) == asked


@pytest.mark.parametrize("cookie", ["", "demo", "demo.wrong", ".x", "DEMO.x", f"{OTHER}.x", "demo." + "x" * 500])
async def test_a_made_up_cookie_opens_nothing(browser: httpx.AsyncClient, cookie: str) -> None:
    answer = await browser.get("/api/v1/orders", headers=SAME | {"cookie": f"{sessions.COOKIE}={cookie}"})
    assert answer.status_code == 401


async def test_a_cookie_moved_to_another_shop_opens_nothing(signed_in: httpx.AsyncClient) -> None:
    secret = signed_in.cookies[sessions.COOKIE].partition(".")[2]
    headers = SAME | {"cookie": f"{sessions.COOKIE}={OTHER}.{secret}"}
    signed_in.cookies.clear()
    assert (await signed_in.get("/api/v1/orders", headers=headers)).status_code == 401


BAD_TOKENS = {
    "audience vault": {"aud": "vault"},
    "both audiences": {"aud": ["crm", "vault"]},
    "no audience": {"aud": ""},
    "another issuer": {"iss": "https://evil.example"},
    "expired": {"exp": 1_700_000_000},
    "an id token": {"typ": "JWT"},
    "unknown role": {"roles": ["root"]},
    "no role": {"roles": []},
    "no tenant": {"tenant": ""},
    "tenant of another form": {"tenant": "Demo; DROP"},
    "a name as subject": {"sub": "anna"},
    "no alias": {"alias": ""},
    "another key": {"key": ECKey.generate_key("P-256", {"kid": "k1"})},
}


@pytest.mark.parametrize("change", BAD_TOKENS.values(), ids=BAD_TOKENS)
async def test_a_bearer_token_must_be_a_live_one_for_the_crm(
    browser: httpx.AsyncClient, issuer: FakeIssuer, change: Any
) -> None:
    bearer = issuer.access(PERSON, **change)
    answer = await browser.get("/api/v1/orders", headers={"authorization": f"Bearer {bearer}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer a b", "Basic eDp5", "Bearer x.y.z", "Bearer eyJhbGciOiJub25lIn0.e30."]
)
async def test_what_is_no_token_is_refused(browser: httpx.AsyncClient, header: str) -> None:
    assert (await browser.get("/api/v1/orders", headers={"authorization": header})).status_code == 401


async def test_a_good_bearer_token_needs_no_fetch_metadata(browser: httpx.AsyncClient, issuer: FakeIssuer) -> None:
    headers = {"authorization": f"Bearer {issuer.access(PERSON)}"}
    assert (await browser.get("/api/v1/orders", headers=headers)).status_code == 200


async def test_a_rotated_key_is_learned(browser: httpx.AsyncClient, issuer: FakeIssuer) -> None:
    issuer.key = ECKey.generate_key("P-256", {"kid": "k2"})
    headers = {"authorization": f"Bearer {issuer.access(PERSON)}"}
    assert (await browser.get("/api/v1/orders", headers=headers)).status_code == 200
