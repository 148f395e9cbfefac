"""Persons in the vault's API: asked for rightly, and wherever a careless program could put them."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx

from scripts.leakcheck.canaries import Canaries, Person
from scripts.leakcheck.rig import Rig
from scripts.local.instance import Contour, InstanceProblem
from scripts.local.keys import CRM, PROGRAM

PURPOSE: Final = "order_processing"
ASKED: Final = 6  # once to tokenise, once to reveal, four times to search


@contextmanager
def program(rig: Rig) -> Iterator[httpx.Client]:
    """A registered program of the private contour, by its certificate."""
    with _by_certificate(rig, "private", PROGRAM) as client:
        client.headers["larets-tenant"] = rig.demo["tenant"]
        yield client


@contextmanager
def taken_crm(rig: Rig, *, port: int = 0) -> Iterator[httpx.Client]:
    """Somebody who holds the CRM's own certificate. Around the relay: what an attacker types is his own."""
    with _by_certificate(rig, "public", CRM, port=port) as client:
        client.headers["larets-tenant"] = rig.demo["tenant"]
        yield client


@contextmanager
def staff(rig: Rig, bearer: str) -> Iterator[httpx.Client]:
    headers = {"host": rig.instance.vault_origin.partition("://")[2], "authorization": f"Bearer {bearer}"}
    address = f"http://127.0.0.1:{rig.instance.ports.vault}"
    with httpx.Client(base_url=address, headers=headers, trust_env=False, timeout=20) as client:
        yield client


@contextmanager
def _by_certificate(rig: Rig, contour: Contour, name: str, *, port: int = 0) -> Iterator[httpx.Client]:
    instance = rig.instance
    context = ssl.create_default_context(cafile=str(instance.tls("private") / "ca.crt"))
    context.load_cert_chain(instance.tls(contour) / f"{name}.crt", instance.secrets(contour) / f"{name}.key")
    address = f"https://127.0.0.1:{port or instance.ports.service}"
    headers = {"host": instance.vault_origin.partition("://")[2]}
    with httpx.Client(base_url=address, verify=context, headers=headers, trust_env=False, timeout=20) as client:
        yield client


def plant(rig: Rig, canaries: Canaries, bearers: dict[str, str]) -> None:
    """Every caller, those of the public contour too.

    Raises:
        InstanceProblem: the vault did not serve those who may ask, or served one who may not.
    """
    with staff(rig, bearers["sales"]) as client:
        _served(_ask(client, "staff", canaries), ASKED)
    with program(rig) as client:
        _served(_ask(client, "program", canaries), ASKED)
    with taken_crm(rig) as client:
        _served(_ask(client, "the CRM's certificate", canaries), 0)
    with staff(rig, bearers["crm"]) as client:
        _served(_ask(client, "a token for the CRM", canaries), 0)
    person = canaries.person("vault, sign-in hint")
    query = {"client_id": "crm", "login_hint": person.email, "state": person.phone, "prompt": person.name}
    origin = f"http://127.0.0.1:{rig.instance.ports.vault}"
    headers = {"host": rig.instance.vault_origin.partition("://")[2]}
    httpx.get(f"{origin}/identity/authorize", params=query, headers=headers, trust_env=False)
    _look_around(rig)


def _look_around(rig: Rig) -> None:
    """What the CRM's certificate may read at the vault, through the relay: it is on record what came."""
    with taken_crm(rig, port=rig.instance.ports.target("service")) as client:
        for path in ("/metrics", "/healthz", "/readyz", "/v1/audit/checkpoint", "/.well-known/openid-configuration"):
            client.get(path)


def _served(count: int, expected: int) -> None:
    if count != expected:
        message = f"the vault served {count} requests where {expected} were expected: the check would prove little"
        raise InstanceProblem(message)


def _ask(client: httpx.Client, caller: str, canaries: Canaries) -> int:
    person = canaries.person(f"vault, {caller}, tokenise")
    values = {"name": person.name, "phone": person.phone, "email": person.email, "text": person.text}
    items = [{"class": class_id, "value": value} for class_id, value in values.items()]
    answers = [
        client.post("/v1/tokenise", json={"items": items}, headers={"idempotency-key": person.word.encode().hex()})
    ]
    if answers[0].is_success:
        tokens = [{"token": item["token"]} for item in answers[0].json()["items"] if "token" in item]
        answers.append(client.post("/v1/reveal", json={"purpose": PURPOSE, "items": tokens}))
    for known in (person, canaries.person(f"vault, {caller}, search")):
        for class_id, value in (("phone", known.phone), ("email", known.email)):
            answers.append(client.post("/v1/search", json={"purpose": PURPOSE, "class": class_id, "value": value}))
    _malformed(client, canaries.person(f"vault, {caller}, malformed"))
    return sum(answer.is_success for answer in answers)


def _malformed(client: httpx.Client, person: Person) -> None:
    """Answers do not matter here; where the person goes does."""
    text = person.text
    for body in (
        {"items": [{"class": "name", "value": person.name, person.phone: text}]},
        {"items": [{"class": text, "value": [person.email]}]},
        {"items": {"value": text}},
        {"items": [{"class": "phone", "value": text}], "who": person.name},
        {"items": [{"class": "email", "value": person.word, "subject": person.phone}]},
    ):
        client.post("/v1/tokenise", json=body)
    client.post("/v1/reveal", json={"purpose": text, "items": [{"token": person.phone}]})
    client.post("/v1/reveal", json={"purpose": PURPOSE, "items": [{"token": f"tok_name_{person.email}"}]})
    client.post("/v1/search", json={"purpose": PURPOSE, "class": "phone", "value": {"number": person.phone}})
    client.post("/v1/search", json={"purpose": person.name, "class": person.phone, "value": person.email})
    client.post("/v1/tokenise", content=b'{"items": [' + text.encode(), headers={"content-type": "application/json"})
    client.post("/v1/tokenise", json={"items": []}, headers={"idempotency-key": f"{person.email} {person.phone}"})
    client.get(f"/v1/persons/{person.phone}", params={"email": person.email, "name": person.name})
    client.get(f"/{person.email}/{person.name}", headers={"referer": f"https://x/{person.phone}"})
