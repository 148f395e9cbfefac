"""`larets smoke`: a fresh order through both contours, and what each role sees of it."""

import secrets
import time
from typing import Annotated, Any, Final

import typer

from pii_vault.audit.verify import verify_log
from scripts.local.demo import shop_of
from scripts.local.instance import load
from scripts.local.journey import bearer_tokens, deliver, who_sees
from scripts.local.shop import buyer
from scripts.voice import emit, fail, result, say

cli = typer.Typer()

EXPECTED: Final = {"sales": "value", "marketer": "mask", "warehouse": "denied"}
FIRST_NUMBER: Final = 100_000
NUMBERS: Final = 200_000_000  # the ids of its lines are ten times as large, and must stay ids that a shop has


@cli.command()
def smoke(*, as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """Send a fresh order of a generated person; exit 0 when all sees what it should and the log verifies."""
    instance = load()
    demo = instance.demo
    if not demo:
        fail("there is no demo shop to send an order from", hint="run `make up` first")
    say("access tokens of the demo staff")
    tokens = bearer_tokens(instance, demo)
    number = FIRST_NUMBER + secrets.randbelow(NUMBERS)
    person = buyer(number)
    say(f"order {number}")
    arrival = deliver(instance, shop_of(instance, demo), number, person, token=tokens["crm"])
    seen = who_sees(instance, arrival, person, tokens)
    say("the audit log")
    started = time.monotonic()
    report = verify_log(instance.vault_database_url, instance.log_vkey, instance.witness_vkey)
    say(f"verified in {time.monotonic() - started:.1f} s")
    answer: dict[str, Any] = {
        "order": arrival.card["id"],
        "number": arrival.card["number"],
        "tokens": arrival.tokens,
        "webhook_to_card_ms": round(arrival.milliseconds, 1),
        "seen_by": seen,
        "audit_verified": report.ok,
    }
    if as_json:
        emit(answer)
    else:
        result(f"order {answer['number']} became card {answer['order']} in {answer['webhook_to_card_ms']} ms")
        result("its phone: " + ", ".join(f"{role} {what}" for role, what in seen.items()))
        result(f"audit log: {'verified' if report.ok else 'DOES NOT HOLD'}")
    if seen != EXPECTED or not report.ok:
        raise SystemExit(1)
