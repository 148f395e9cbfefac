"""The main job on a stand, step by step."""

import secrets
from typing import Any, Final

from scripts.local.shop import buyer
from scripts.smoke.journey import deliver, who_sees
from scripts.smoke.stand import Stand
from scripts.smoke.steps import Steps

EXPECTED: Final = {"sales": "value", "marketer": "mask", "warehouse": "denied"}
FIRST_NUMBER: Final = 100_000
NUMBERS: Final = 200_000_000  # the ids of its lines are ten times as large, and must stay ids that a shop has


def main_job(stand: Stand, steps: Steps, *, patience: float = 20.0, pause: float = 0.005) -> dict[str, Any]:
    """A fresh order of a generated person, what each role sees of its phone, and the audit log afterwards.

    Raises:
        TrialEnded: a step did not do what it should.
    """
    number = FIRST_NUMBER + secrets.randbelow(NUMBERS)
    person = buyer(number)
    with steps.step(f"order {number} from the shop to a card in the CRM"):
        arrival = deliver(stand, number, person, patience=patience, pause=pause)
    with steps.step("who sees its phone"):
        seen = who_sees(stand, arrival, person)
    with steps.step("the audit log verifies"):
        audited = stand.audit()
    return {
        "order": arrival.card["id"],
        "number": arrival.card["number"],
        "tokens": arrival.tokens,
        "webhook_to_card_ms": round(arrival.milliseconds, 1),
        "seen_by": seen,
        "audit_verified": audited.ok,
        "audit_records": audited.records,
        "audit_witnessed": audited.witnessed,
    }


def as_it_should(told: dict[str, Any]) -> bool:
    return bool(told["seen_by"] == EXPECTED and told["audit_verified"])
