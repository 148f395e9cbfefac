"""One order's way from the shop to the card, and who sees its phone."""

import time
from dataclasses import dataclass
from typing import Any, Final

import httpx

from scripts.local.shop import Buyer, order
from scripts.smoke.stand import ROLES, Seen, Stand, StandProblem

PATIENCE_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """An order that became a card. `card` is what the public contour's API says of it."""

    card: dict[str, Any]
    milliseconds: float
    answer: str

    @property
    def tokens(self) -> list[str]:
        """Every token of the card, each once, the contact's first."""
        found: list[str] = []
        for group in (self.card["contact_tokens"], self.card["recipient_tokens"]):
            for tokens in group.values():
                found += tokens
        found += [self.card[name] for name in ("note_token", "rest_token") if self.card[name]]
        return list(dict.fromkeys(found))

    @property
    def phone(self) -> str:
        return str(self.card["contact_tokens"]["phone"][0])


def deliver(
    stand: Stand, number: int, buyer: Buyer, *, patience: float = PATIENCE_SECONDS, pause: float = 0.005
) -> Arrival:
    """Send `order.created` and wait until the CRM shows the card.

    Raises:
        StandProblem: the gateway refused it, or the card does not come.
    """
    payload = order(number, buyer=buyer)
    started = time.perf_counter()
    answer = stand.send(payload)
    if answer.status_code != httpx.codes.OK:
        raise StandProblem(
            f"the gateway answered {answer.status_code} to the order", hint="the log of the vault says why"
        )
    while time.perf_counter() - started < patience:
        card = stand.card(number)
        if card is not None:
            return Arrival(card, (time.perf_counter() - started) * 1000, answer.text)
        time.sleep(pause)
    raise StandProblem(
        f"no card after {patience:.0f} s; the order is safe in the outbox",
        hint="the log of the vault's worker says why it stays there; is the link between the contours open?",
    )


def look(stand: Stand, role: str, token: str, *, expected: str) -> Seen:
    """What this role sees of one value for processing an order.

    Raises:
        StandProblem: a value came that is not the one the shop sent.
    """
    item = stand.reveal(role, token)
    if item is None:
        return "denied"
    if "value" in item:
        if item["value"] != expected:
            raise StandProblem("the vault revealed another value than the shop had sent")
        return "value"
    return "mask" if "mask" in item else "denied"


def who_sees(stand: Stand, arrival: Arrival, buyer: Buyer) -> dict[str, Seen]:
    return {role: look(stand, role, arrival.phone, expected=buyer.phone) for role in ROLES}
