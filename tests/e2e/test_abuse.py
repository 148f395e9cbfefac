"""Every endpoint of the vault against every credential that must not open it; each cell is asserted."""

import json
import ssl
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest
import pytest_asyncio

from tests.e2e.abuse import SITES, Headers, Hosts, Target, ask, faults, from_another_page, leaked
from tests.e2e.desk import Desk
from tests.e2e.endpoints import Endpoint, known, walk
from tests.e2e.strangers import RIVAL, Strangers, forgeries, make_strangers
from tests.support.instance import World


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def endpoints(world: World) -> list[Endpoint]:
    return await walk(world.instance)


@pytest.fixture(scope="module")
def target(world: World) -> Target:
    card, who = world.arrive()
    subject = world.rows("public", "SELECT subject FROM contact WHERE id = %s", card["contact_id"])[0][0]
    secrets = (who.phone[-10:], who.email, who.last_name, who.address_1)
    return Target(card["contact_tokens"]["phone"][0], subject, who.phone, secrets)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def strangers(shared_desk: Desk, world: World) -> Strangers:
    return await make_strangers(shared_desk, world)


@pytest.fixture
def hosts(world: World) -> Iterator[Hosts]:
    origins = {
        "vault": world.instance.vault_origin,
        "console": world.instance.console_origin,
        "hooks": world.instance.hooks_origin,
    }
    clients = {"vault": world.vault("vault"), "console": world.vault("console"), "hooks": world.vault("hooks")}
    yield Hosts(clients, origins)
    for client in clients.values():
        client.close()


def test_every_endpoint_has_an_expectation(endpoints: list[Endpoint]) -> None:
    guards = {str(endpoint): endpoint.guard for endpoint in endpoints}
    assert len(guards) > 50
    assert guards["vault POST /v1/reveal"] == "bearer"
    unlisted = {str(each) for each in known()} ^ set(guards)
    assert not unlisted, "tests/e2e/endpoints.txt lists every endpoint, a line each"
    with pytest.raises(AssertionError, match="what strangers get"):
        _ = Endpoint("vault", "GET", "/v2/anything").guard


def test_the_twin_the_right_ones_are_answered(world: World, hosts: Hosts, target: Target) -> None:
    sales = world.member("sales").id
    bearer = {"authorization": f"Bearer {world.bearer('sales')}"}
    with world.vault() as client:
        answer = ask(client, Endpoint("vault", "POST", "/v1/reveal"), target, bearer)
        assert answer.json()["items"] == [{"value": target.phone}]
        assert leaked(answer, target)
        cookie = {"cookie": world.cookie(sales)} | hosts.own_page("vault")
        for path in ("/frames/api/reveal", "/frames/api/search"):
            assert ask(client, Endpoint("vault", "POST", path), target, cookie).status_code == httpx.codes.OK
    with world.vault("console", headers={"cookie": world.cookie(world.member("officer").id, "console")}) as client:
        assert client.get("/audit", headers=hosts.own_page("console")).status_code == httpx.codes.OK


def test_nobody(hosts: Hosts, endpoints: list[Endpoint], target: Target) -> None:
    assert list(faults(hosts, endpoints, target, lambda _: {})) == []


@pytest.mark.parametrize(
    "forgery",
    [
        "no signature", "another key", "a key of its own", "public key as a secret", "changed claims", "id token",
        "two audiences", "another issuer", "session of another", "expired", "audience crm", "rubbish",
    ],
)  # fmt: skip
def test_a_forged_or_foreign_token(
    world: World, hosts: Hosts, endpoints: list[Endpoint], target: Target, forgery: str
) -> None:
    headers = {"authorization": f"Bearer {forgeries(world)[forgery]}"}
    assert list(faults(hosts, endpoints, target, lambda _: headers)) == []


