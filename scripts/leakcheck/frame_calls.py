"""Persons at the vault as its frames and its sign-in send them: rightly, and wherever they do not belong."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

import httpx

from scripts.leakcheck.canaries import Canaries, Person
from scripts.local.instance import InstanceProblem
from scripts.smoke.stand import PURPOSE

Ask = Callable[..., httpx.Response]
API: Final = "/frames/api"
SERVED: Final = 4  # to tokenise, to reveal, to search by phone and by email


def plant(ask: Ask, origin: str, canaries: Canaries) -> None:
    """As a seller: `ask(method, url, …)` speaks as a script of the vault's page.

    Raises:
        InstanceProblem: the vault did not serve what a seller may ask, so little would be proven.
    """
    person = canaries.person("frame, collect")
    values = {"name": person.name, "phone": person.phone, "email": person.email, "text": person.text}
    items = [{"class": class_id, "value": value} for class_id, value in values.items()]
    key = {"idempotency-key": person.word.encode().hex()[:64]}
    collected = ask("POST", f"{origin}{API}/tokenise", json={"items": items}, headers_too=key)
    answers = [collected]
    if collected.is_success:
        tokens = [{"token": token} for token in _tokens(collected.json())]
        answers.append(ask("POST", f"{origin}{API}/reveal", json={"purpose": PURPOSE, "items": tokens}))
    answers += [_search(ask, origin, "phone", person.phone), _search(ask, origin, "email", person.email)]
    if sum(answer.is_success for answer in answers) != SERVED:
        told = ", ".join(str(answer.status_code) for answer in answers)
        raise InstanceProblem(f"the vault's frames answered {told} to a seller: the check would prove little")
    stranger = canaries.person("frame, search for nobody")
    _search(ask, origin, "phone", stranger.phone)
    _malformed(ask, origin, canaries.person("frame, malformed"))


def _search(ask: Ask, origin: str, class_id: str, value: str) -> httpx.Response:
    return ask("POST", f"{origin}{API}/search", json={"purpose": PURPOSE, "class": class_id, "value": value})


def _tokens(answer: Any) -> list[str]:
    """Every token in an answer, whatever its shape."""
    if isinstance(answer, str):
        return [answer] if answer.startswith("tok_") else []
    values = answer.values() if isinstance(answer, Mapping) else answer if isinstance(answer, list) else ()
    return [token for value in values for token in _tokens(value)]


def _malformed(ask: Ask, origin: str, person: Person) -> None:
    """Answers do not matter here; where the person goes does."""
    for body in (
        {"items": [{"class": "name", "value": person.name, person.phone: person.text}]},
        {"items": [{"class": person.text, "value": [person.email]}]},
        {"items": {"value": person.text}},
    ):
        ask(
            "POST",
            f"{origin}{API}/tokenise",
            json=body,
            headers_too={"idempotency-key": person.word.encode().hex()[:64]},
        )
    ask("POST", f"{origin}{API}/reveal", json={"purpose": person.text, "items": [{"token": person.phone}]})
    ask("GET", f"{origin}/{quote(person.email)}/{quote(person.name)}?who={quote(person.text)}")
    ask(
        "GET", f"{origin}/identity/authorize?client_id=crm&login_hint={quote(person.email)}&state={quote(person.phone)}"
    )


def sign_in_as_a_person(visit: Callable[[str], httpx.Response], submit: Any, vault: str, canaries: Canaries) -> None:
    """Somebody types a buyer's mail and phone where login and password belong; once: tries are counted."""
    person = canaries.person("sign-in with a mail for a login")
    page = visit(f"{vault}/identity/signin")
    submit(f"{vault}/identity/signin", page, login=person.email, password=person.phone)
