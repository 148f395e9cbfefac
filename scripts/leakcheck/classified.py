"""Texts that cross with tokens in place, in a shop whose officer let them: the check's own, with the switch on.

What the classifier misses stands in the public contour in clear: a residual risk, told apart from leaks and never
hidden. What has a form (a phone, an address of mail) is looked for again before a text leaves: that is a leak here too.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from pii_vault.classify.setting import switch
from pii_vault.vault import new_request_id
from scripts.leakcheck.canaries import Canaries, Person, phone, word
from scripts.leakcheck.crew import Found
from scripts.leakcheck.rig import Rig
from scripts.leakcheck.scan import Hit
from scripts.leakcheck.vault_calls import program
from scripts.leakcheck.webhooks import Webhooks
from scripts.local.instance import InstanceProblem
from scripts.vault.officer import DEFAULT_OFFICER, OfficerDesk, at_desk

ENTRY: Final = "classified text"
MISSED: Final = f"{ENTRY}, what no classifier finds"
GUARDED: Final = ("phone", "email", "email, digest")
CHANNEL: Final = "database"  # where a missed value must be seen at least
TRIES: Final = 10
SECONDS: Final = 90.0  # of loading the models, on a busy machine
NOTES: Final[dict[str, Callable[[Person], str]]] = {
    "recipient": lambda p: f"Получатель {p.name}, тел. {p.phone}, почта {p.email}. Звонить за час.",
    "husband": lambda p: f"Мужа зовут {p.first_name}, его номер {p.phone}, код домофона 45К",
    "address": lambda p: f"Везите на другой адрес: г. Тверь, ул. {p.street}, д. 7, кв. 19, этаж 3",
    "letter": lambda p: f"Уважаемая {p.first_name}! Чек прислали на {p.email}, всё верно.",
}


@dataclass(frozen=True)
class Classified:
    """How many texts crossed, and what of them stands in clear."""

    crossed: int
    risks: Sequence[str] = ()
    verdict: str = "missed"  # of the value that no classifier finds: it must be seen

    @classmethod
    def of(cls, crossed: int, found: Found) -> "Classified":
        """A line for each value in clear, with the channels it was seen in."""
        seen: dict[str, set[str]] = {}
        for hit in found.hits:
            if is_residual(hit):
                seen.setdefault(hit.canary, set()).add(hit.channel)
        risks = [f"{label} stands in clear: {', '.join(sorted(channels))}" for label, channels in sorted(seen.items())]
        return cls(crossed, risks, "caught" if CHANNEL in seen.get(MISSED, ()) else "missed")


def is_residual(hit: Hit) -> bool:
    """Whether a hit is the risk that an officer took, and no leak."""
    entry, _, what = hit.canary.partition(": ")
    return entry.startswith(ENTRY) and what not in GUARDED


def plant(running: Rig, canaries: Canaries, hooks: Webhooks, *, bearer: str) -> int:
    """Notes of customers and of staff, each of a person of its own. Returns how many crossed.

    Raises:
        InstanceProblem: one of them stayed whole, so the check would prove nothing about this mode.
    """
    _switch_on(running)
    with program(running) as client:
        _wait_for_classifier(client)
        hidden = _hidden(client, canaries)
        notes = [make(canaries.person(f"{ENTRY}, customer's note, {name}")) for name, make in NOTES.items()]
        for note in (*notes, hidden):
            hooks.noted("buyer whose note is a classified text", note)
        texts = [make(canaries.person(f"{ENTRY}, note of staff, {name}")) for name, make in NOTES.items()]
        crossing = [_classified(client, text) for text in texts]
    _note_as_staff(running, bearer, crossing)
    return len(notes) + 1 + len(crossing)


def _switch_on(running: Rig) -> None:
    async def act(desk: OfficerDesk) -> None:
        officer = desk.officer(running.demo["tenant"], DEFAULT_OFFICER)
        await switch(desk.vault, officer, class_id="text", on=True, request_id=new_request_id())

    at_desk(act, of=running.instance)


def _classified(client: httpx.Client, text: str) -> dict[str, str]:
    taken: dict[str, str] = client.post("/v1/classify", json={"text": text}).raise_for_status().json()
    return taken


def _hidden(client: httpx.Client, canaries: Canaries) -> str:
    """A text with a word that no classifier finds. Of made-up ones, one in some hundreds looks like a patronymic."""
    for _ in range(TRIES):
        unknown, number = word(), phone()
        text = f"там {unknown} с третьего этажа, {number}"
        if unknown in _classified(client, text).get("crossing", ""):
            canaries.value(MISSED, unknown)
            canaries.value(f"{ENTRY}: phone", number)
            return text
    raise InstanceProblem("the classifier finds every made-up word: the check could not tell that one is missed")


def _wait_for_classifier(client: httpx.Client) -> None:
    """The first texts load the models, and stay whole meanwhile. Several workers have one each."""
    deadline, in_a_row = time.monotonic() + SECONDS, 0
    while in_a_row < 4:  # noqa: PLR2004  so that every worker has most likely answered
        in_a_row = in_a_row + 1 if "crossing" in _classified(client, "это Анна") else 0
        if time.monotonic() > deadline:
            raise InstanceProblem("the classifier does not answer: run with --keep and look at the vault's log")


def _note_as_staff(running: Rig, bearer: str, crossing: Sequence[dict[str, str]]) -> None:
    headers = {"host": running.instance.crm_origin.partition("://")[2], "authorization": f"Bearer {bearer}"}
    address = f"http://127.0.0.1:{running.instance.ports.target('crm')}"
    with httpx.Client(base_url=address, headers=headers, trust_env=False, timeout=20) as client:
        orders = client.get("/api/v1/orders", params={"limit": 1}).raise_for_status().json()["data"]
        for taken in crossing:
            body: dict[str, Any] = {"token": taken["token"], "mixed": taken.get("crossing")}
            answer = client.post(f"/api/v1/orders/{orders[0]['id']}/notes", json=body)
            if body["mixed"] is None or answer.status_code != httpx.codes.CREATED:
                raise InstanceProblem("a note of staff did not cross where it is let: the check would prove little")


def require_crossed(running: Rig, expected: int) -> None:
    """Whether the public contour has all of them. Raises InstanceProblem."""
    query = (
        "SELECT (SELECT count(*) FROM orders WHERE note_mixed IS NOT NULL)"
        " + (SELECT count(*) FROM timeline_event WHERE mixed IS NOT NULL)"
    )
    with running.public_database() as connection:
        row = connection.execute(query).fetchone()
    if row is None or row[0] < expected:
        raise InstanceProblem("a customer's note did not cross where it is let: the check would prove little")