def test_disabled_staff(hosts: Hosts, endpoints: list[Endpoint], target: Target, strangers: Strangers) -> None:
    def held(endpoint: Endpoint) -> Headers:
        cookie = strangers.dismissed_cookies["console" if endpoint.host == "console" else "vault"]
        return {"authorization": f"Bearer {strangers.dismissed_bearer}", "cookie": cookie}

    assert list(faults(hosts, endpoints, target, held)) == []


def test_cookies_of_another_host_or_of_nobody(
    world: World, hosts: Hosts, endpoints: list[Endpoint], target: Target
) -> None:
    officer = world.member("officer").id
    swapped = {"vault": world.cookie(officer, "console"), "console": world.cookie(officer, "vault")}
    renamed = {
        "vault": swapped["vault"].replace("console", "vault"),
        "console": swapped["console"].replace("vault", "console"),
    }
    for held in (swapped, renamed, dict.fromkeys(swapped, "__Host-larets_vault=x; __Host-larets_console=x")):
        headers = lambda endpoint, held=held: {"cookie": held.get(endpoint.host, "")}  # noqa: E731
        assert list(faults(hosts, endpoints, target, headers)) == []


@pytest.mark.parametrize("site", SITES)
def test_a_genuine_session_used_from_another_page(
    world: World, endpoints: list[Endpoint], target: Target, site: str | None
) -> None:
    officer, sales = world.member("officer").id, world.member("sales").id
    cookies = {"vault": world.cookie(sales), "console": world.cookie(officer, "console")}
    elsewhere = from_another_page(site, world.instance.crm_origin)
    wrong = []
    for endpoint in endpoints:
        if endpoint.host in cookies and endpoint.guard in ("cookie", "console", "form"):
            with world.vault(endpoint.host, headers={"cookie": cookies[endpoint.host]}) as client:  # type: ignore[arg-type]
                answer = ask(client, endpoint, target, elsewhere)
            if answer.status_code != httpx.codes.FORBIDDEN or leaked(answer, target):
                wrong.append(f"{endpoint}: {answer.status_code}")
    assert wrong == []


# -- the other shop --------------------------------------------------------------------------------------------------


def test_staff_of_another_shop_find_none_of_its_persons(
    world: World, hosts: Hosts, target: Target, strangers: Strangers
) -> None:
    bearer = {"authorization": f"Bearer {world.bearer_of(strangers.sales)}"}
    cookie = {"cookie": world.cookie(strangers.sales)} | hosts.own_page("vault")
    with world.vault() as client:
        for headers, start in ((bearer, "/v1"), (cookie, "/frames/api")):
            revealed = ask(client, Endpoint("vault", "POST", f"{start}/reveal"), target, headers)
            assert [item["error"] for item in revealed.json()["items"]] == ["malformed_token"]
            found = ask(client, Endpoint("vault", "POST", f"{start}/search"), target, headers)
            assert found.json() == {"subjects": []}
            assert not leaked(revealed, target)
        taken = {"items": [{"class": "phone", "value": target.phone, "subject": target.subject}]}
        answer = client.post("/v1/tokenise", json=taken, headers=bearer)
        assert answer.status_code >= 400 or "error" in answer.json()["items"][0]


def test_the_officer_of_another_shop_sees_none_of_its_log(
    world: World, hosts: Hosts, target: Target, strangers: Strangers
) -> None:
    with world.vault(
        "console", headers={"cookie": world.cookie(strangers.officer, "console")} | hosts.own_page("console")
    ) as client:
        audit = client.get("/audit")
        assert audit.status_code == httpx.codes.OK
        assert "Продавец 1" not in audit.text
        assert "Чужой officer" in audit.text
        assert client.get(f"/person/{target.subject}").status_code == httpx.codes.NOT_FOUND
        assert client.get("/audit/0").status_code == httpx.codes.NOT_FOUND


def test_a_person_names_no_tenant(world: World, target: Target) -> None:
    headers = {"authorization": f"Bearer {world.bearer('sales')}", "larets-tenant": "demo"}
    with world.vault() as client:
        for verb in ("reveal", "search", "tokenise"):
            answer = ask(client, Endpoint("vault", "POST", f"/v1/{verb}"), target, headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "tenant_refused")


