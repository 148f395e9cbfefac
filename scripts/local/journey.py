"""One order's way from the shop to the card, and who sees its phone: the main job, seen from outside."""

import time
from dataclasses import dataclass
from typing import Any, Final, Literal

import httpx

from pii_vault.identity.dev import issue_vault_token
from scripts.local.instance import Instance, InstanceProblem
from scripts.local.issuer import LocalIssuer, run
from scripts.local.shop import Buyer, Shop, order

Seen = Literal["value", "mask", "denied"]
PATIENCE_SECONDS: Final = 20.0
ROLES: Final = ("sales", "marketer", "warehouse")
PURPOSE: Final = "order_processing"


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


def bearer_tokens(instance: Instance, demo: dict[str, Any]) -> dict[str, str]:
    """Access tokens of the demo staff: one for the vault by role, and `crm` for the CRM as sales."""

    async def act(local: LocalIssuer) -> dict[str, str]:
        made = {role: issue_vault_token(local.issuer, staff_id=demo["staff"][role]["id"]) for role in ROLES}
        return made | {"crm": issue_vault_token(local.issuer, staff_id=demo["staff"]["sales"]["id"], audience="crm")}

    return run(act, instance=instance)


def deliver(instance: Instance, shop: Shop, number: int, buyer: Buyer, *, token: str) -> Arrival:
    """Send `order.created` and wait until the CRM shows the card.

    Raises:
        InstanceProblem: the gateway refused it, or the card does not come.
    """
    payload = order(number, buyer=buyer)
    with httpx.Client(trust_env=False, timeout=10) as client:
        started = time.perf_counter()
        answer = shop.send("order.created", payload, client=client)
        if answer.status_code != httpx.codes.OK:
            message = f"the gateway answered {answer.status_code} to the demo order; see `make logs`"
            raise InstanceProblem(message)
        while time.perf_counter() - started < PATIENCE_SECONDS:
            card = find_card(instance, number, token=token, client=client)
            if card is not None:
                return Arrival(card, (time.perf_counter() - started) * 1000, answer.text)
            time.sleep(0.005)
    message = (
        f"no card after {PATIENCE_SECONDS:.0f} s; the order is safe in the outbox, `make logs` says why it stays there"
    )
    raise InstanceProblem(message)


def find_card(instance: Instance, number: int, *, token: str, client: httpx.Client) -> dict[str, Any] | None:
    host = instance.crm_origin.partition("://")[2]
    answer = client.get(
        f"http://127.0.0.1:{instance.ports.target('crm')}/api/v1/orders",
        params={"number": str(number), "limit": 5},
        headers={"host": host, "authorization": f"Bearer {token}"},
    )
    answer.raise_for_status()
    found = [entry for entry in answer.json()["data"] if entry["external_id"] == str(number)]
    return found[0] if found else None


def look(instance: Instance, token_text: str, *, bearer: str, expected: str) -> Seen:
    """What the holder of this access token sees of one value for processing an order.

    Raises:
        InstanceProblem: a value came that is not the one the shop sent.
    """
    answer = httpx.post(
        f"http://127.0.0.1:{instance.ports.vault}/v1/reveal",
        json={"purpose": PURPOSE, "items": [{"token": token_text}]},
        headers={"host": instance.vault_origin.partition("://")[2], "authorization": f"Bearer {bearer}"},
        timeout=10,
        trust_env=False,
    )
    if answer.status_code == httpx.codes.FORBIDDEN:
        return "denied"
    answer.raise_for_status()
    item = answer.json()["items"][0]
    if "value" in item:
        if item["value"] != expected:
            message = "the vault revealed another value than the shop had sent"
            raise InstanceProblem(message)
        return "value"
    return "mask" if "mask" in item else "denied"


def who_sees(instance: Instance, arrival: Arrival, buyer: Buyer, tokens: dict[str, str]) -> dict[str, Seen]:
    return {role: look(instance, arrival.phone, bearer=tokens[role], expected=buyer.phone) for role in ROLES}
