"""The abuse cases that make sense from outside an environment: through its edges, by strangers and by trial staff.

Each case returns what was not refused as it should be; nothing is well. `CASES` are in their order: the last one asks
with the sessions of staff who are disabled by then. The twin asks as the right person does: there the same matrix must
name faults, or it would see none anywhere.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx

from scripts.local.shop import Shop, buyer, order
from scripts.smoke.deployed import DeployedStand, Origins
from scripts.smoke.doors import Doors
from scripts.smoke.journey import deliver
from scripts.smoke.visitor import Visitor
from tests.e2e.abuse import SITES, Headers, Hosts, Target, ask, faults, from_another_page, leaked
from tests.e2e.endpoints import Endpoint, known
from tests.e2e.strangers import unsigned

NOWHERE: Final = "elsewhere.example"
PUBLIC_PATHS: Final = ("/intake/v1/events", "/witness/add-checkpoint", "/witness/checkpoint", "/metrics")
FIRST_NUMBER: Final = 300_000_000
Faults = Iterable[str]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another shop of the same vault: one of its persons, what the CRM has of them, and where its webhooks go."""

    target: Target
    order: str
    contact: str
    shop: Shop


@dataclass(frozen=True, slots=True)
class Attack:
    """`stand`: the trial shop, its staff signed in. `own`: a person of it."""

    origins: Origins
    doors: Doors
    hosts: Hosts
    stand: DeployedStand
    own: Target
    card: dict[str, Any]
    neighbour: Neighbour
    endpoints: tuple[Endpoint, ...]

    @property
    def sales(self) -> Visitor:
        return self.stand.person("sales")

    def session(self, role: str = "sales", *, host: str = "vault") -> dict[str, str]:
        """The session of one of the staff at the vault, as a Cookie header."""
        return {"cookie": self.stand.person(role).signed(self.hosts.origins[host])["cookie"]}


def prepared(
    origins: Origins, console: str, doors: Doors, stand: DeployedStand, neighbour: Neighbour, *, files: bool
) -> Attack:
    """Enrols and signs in the trial staff and has an order of their own arrive. `files`: the vault stores files.

    Raises:
        StandProblem: a step did not do what it should.
    """
    stand.enrol()
    stand.sign_in()
    number = FIRST_NUMBER + secrets.randbelow(FIRST_NUMBER)
    who = buyer(number)
    card = deliver(stand, number, who, patience=60.0, pause=0.2).card
    texts = (who.phone[-10:], who.email, who.last_name, who.address_1)
    own = Target(card["contact_tokens"]["phone"][0], "sub_none", who.phone, texts, stand.tenant)
    places = {"vault": origins.vault, "console": console, "hooks": origins.hooks}
    hosts = Hosts({host: doors.client(origin) for host, origin in places.items()}, places)
    asked = tuple(one for one in known() if files or not one.path.startswith("/v1/files"))
    return Attack(origins, doors, hosts, stand, own, card, neighbour, asked)


def nobody(attack: Attack) -> Faults:
    return faults(attack.hosts, attack.endpoints, attack.neighbour.target, _always({}))


def forged_tokens(attack: Attack) -> Faults:
    """Claims as a seller's would be, signed by whoever likes, or by nobody."""
    [key, *_] = attack.hosts.clients["vault"].get("/identity/jwks").json()["keys"]
    now = int(time.time())
    claims = {
        "iss": attack.origins.vault, "aud": "vault", "sub": f"stf_{'0' * 26}", "sid": f"ses_{'0' * 26}",
        "tenant": attack.neighbour.target.tenant, "roles": ["owner"], "iat": now, "exp": now + 300,
        "auth_time": now, "sfa": now, "amr": ["pwd", "otp"], "client_id": "crm", "jti": secrets.token_hex(16),
    }  # fmt: skip
    header = {"alg": "ES256", "typ": "at+jwt", "kid": key["kid"]}
    forged = unsigned(header, claims, key) | {"rubbish": "x" * 200}
    for name, token in forged.items():
        bearer = {"authorization": f"Bearer {token}"}
        found = faults(attack.hosts, attack.endpoints, attack.neighbour.target, _always(bearer))
        yield from (f"{name}: {one}" for one in found)
        answer = attack.doors.client(attack.origins.crm).get("/api/v1/orders", headers=bearer)
        if answer.status_code != httpx.codes.UNAUTHORIZED:
            yield f"{name}: the CRM answered {answer.status_code}"