def test_the_crm_knows_other_shops_orders_and_persons_not(world: World, target: Target, strangers: Strangers) -> None:
    order, contact = world.rows(
        "public", "SELECT o.id, c.id FROM orders o JOIN contact c ON c.id = o.contact_id WHERE c.subject = %s",
        target.subject,
    )[0]  # fmt: skip
    bearer = {"authorization": f"Bearer {world.bearer_of(strangers.sales, 'crm')}"}
    with world.crm(headers=bearer) as client:
        for path in (f"/api/v1/orders/{order}", f"/api/v1/contacts/{contact}"):
            assert client.get(path).status_code == httpx.codes.NOT_FOUND
        change = client.patch(f"/api/v1/orders/{order}", json={"status": "completed"}, headers={"if-match": '"1"'})
        assert change.status_code == httpx.codes.NOT_FOUND
        assert client.get("/api/v1/orders").json()["data"] == []


# -- roles and tokens at the CRM -------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["marketer", "warehouse", "officer"])
def test_roles_that_only_read_change_nothing_in_the_crm(world: World, target: Target, role: str) -> None:
    order, contact, token = world.rows(
        "public",
        "SELECT o.id, o.contact_id, t.token FROM orders o JOIN contact c ON c.id = o.contact_id "
        "JOIN contact_token t ON t.contact_id = c.id WHERE c.subject = %s AND t.token LIKE 'tok_phone_%%'",
        target.subject,
    )[0]
    with world.crm(headers={"authorization": f"Bearer {world.bearer(role, 'crm')}"}) as client:
        assert client.get(f"/api/v1/orders/{order}").status_code == httpx.codes.OK
        version = {"if-match": client.get(f"/api/v1/orders/{order}").headers["etag"]}
        answers = [
            client.patch(f"/api/v1/orders/{order}", json={"status": "completed"}, headers=version),
            client.post(f"/api/v1/orders/{order}/notes", json={"token": token.replace("phone", "text")}),
            client.post("/api/v1/contacts", json={"subject": target.subject, "tokens": {"phone": token}}),
            client.patch(f"/api/v1/contacts/{contact}", json={"correct": [{"new": token}]}, headers=version),
        ]
    assert [answer.status_code for answer in answers] == [403, 403, 403, 403]


@pytest.mark.parametrize("forgery", ["no signature", "another key", "changed claims", "id token", "two audiences"])
def test_the_crm_takes_no_forged_token_and_none_of_the_vault(world: World, forgery: str) -> None:
    for bearer in (forgeries(world)[forgery], world.bearer("sales", "vault")):
        with world.crm(headers={"authorization": f"Bearer {bearer}"}) as client:
            assert client.get("/api/v1/orders").status_code == httpx.codes.UNAUTHORIZED


# -- certificates ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificates(world: World) -> None:
    """A registered program's name signed by the other contour; a private certificate that nobody registered."""
    world.authority("public").issue("demo-program")
    world.authority("private").issue("unregistered")


# Status and code of each kind of service endpoint, by who shows which certificate.
CELLS: Final[dict[str, dict[str, tuple[int, str | None]]]] = {
    "public crm": {"peer": (403, "forbidden"), "private": (403, "forbidden")},
    "public demo-program": {"peer": (401, "unauthenticated"), "private": (403, "forbidden")},
    "private unregistered": {"peer": (401, "unauthenticated")},
    "private demo-program, no tenant": {"peer": (403, "tenant_refused")},
    "private demo-program, other tenant": {"peer": (403, "tenant_refused")},
}


