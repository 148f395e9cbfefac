"""Tenants × roles × verbs: every cell of what the API does, over HTTP, against Cedar's own engine.

The engine reads the policies as they are written, past the matrix that the vault compiles from them. The vault is
asked as each member of staff of two shops and as each program, for every purpose and class, about a person of its own
shop and about one of the other.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Final, Literal

import httpx
import pytest

from pii_vault.access.conditions import NEVER_MINUTES, Facts
from pii_vault.identity.dev import issue_vault_token
from pii_vault.identity.models import Role
from pii_vault.operations.registry import register_service_client
from scripts.local.postgres import Cluster
from tests.conftest import VAULT
from tests.support import postgres as support
from tests.support.issuer import hire, issuer, settings_of
from tests.support.server import environment, serve
from tests.support.vault import POLICIES, PURPOSES
from tests.unit.pii_vault.access.engine import Engine

TENANTS: Final = ("demo", "other")
STAFF: Final[tuple[Role, ...]] = ("owner", "sales", "marketer", "warehouse", "officer")
ALL_PURPOSES: Final = (*PURPOSES, "marketing", "subject_request", "audit")
VALUES: Final = {
    "name": "Орлова Вера", "phone": "+79035550101", "email": "orlova@example.ru", "address": "Тверь, ул. Лесная, д. 7",
    "birth_date": "1988-04-12", "passport": "4510 123456", "inn": "500100732259", "snils": "112-233-445 95",
    "card": "4111 1111 1111 1111", "text": "Звонить после шести", "handle": "@orlova", "ip": "192.0.2.7",
    "device": "device-orlova", "ogrnip": "304500116000157", "car_plate": "А123ВС77",
}  # fmt: skip
SEARCHED: Final = ("name", "phone", "email", "inn", "snils", "handle", "car_plate")
RIGHTS: Final = {"export": "export", "erase": "erase", "proof": "erase", "": "search"}  # address → action
Cells = dict[str, str]


@dataclass(frozen=True)
class Who:
    """Somebody with a role at a shop. `purposes`: those a program is registered for."""

    tenant: str
    role: str
    facts: Facts
    client: httpx.Client
    purposes: tuple[str, ...] = ALL_PURPOSES

    def __str__(self) -> str:
        return f"{self.role} of {self.tenant}"


@dataclass
class Stage:
    """`tokens` and `subjects` by shop: one person each, with a value of each class."""

    people: list[Who]
    engine: Engine
    tokens: dict[str, dict[str, str]] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=dict)

    def may(self, who: Who, action: str, purpose: str, class_id: str) -> bool:
        registered = purpose in who.purposes
        return registered and self.engine.allows([who.role], action, [(purpose, class_id, who.facts)])[0]


def facts(second_factor: int = NEVER_MINUTES, contour: Literal["private", "public"] = "private") -> Facts:
    """Nobody consented to anything, nobody is blocked, no glass is broken."""
    return Facts(second_factor, 12, contour, consent=False, blocked=False, break_glass=False)


@pytest.fixture(scope="module")
def stage(postgres_cluster: Cluster, vault_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("matrix")
    with support.clone(postgres_cluster, VAULT, vault_template) as database, serve(folder, database) as server:
        registration = register_service_client(
            database.owner_url, trust_domain="private", cn="stranger", tenants=["other"], roles=["program"],
            purposes=PURPOSES,
        )  # fmt: skip
        asyncio.run(registration)
        ports = {"browser": server.browser_port, "service": server.service_port, "workers": 1}
        people: list[Who] = []
        with issuer(settings_of(environment(folder, database, **ports))) as opened:
            for tenant, role in product(TENANTS, STAFF):
                client = server.browser()
                bearer = issue_vault_token(opened, staff_id=hire(opened, tenant=tenant, role=role))
                client.headers["authorization"] = f"Bearer {bearer}"
                people.append(Who(tenant, role, facts(0), client))
        for tenant, cn in (("demo", "bench"), ("other", "stranger")):
            people.append(Who(tenant, "program", facts(), server.http(cn), PURPOSES))
            people.append(Who(tenant, "public_service", facts(contour="public"), server.http("crm", "public"), ()))
            for who in people[-2:]:
                who.client.headers["larets-tenant"] = tenant
        made = Stage(people, Engine(POLICIES))
        for who in people:
            who.client.timeout = httpx.Timeout(30)
            if who.role == "program":
                items = [{"class": name, "value": value, "subject": "@1"} for name, value in VALUES.items()]
                stored = who.client.post("/v1/tokenise", json={"items": items}).json()["items"]
                made.tokens[who.tenant] = {name: item["token"] for name, item in zip(VALUES, stored, strict=True)}
                made.subjects[who.tenant] = stored[0]["subject"]
        yield made
        for who in people:
            who.client.close()


def revealed(who: Who, purpose: str, tokens: Mapping[str, str]) -> Cells:
    """By class: `value`, `mask`, or `nothing`. What else could come is told as it is."""
    body = {"purpose": purpose, "items": [{"token": token} for token in tokens.values()]}
    answer = who.client.post("/v1/reveal", json=body)
    if answer.status_code == httpx.codes.FORBIDDEN:
        return dict.fromkeys(tokens, "nothing")
    assert answer.status_code == httpx.codes.OK, answer.text
    found = {}
    for name, item in zip(tokens, answer.json()["items"], strict=True):
        if "value" in item:
            found[name] = "value" if item["value"] == VALUES[name] else "another value"
        elif "mask" in item:
            found[name] = "mask" if item["mask"] != VALUES[name] else "no mask"
        else:
            refusals = ("denied", "consent_missing", "malformed_token", "unknown_token")
            found[name] = "nothing" if item["error"] in refusals else item["error"]
    return found


def test_reveal(stage: Stage) -> None:
    wrong = []
    for who, purpose in product(stage.people, ALL_PURPOSES):
        for name, got in revealed(who, purpose, stage.tokens[who.tenant]).items():
            value, mask = (stage.may(who, action, purpose, name) for action in ("reveal", "mask"))
            if got != ("value" if value else "mask" if mask else "nothing"):
                wrong.append(f"{who}, {purpose}, {name}: {got}")
    assert wrong == []


def test_reveal_of_the_other_shop_is_nothing_for_everybody(stage: Stage) -> None:
    wrong = []
    for who, purpose in product(stage.people, ALL_PURPOSES):
        elsewhere = stage.tokens["other" if who.tenant == "demo" else "demo"]
        found = revealed(who, purpose, elsewhere)
        wrong += [f"{who}, {purpose}, {name}: {got}" for name, got in found.items() if got != "nothing"]
    assert wrong == []


def test_search(stage: Stage) -> None:
    wrong = []
    for who, purpose, name in product(stage.people, ALL_PURPOSES, SEARCHED):
        answer = who.client.post("/v1/search", json={"purpose": purpose, "class": name, "value": VALUES[name]})
        found = [each["subject"] for each in answer.json().get("subjects", [])]  # never one of the other shop
        expected = [stage.subjects[who.tenant]] if stage.may(who, "search", purpose, name) else []
        if found != expected or answer.status_code not in (200, 403):
            wrong.append(f"{who}, {purpose}, {name}: {answer.status_code} {len(found)}")
    assert wrong == []


def test_tokenise(stage: Stage) -> None:
    wrong = []
    for who in stage.people:
        items = [{"class": name, "value": value} for name, value in VALUES.items()]
        answer = who.client.post("/v1/tokenise", json={"items": items})
        results = answer.json().get("items", [{"error": "denied"}] * len(items))
        for name, result in zip(VALUES, results, strict=True):
            purposes = ALL_PURPOSES if who.role != "public_service" else ()
            expected = any(
                stage.engine.allows([who.role], "tokenise", [(each, name, who.facts)])[0] for each in purposes
            )
            if ("token" in result) != expected or (not expected and result != {"error": "denied"}):
                wrong.append(f"{who}, {name}: {answer.status_code} {result}")
    assert wrong == []


def _ask_of(who: Who, subject: str, verb: str) -> httpx.Response:
    address = f"/v1/subjects/{subject}/{verb}".rstrip("/")
    if verb in ("proof", ""):
        return who.client.get(address)
    return who.client.post(address, json={"dry_run": True} if verb == "erase" else None)


def test_rights_of_a_person(stage: Stage) -> None:
    wrong = []
    for who, verb in product(stage.people, RIGHTS):
        held = [stage.may(who, RIGHTS[verb], "subject_request", name) for name in VALUES]
        expected = all(held) if verb == "export" else any(held)
        own = _ask_of(who, stage.subjects[who.tenant], verb).status_code
        other = _ask_of(who, stage.subjects["other" if who.tenant == "demo" else "demo"], verb).status_code
        if (own not in (403, 401)) != expected or own >= 500:
            wrong.append(f"{who}, {verb or 'show'}: {own}")
        if other not in (403, 404):
            wrong.append(f"{who}, {verb or 'show'} of the other shop: {other}")
    assert wrong == []


def test_a_shop_that_a_program_is_not_registered_for(stage: Stage) -> None:
    for who in stage.people:
        if who.role == "program":
            other = "other" if who.tenant == "demo" else "demo"
            for verb in ("reveal", "search", "tokenise", "classify", "shapes/issue"):
                answer = who.client.post(f"/v1/{verb}", json={}, headers={"larets-tenant": other})
                assert (answer.status_code, answer.json()["code"]) == (403, "tenant_refused"), f"{who}: {verb}"


def test_the_twin_a_policy_that_lets_more_through_is_found_out(stage: Stage) -> None:
    """The same comparison against an engine with one permission more: cells differ, so a vault that gave more would."""
    marketer = next(who for who in stage.people if who.role == "marketer")
    owner = next(who for who in stage.people if who.role == "owner")
    as_owner = Who(marketer.tenant, "owner", owner.facts, marketer.client)
    got = revealed(as_owner, "order_processing", stage.tokens["demo"])
    assert got["phone"] != "value"
    assert stage.may(as_owner, "reveal", "order_processing", "phone")