def cookies_of_another_host(attack: Attack) -> Faults:
    """The vault's session at the console, there under its name too, and a text that nobody gave."""
    vault = attack.session()["cookie"]
    for cookie in (vault, vault.replace("larets_vault", "larets_console"), "__Host-larets_console=x"):
        at_console = [one for one in attack.endpoints if one.host == "console"]
        yield from faults(attack.hosts, at_console, attack.own, _always({"cookie": cookie}))
    crm = attack.sales.signed(attack.origins.crm)["cookie"]
    at_vault = [one for one in attack.endpoints if one.host == "vault" and one.guard == "cookie"]
    yield from faults(attack.hosts, at_vault, attack.own, _always({"cookie": crm}))


def a_session_used_from_another_page(attack: Attack) -> Faults:
    """What a script of the CRM's page, or of any other, would have the seller's browser send to the vault."""
    chosen = [one for one in attack.endpoints if one.host == "vault" and one.guard in ("cookie", "form")]
    for site in SITES:
        elsewhere = from_another_page(site, attack.origins.crm) | attack.session()
        for endpoint in chosen:
            answer = ask(attack.hosts.clients["vault"], endpoint, attack.own, elsewhere)
            if answer.status_code != httpx.codes.FORBIDDEN or leaked(answer, attack.own):
                yield f"{site}: {endpoint}: {answer.status_code}"


def another_shops_persons(attack: Attack) -> Faults:
    """A seller in good standing asks for what belongs to the shop next door."""
    other = attack.neighbour.target
    headers = attack.hosts.own_page("vault") | attack.session()
    client = attack.hosts.clients["vault"]
    revealed = ask(client, Endpoint("vault", "POST", "/frames/api/reveal"), other, headers)
    if [item.get("error") for item in revealed.json().get("items", ())] != ["malformed_token"]:
        yield f"reveal: {revealed.status_code}"
    found = ask(client, Endpoint("vault", "POST", "/frames/api/search"), other, headers)
    if found.json() != {"subjects": []}:
        yield f"search: {found.status_code}"
    if leaked(revealed, other) or leaked(found, other):
        yield "a value in the answer"
    api = f"{attack.origins.crm}/api/v1"
    for path in (f"orders/{attack.neighbour.order}", f"contacts/{attack.neighbour.contact}"):
        answer = attack.sales.ask("GET", f"{api}/{path}")
        if answer.status_code != httpx.codes.NOT_FOUND:
            yield f"GET {path.partition('/')[0]}: {answer.status_code}"
    change = attack.sales.ask(
        "PATCH", f"{api}/orders/{attack.neighbour.order}", json={"status": "completed"}, headers_too={"if-match": '"1"'}
    )
    if change.status_code != httpx.codes.NOT_FOUND:
        yield f"PATCH orders: {change.status_code}"


def roles_that_only_read(attack: Attack) -> Faults:
    """They see the card in the CRM, and change nothing there."""
    place = f"{attack.origins.crm}/api/v1/orders/{attack.card['id']}"
    for role in ("marketer", "warehouse"):
        person = attack.stand.person(role)
        person.visit(f"{attack.origins.crm}/signin/start?next=/orders")
        seen = person.ask("GET", place)
        if seen.status_code != httpx.codes.OK:
            yield f"{role} does not see the card: {seen.status_code}"
            continue
        version = {"if-match": seen.headers["etag"]}
        change = person.ask("PATCH", place, json={"status": "completed"}, headers_too=version)
        note = person.ask("POST", f"{place}/notes", json={"token": attack.own.token.replace("phone", "text")})
        yield from (f"{role}: {one.status_code}" for one in (change, note) if one.status_code != httpx.codes.FORBIDDEN)


