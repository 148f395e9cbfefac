"""The stand of an environment: its edges as the world reaches them, commands beside its vault, a shop of its own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import httpx

from scripts.inside.wire import Answer, Request
from scripts.local.shop import Shop
from scripts.smoke.doors import Doors
from scripts.smoke.stand import PURPOSE, ROLES, Audited, StandProblem
from scripts.smoke.visitor import Visitor

UNSETTLED: Final = frozenset({401, 403, 404, 503})  # as long as a worker has not heard of the shop


class Commands(Protocol):
    """Runs commands beside the processes of one contour."""

    def run(self, asked: Request) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Origins:
    """Of browsers, as the settings name them."""

    crm: str
    vault: str
    hooks: str


def told_by(commands: Commands, *words: str, may_fail: bool = False) -> Any:
    """The JSON of a command. Raises StandProblem: it failed; its last words are repeated, which hold no value."""
    answer = commands.run(Request((*words, "--json")))
    if answer.code and not may_fail:
        said = [line for line in answer.errors if line.startswith("larets: error:")]
        raise StandProblem(f"larets {' '.join(words)} ended with {answer.code}", hint=said[-1] if said else "")
    try:
        return json.loads(answer.output)
    except ValueError:
        raise StandProblem(f"larets {' '.join(words)} gave no answer") from None


@dataclass(frozen=True, slots=True)
class Seat:
    """One of the staff in their browser, at the pages of an environment."""

    person: Visitor
    origins: Origins

    def sign_in(self, *, at_crm: bool = False) -> None:
        """At the vault, or at the CRM by its own button, which leads there. Raises StandProblem."""
        vault, crm = self.origins.vault, self.origins.crm
        page = self.person.visit(f"{crm}/signin/start?next=/orders" if at_crm else f"{vault}/identity/signin")
        if 'name="login"' not in page.text:
            raise StandProblem(
                f"the sign-in page did not come (status {page.status_code})",
                hint="the CRM asks the vault's service listener first: is the link between the contours open?",
            )
        self.person.sign_in(page, vault)

    def card(self, number: int) -> dict[str, Any] | None:
        """What the CRM's API says of an order; None while it says nothing."""
        answer = self.person.ask("GET", f"{self.origins.crm}/api/v1/orders?number={number}&limit=5")
        if answer.status_code in UNSETTLED:
            return None
        answer.raise_for_status()
        found = [entry for entry in answer.json()["data"] if entry["external_id"] == str(number)]
        return found[0] if found else None

    def reveal(self, token: str) -> Mapping[str, Any] | None:
        """As the vault's frame in a page of the CRM does; None where this person may not even ask."""
        asked = {"purpose": PURPOSE, "items": [{"token": token}]}
        answer = self.person.ask("POST", f"{self.origins.vault}/frames/api/reveal", json=asked)
        if answer.status_code == httpx.codes.FORBIDDEN:
            return None
        answer.raise_for_status()
        item: dict[str, Any] = answer.json()["items"][0]
        return item


class DeployedStand:
    """The trial shop of an environment; it is open until `close`."""

    def __init__(self, origins: Origins, doors: Doors, commands: Commands) -> None:
        """Raises StandProblem, and what running a command raises."""
        opened = told_by(commands, "trial", "open")
        self._origins = origins
        self._doors = doors
        self._commands = commands
        self.tenant = str(opened["tenant"])
        self._links = {role: str(opened["staff"][role]["link"]) for role in ROLES}
        self._people = {role: Visitor(doors, login=str(opened["staff"][role]["login"])) for role in ROLES}
        path = str(opened["url"]).removeprefix(origins.hooks)
        host = origins.hooks.partition("://")[2]
        self._shop = Shop(url=doors.base(origins.hooks) + path, secret=str(opened["secret"]), host=host)

    @property
    def shop(self) -> Shop:
        """The shop as a sender of webhooks, to the address of the edge."""
        return self._shop

    def person(self, role: str) -> Visitor:
        """One of the staff, in their browser."""
        return self._people[role]

    def close(self) -> None:
        """Nobody of the shop signs in any more, and its webhooks are refused."""
        self._doors.close()
        told_by(self._commands, "trial", "close")

    def enrol(self) -> None:
        """Everybody opens the invitation: password and second factor."""
        for role, person in self._people.items():
            person.enrol(self._links[role])

    def sign_in(self) -> None:
        """The seller at the CRM, by its own button; the others at the vault."""
        for role in self._people:
            self._seat(role).sign_in(at_crm=role == "sales")

    def send(self, payload: Mapping[str, Any]) -> httpx.Response:
        return self._shop.send("order.created", payload, client=self._doors.client(self._origins.hooks))

    def card(self, number: int) -> dict[str, Any] | None:
        return self._seat("sales").card(number)

    def reveal(self, role: str, token: str) -> Mapping[str, Any] | None:
        return self._seat(role).reveal(token)

    def _seat(self, role: str) -> Seat:
        return Seat(self._people[role], self._origins)

    def audit(self) -> Audited:
        """Beside the vault, compared with what the witness in the other contour keeps."""
        report = told_by(self._commands, "audit", "verify", "--witness", may_fail=True)
        return Audited(bool(report["ok"]), int(report["records"]), int(report["witnessed"]))
