"""Who may call: certificates, tenants, hosts, tokens. Each allowed way has its refused twin."""

import ssl
from collections.abc import Iterator

import httpx
import pytest

from tests.support.postgres import Database
from tests.support.server import Server
from tests.support.vault import rows

REVEAL = {"purpose": "order_processing", "items": [{"token": "tok_name_x"}]}
BODIES = {
    "/v1/tokenise": {"items": [{"class": "name", "value": "Анна"}]},
    "/v1/reveal": REVEAL,
    "/v1/search": {"purpose": "support", "class": "phone", "value": "+79001112233"},
}
DEMO = {"larets-tenant": "demo"}


@pytest.fixture(params=list(BODIES))
def path(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def browser(server: Server) -> Iterator[httpx.Client]:
    with server.browser() as client:
        yield client


def test_a_registered_program_is_served(server: Server, path: str) -> None:
    with server.http() as client:
        assert client.post(path, json=BODIES[path], headers=DEMO).status_code == 200


def test_the_tenant_must_be_named_and_registered(server: Server, path: str) -> None:
    with server.http() as client:
        for headers in ({}, {"larets-tenant": "other"}, {"larets-tenant": "nobody"}):
            answer = client.post(path, json=BODIES[path], headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "tenant_refused")


def test_an_unregistered_certificate_is_not_served(server: Server, path: str) -> None:
    with server.http("stranger") as client:
        assert client.post(path, json=BODIES[path], headers=DEMO).status_code == 401


def test_whoever_is_turned_away_with_a_certificate_leaves_a_record(server: Server, database: Database) -> None:
    def admissions() -> list[tuple[object, ...]]:
        return rows(
            database, "SELECT principal, decision, count(*) FROM audit_detail WHERE verb = 'admission' GROUP BY 1, 2"
        )

    before = dict.fromkeys((("stranger", "unauthenticated"), ("bench", "tenant_refused")), 0)
    before |= {(who, why): number for who, why, number in admissions()}  # type: ignore[misc]
    with server.http("stranger") as client:
        client.post("/v1/reveal", json=REVEAL, headers=DEMO)
    with server.http() as client:
        client.post("/v1/reveal", json=REVEAL, headers={"larets-tenant": "other"})
        client.post("/v1/reveal", json=REVEAL, headers=DEMO)  # served: no such record
    after = {(who, why): number for who, why, number in admissions()}
    assert after == {place: number + 1 for place, number in before.items()}


def test_a_registered_name_signed_by_the_other_authority_is_somebody_else(server: Server, path: str) -> None:
    with server.http("bench", "public") as client:
        assert client.post(path, json=BODIES[path], headers=DEMO).status_code == 401


def test_the_public_contour_has_no_verb_that_touches_values(server: Server, database: Database, path: str) -> None:
    with server.http("crm", "public") as client:
        answer = client.post(path, json=BODIES[path], headers=DEMO)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    verb = path.rsplit("/", 1)[-1]
    assert rows(database, "SELECT count(*) > 0 FROM audit_detail WHERE verb = %s AND decision = 'forbidden'", verb) == [
        (True,)
    ]


def test_without_a_certificate_there_is_no_connection(server: Server) -> None:
    context = ssl.create_default_context(cafile=server.folder / "private" / "ca.crt")
    with (
        httpx.Client(base_url=server.service_url, verify=context, trust_env=False) as client,
        pytest.raises(httpx.TransportError),
    ):
        client.get("/healthz")


def test_a_header_makes_nobody_a_program(browser: httpx.Client, path: str) -> None:
    for headers in ({"x-client-cert": "bench"}, {"x-forwarded-client-cert": "CN=bench"}, {"larets.peer": "bench"}):
        assert browser.post(path, json=BODIES[path], headers=headers).status_code == 401


def test_a_person_needs_a_token_and_names_no_tenant(browser: httpx.Client, path: str) -> None:
    assert browser.post(path, json=BODIES[path]).status_code == 401
    assert browser.post(path, json=BODIES[path]).headers["www-authenticate"].startswith("Bearer")
    for token in ("x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."):
        answer = browser.post(path, json=BODIES[path], headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 401
    answer = browser.post(path, json=BODIES[path], headers={"authorization": "Bearer x"} | DEMO)
    assert (answer.status_code, answer.json()["code"]) == (403, "tenant_refused")


def test_an_unknown_host_is_misdirected(server: Server) -> None:
    for host in ("evil.example", "crm.larets.localhost", "vault.larets.localhost.evil.example"):
        with server.browser(host) as client:
            for address in ("/healthz", "/v1/reveal", "/"):
                assert client.get(address).status_code == 421


def test_each_host_serves_its_own_part_only(server: Server) -> None:
    with server.browser("console.larets.localhost") as console, server.browser("hooks.larets.localhost") as hooks:
        for client in (console, hooks):
            assert client.post("/v1/reveal", json=REVEAL).status_code in (403, 404)
            assert client.get("/frames/reveal").status_code == 404
            assert client.get("/identity/jwks").status_code == 404


def test_health_names_parts_and_no_data(server: Server, browser: httpx.Client) -> None:
    assert browser.get("/healthz").json() == {"status": "ok"}
    ready = browser.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["checks"] == {"database": "ok", "keys": "ok", "audit": "ok"}
    assert "witness" not in ready.json()  # not for strangers
    with server.http() as client:
        assert set(client.get("/readyz").json()["witness"]) == {"records_unwitnessed", "seconds", "silent"}


def test_metrics_are_for_private_programs_and_hold_no_ids(server: Server, browser: httpx.Client) -> None:
    with server.http() as client:
        client.post("/v1/reveal", json=REVEAL, headers=DEMO)
        page = client.get("/metrics")
    assert page.status_code == 200
    assert 'larets_requests_total{status="200",verb="reveal"}' in page.text
    assert 'larets_alarms_open{kind="witness_silent"} 0' in page.text
    assert "larets_audit_unwitnessed_seconds " in page.text
    for secret in ("demo", "bench", "tok_", "sub_"):
        assert secret not in page.text
    assert browser.get("/metrics").status_code == 403
    with server.http("crm", "public") as client:
        assert client.get("/metrics").status_code == 403


def test_the_checkpoint_needs_an_identity(server: Server, browser: httpx.Client) -> None:
    assert browser.get("/v1/audit/checkpoint").status_code == 401
    with server.http() as client:
        # Nothing has signed yet: the worker does.
        assert client.get("/v1/audit/checkpoint", headers=DEMO).status_code in (200, 404)


def test_the_description_lists_the_hot_endpoints(browser: httpx.Client) -> None:
    paths = browser.get("/v1/openapi.json").json()["paths"]
    assert set(BODIES) <= set(paths)
