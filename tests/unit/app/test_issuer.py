"""The issuer over HTTP: caching, refusals, and leaving it alone while it is away."""

from collections.abc import Callable

import httpx
import pytest
from joserfc.jwk import ECKey, KeySet

from app.errors import IssuerUnavailable
from app.signin import issuer as module
from app.signin.issuer import HttpIssuer, Refused

ORIGIN = "https://vault.larets.localhost"
KEY = ECKey.generate_key("P-256", {"kid": "k1"})
DISCOVERY = {
    "issuer": ORIGIN,
    "jwks_uri": f"{ORIGIN}/identity/jwks",
    "token_endpoint": f"{ORIGIN}/identity/token",
    "revocation_endpoint": f"{ORIGIN}/identity/revoke",
}


class Wire:
    """What the issuer answers; counts what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, Callable[[httpx.Request], httpx.Response]] = {
            "/.well-known/openid-configuration": lambda _: httpx.Response(200, json=DISCOVERY),
            "/identity/jwks": lambda _: httpx.Response(200, json=KeySet([KEY]).as_dict(private=False)),
            "/identity/token": lambda _: httpx.Response(200, json={"access_token": "a"}),
        }

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        self.last = request
        return self.answers[request.url.path](request)

    def client(self) -> HttpIssuer:
        base = "https://127.0.0.1:8201"
        transport = httpx.MockTransport(self)
        headers = {"host": "vault.larets.localhost"}
        return HttpIssuer(
            httpx.AsyncClient(base_url=base, transport=transport, headers=headers), origin=ORIGIN, client_id="crm"
        )


async def test_discovery_and_keys_are_asked_once() -> None:
    wire = Wire()
    issuer = wire.client()
    for _ in range(3):
        assert [key.kid for key in (await issuer.keys()).keys] == ["k1"]
        await issuer.keys(fresh=True)
    assert wire.asked == ["/.well-known/openid-configuration", "/identity/jwks"]


async def test_the_back_channel_asks_for_the_issuer_and_knows_the_listener_by_its_own_name() -> None:
    """An edge lets nobody through who calls for another server than the service listener."""
    wire = Wire()
    await wire.client().token({"grant_type": "refresh_token"})
    assert wire.last.url.host == "127.0.0.1"
    assert wire.last.headers["host"] == "vault.larets.localhost"
    assert "sni_hostname" not in wire.last.extensions
    assert wire.last.content == b"grant_type=refresh_token&client_id=crm"


@pytest.mark.parametrize("lost", [httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError])
async def test_refresh_whose_answer_got_lost_is_repeated_at_once(lost: type[httpx.HTTPError]) -> None:
    wire = Wire()
    answer, answers = wire.answers["/identity/token"], iter([lost("lost"), None])

    def sometimes(request: httpx.Request) -> httpx.Response:
        if (error := next(answers)) is not None:
            raise error
        return answer(request)

    wire.answers["/identity/token"] = sometimes
    form = {"grant_type": "refresh_token", "refresh_token": "r"}
    assert await wire.client().token(form) == {"access_token": "a"}
    assert wire.asked.count("/identity/token") == 2


@pytest.mark.parametrize(
    ("grant", "error"),
    [("authorization_code", httpx.ReadTimeout("lost")), ("refresh_token", httpx.ConnectError("away"))],
)
async def test_what_a_repeat_cannot_help_is_asked_once(grant: str, error: httpx.HTTPError) -> None:
    wire = Wire()

    def away(_: httpx.Request) -> httpx.Response:
        raise error

    wire.answers["/identity/token"] = away
    with pytest.raises(IssuerUnavailable):
        await wire.client().token({"grant_type": grant})
    assert wire.asked.count("/identity/token") == 1


async def test_another_issuers_description_is_refused() -> None:
    wire = Wire()
    wire.answers["/.well-known/openid-configuration"] = lambda _: httpx.Response(
        200, json=DISCOVERY | {"issuer": "https://evil.example"}
    )
    with pytest.raises(IssuerUnavailable):
        await wire.client().discovery()


async def test_a_session_that_is_over_is_refused() -> None:
    wire = Wire()
    wire.answers["/identity/token"] = lambda _: httpx.Response(400, json={"error": "invalid_grant"})
    with pytest.raises(Refused):
        await wire.client().token({})


@pytest.mark.parametrize("path", ["/identity/token", "/.well-known/openid-configuration", "/identity/jwks"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 421])
async def test_a_refusal_of_the_crm_itself_ends_no_session(path: str, status: int) -> None:
    wire = Wire()
    wire.answers[path] = lambda _: httpx.Response(status, json={"error": "invalid_client", "code": "forbidden"})
    with pytest.raises(IssuerUnavailable):
        await (wire.client().keys() if path.endswith("jwks") else wire.client().token({}))


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_server_error_is_absence(status: int) -> None:
    wire = Wire()
    wire.answers["/identity/token"] = lambda _: httpx.Response(status, json={})
    with pytest.raises(IssuerUnavailable):
        await wire.client().token({})


async def test_an_answer_that_is_no_json_is_absence() -> None:
    wire = Wire()
    wire.answers["/identity/token"] = lambda _: httpx.Response(200, text="<html>")
    with pytest.raises(IssuerUnavailable):
        await wire.client().token({})


async def test_while_it_is_away_it_is_left_alone_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire()

    def away(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    wire.answers["/.well-known/openid-configuration"] = away
    issuer = wire.client()
    for _ in range(5):
        with pytest.raises(IssuerUnavailable):
            await issuer.discovery()
    assert len(wire.asked) == 1
    monkeypatch.setattr(module, "DOWN_FOR", 0.0)
    issuer._down_until = 0.0
    wire.answers["/.well-known/openid-configuration"] = lambda _: httpx.Response(200, json=DISCOVERY)
    assert (await issuer.discovery())["issuer"] == ORIGIN


async def test_a_sign_out_that_cannot_be_told_is_quiet() -> None:
    wire = Wire()
    wire.answers["/identity/revoke"] = lambda _: httpx.Response(503)
    await wire.client().revoke("refresh")
    assert wire.asked[-1] == "/identity/revoke"
