"""Persons in the vault's API: asked for rightly, and wherever a careless program could put them."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx

from scripts.leakcheck.canaries import Canaries, Person
from scripts.leakcheck.rig import Rig
from scripts.local.keys import CRM, PROGRAM

PURPOSE: Final = "order_processing"


@contextmanager
def program(rig: Rig) -> Iterator[httpx.Client]:
    """A registered program of the private contour, by its certificate."""
    with _by_certificate(rig, "private", PROGRAM) as client:
        client.headers["larets-tenant"] = rig.demo["tenant"]
        yield client


@contextmanager
def taken_crm(rig: Rig) -> Iterator[httpx.Client]:
    """Somebody who holds the CRM's own certificate."""
    with _by_certificate(rig, "public", CRM) as client:
        client.headers["larets-tenant"] = rig.demo["tenant"]
        yield client


@contextmanager
def staff(rig: Rig, bearer: str) -> Iterator[httpx.Client]:
    headers = {"host": rig.instance.vault_origin.partition("://")[2], "authorization": f"Bearer {bearer}"}
    address = f"http://127.0.0.1:{rig.instance.ports.vault}"
    with httpx.Client(base_url=address, headers=headers, trust_env=False, timeout=20) as client:
        yield client


@contextmanager
def _by_certificate(rig: Rig, contour: Any, name: str) -> Iterator[httpx.Client]:
    instance = rig.instance
    context = ssl.create_default_context(cafile=str(instance.tls("private") / "ca.crt"))
    context.load_cert_chain(instance.tls(contour) / f"{name}.crt", instance.secrets(contour) / f"{name}.key")
    address = f"https://127.0.0.1:{instance.ports.service}"
    headers = {"host": instance.vault_origin.partition("://")[2]}
    with httpx.Client(base_url=address, verify=context, headers=headers, trust_env=False, timeout=20) as client:
        yield client


def plant(rig: Rig, canaries: Canaries, bearers: dict[str, str]) -> int:
    """All of it. Returns how many requests the vault served as asked."""
    served = 0
    with staff(rig, bearers["sales"]) as client:
        served += _ask(client, "staff", canaries)
    with program(rig) as client:
        served += _ask(client, "program", canaries)
    with taken_crm(rig) as client:
        served += _ask(client, "the CRM's certificate", canaries)
    with staff(rig, bearers["crm"]) as client:
        served += _ask(client, "a token for the CRM", canaries)
    person = canaries.person("vault, sign-in hint")
    query = {"client_id": "crm", "login_hint": person.email, "state": person.phone, "prompt": person.name}
    origin = f"http://127.0.0.1:{rig.instance.ports.vault}"
    headers = {"host": rig.instance.vault_origin.partition("://")[2]}
    httpx.get(f"{origin}/identity/authorize", params=query, headers=headers, trust_env=False)
    return served


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
    for entry, known in (("search, found", person), ("search, nobody", canaries.person(f"vault, {caller}, search"))):
        del entry
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