@pytest.mark.usefixtures("certificates", "strangers")
@pytest.mark.parametrize("who", CELLS)
def test_certificates_open_no_more_than_they_are_registered_for(
    world: World, endpoints: list[Endpoint], target: Target, who: str
) -> None:
    contour, name = who.partition(",")[0].split()
    tenant = {"no tenant": {}, "other tenant": {"larets-tenant": RIVAL}}.get(
        who.partition(", ")[2], {"larets-tenant": "demo"}
    )
    wrong = []
    # The public contour's own verbs: witness and relay, none of which returns a value.
    public_knows = {
        "service GET /v1/audit/checkpoint": 200,
        "service POST /identity/revoke": 200,
        "service GET /v1/relay/templates": 200,
        "service POST /v1/relay": 422,
        "service GET /v1/relay/{dispatch}": 404,
        "service GET /v1/consents/{subject}": 200,
    }
    # A person's genuine token beside the certificate changes nothing.
    headers = tenant | {"authorization": f"Bearer {world.bearer('sales')}"}
    with world.peer(name, contour) as client:  # type: ignore[arg-type]
        for endpoint in endpoints:
            expected = CELLS[who].get(endpoint.guard)
            if endpoint.host != "service":
                continue
            answer = ask(client, endpoint, target, headers)
            if leaked(answer, target):
                wrong.append(f"{endpoint}: a value")
            if who == "public crm" and answer.status_code == public_knows.get(str(endpoint)):
                continue
            if endpoint.guard == "client" and answer.status_code not in (400, 401):
                wrong.append(f"{endpoint}: {answer.status_code}")
            if expected and (answer.status_code, expected[1] and answer.json().get("code")) != expected:
                wrong.append(f"{endpoint}: {answer.status_code} {answer.text[:80]}")
    assert wrong == []


def test_the_twin_the_registered_program_is_answered(world: World, target: Target) -> None:
    with world.peer("demo-program", headers={"larets-tenant": "demo"}) as client:
        answer = ask(client, Endpoint("service", "POST", "/v1/reveal"), target, {})
        assert answer.json()["items"] == [{"value": target.phone}]
        body = {"purpose": "audit", "items": [{"token": target.token}]}
        assert client.post("/v1/reveal", json=body).status_code == httpx.codes.FORBIDDEN


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/intake/events", "/witness/history"])
def test_the_intake_serves_no_program_of_its_own_contour(world: World, path: str) -> None:
    """But the one that reads its metrics, under a certificate of its own."""
    with world.intake("crm", "public") as client:
        assert client.get(path).status_code == httpx.codes.FORBIDDEN
        assert client.post(path, json={}).status_code == httpx.codes.FORBIDDEN


@pytest.mark.parametrize("listener", ["service", "intake"])
def test_without_a_certificate_of_ours_there_is_no_connection(world: World, listener: str, tmp_path: Any) -> None:
    connect = world.peer if listener == "service" else world.intake
    with connect(None) as client, pytest.raises((httpx.TransportError, ssl.SSLError)):
        client.get("/healthz")
    foreign = _foreign(tmp_path)
    context = ssl.create_default_context(
        cafile=str(world.instance.tls("private" if listener == "service" else "public") / "ca.crt")
    )
    context.load_cert_chain(*foreign)
    port = world.instance.ports.service if listener == "service" else world.instance.ports.intake
    with httpx.Client(verify=context, trust_env=False) as client, pytest.raises((httpx.TransportError, ssl.SSLError)):
        client.get(f"https://127.0.0.1:{port}/healthz")


def _foreign(folder: Any) -> tuple[str, str]:
    from scripts.local.pki import Authority  # noqa: PLC0415  used here alone

    certificate, key = Authority("nobody", certificates=folder, secrets=folder).issue("demo-program")
    return str(certificate), str(key)


@pytest.mark.usefixtures("certificates")
@pytest.mark.parametrize(("name", "contour"), [("demo-program", "private"), ("unregistered", "private")])
def test_the_intake_takes_events_from_the_outbox_alone(world: World, name: str, contour: Any) -> None:
    event = json.dumps({"id": "evt_x"})
    with world.intake(name, contour) as client:
        for path in ("/intake/v1/events", "/witness/add-checkpoint", "/witness/checkpoint"):
            answer = client.post(path, content=event)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    with world.intake("outbox", "private") as client:
        assert client.post("/intake/v1/events", content=event).status_code in (400, 422)