def webhooks_of_others(attack: Attack) -> Faults:
    """A wrong secret, and the trial shop's own at its neighbour's address."""
    number = FIRST_NUMBER + secrets.randbelow(FIRST_NUMBER)
    payload = order(number, buyer=buyer(number))
    own, next_door = attack.stand.shop, attack.neighbour.shop
    for what, shop in (
        ("a wrong secret", replace(own, secret=secrets.token_hex(16))),
        ("an own secret at another's address", replace(own, url=own.url.partition("/in/")[0] + _path(next_door))),
    ):
        answer = shop.send("order.created", payload, client=attack.hosts.clients["hooks"])
        if (answer.status_code, answer.json().get("code")) != (httpx.codes.UNAUTHORIZED, "wrong_signature"):
            yield f"{what}: {answer.status_code}"


def listeners_of_programs(attack: Attack) -> Faults:
    """What only programs with a certificate may ask is not there at all for browsers."""
    shown = {(one.method, one.path) for one in attack.endpoints if one.host != "service"}
    for endpoint in attack.endpoints:
        if endpoint.host == "service" and (endpoint.method, endpoint.path) not in shown:
            answer = ask(attack.hosts.clients["vault"], endpoint, attack.neighbour.target, {})
            if answer.status_code not in (401, 403, 404, 405) or leaked(answer, attack.neighbour.target):
                yield f"{endpoint} at the browsers' listener: {answer.status_code}"
    for path in PUBLIC_PATHS:
        answer = attack.doors.client(attack.origins.crm).post(path, json={})
        if answer.status_code not in (401, 403, 404, 405):
            yield f"{path} at the CRM: {answer.status_code}"


def hosts_of_nobody(attack: Attack) -> Faults:
    """Another host's name on a connection to the edge, with a genuine session too."""
    for headers in ({}, attack.session()):
        for origin in (attack.origins.vault, attack.origins.crm, attack.origins.hooks):
            answer = attack.doors.client(origin).get("/", headers={**headers, "host": NOWHERE})
            if answer.status_code < httpx.codes.BAD_REQUEST:
                yield f"{origin.partition('://')[2]} answers another host's name: {answer.status_code}"


def disabled_staff(attack: Attack) -> Faults:
    """The trial shop is closed: sessions that were good a moment ago, and passwords that still are right."""
    held = {role: attack.session(role) for role in ("sales", "marketer", "warehouse")}
    attack.stand.close()
    hosts = replace(attack.hosts, clients={"vault": attack.doors.client(attack.origins.vault)})
    for role, cookie in held.items():
        chosen = [one for one in attack.endpoints if one.host == "vault" and one.guard in ("cookie", "page")]
        found = faults(hosts, chosen, attack.own, _always(cookie))
        yield from (f"{role}: {one}" for one in found)


CASES: Final[dict[str, Callable[[Attack], Faults]]] = {
    case.__name__.replace("_", " "): case
    for case in (
        nobody, forged_tokens, cookies_of_another_host, a_session_used_from_another_page, another_shops_persons,
        roles_that_only_read, webhooks_of_others, listeners_of_programs, hosts_of_nobody, disabled_staff,
    )
}  # fmt: skip


def twin(attack: Attack) -> Iterator[str]:
    """The right seller, from the vault's own page: what the matrix calls faults, by endpoint."""
    return faults(attack.hosts, attack.endpoints, attack.own, _always(attack.session()))


def _always(headers: Headers) -> Callable[[Endpoint], Headers]:
    return lambda _: headers


def _path(shop: Shop) -> str:
    return "/in/" + shop.url.partition("/in/")[2]
