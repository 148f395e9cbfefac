"""A batch is answered as each of its tokens by itself would be, whatever stands in it and in whatever order."""

import os
import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

import pytest

from pii_vault.access.conditions import MOSCOW
from pii_vault.core.tokens import new_token_text, parse_subject, parse_token
from pii_vault.operations.items import RevealResult, TokeniseItem
from pii_vault.operations.reveal import reveal
from pii_vault.operations.rows import SMALL
from pii_vault.operations.tokenise import tokenise
from pii_vault.vault import Vault
from tests.support.postgres import Database
from tests.support.vault import program, rows, staff

PERSON = (("name", "Анна {}"), ("phone", "+7900{:07d}"), ("address", "д. {}"), ("email", "a{}@b.ru"))
PERSONS = 40
NOON = datetime(2026, 3, 2, 12, tzinfo=MOSCOW)
_TAMPER = "UPDATE pii_value SET ciphertext = set_byte(ciphertext, 20, get_byte(ciphertext, 20) # 1) WHERE token = %s"
_MOVE = """
UPDATE pii_value SET ciphertext = (SELECT ciphertext FROM pii_value WHERE token <> %s LIMIT 1) WHERE token = %s
"""
FATES = ("", "blocked", "erased", "shredded", "emptied", "tampered", "moved", "lost")


async def crowd(vault: Vault, database: Database) -> list[str]:
    """Tokens of persons who met every fate there is, with what stands for nobody among them."""
    items = [TokeniseItem(class_id, value.format(n), f"@{n}") for n in range(PERSONS) for class_id, value in PERSON]
    others = await tokenise(vault, program(), items, request_id="r", group="other")
    kept = await tokenise(vault, program(), items[: 4 * 8], request_id="r", group="statutory")
    theirs = await tokenise(vault, program(tenant="other"), items[:4], request_id="r")
    for at in range(PERSONS):
        subject = parse_subject(others[4 * at].subject or "", tenant="demo").hex()
        token = parse_token(others[4 * at].token or "", tenant="demo").bits.hex()
        meet(database, FATES[at % len(FATES)], subject, token)
    texts = [result.token or "" for result in (*others, *kept)]
    bits = parse_token(texts[0], tenant="demo").bits
    odd = [
        *(result.token or "" for result in theirs),
        new_token_text("phone", tenant="demo", bits=os.urandom(16)),
        new_token_text("phone", tenant="demo", bits=bits),  # a name's token under another class
        new_token_text("shoe_size", tenant="demo", bits=os.urandom(16)),
        texts[5][:-1],
        texts[6] + "0",
        "",
        "tok_phone_ё",
    ]
    return [*texts, *odd, *texts[:9]]


def meet(database: Database, fate: str, subject: str, token: str) -> None:
    match fate:
        case "blocked":
            rows(database, "UPDATE subject SET state = 'b' WHERE id = %s", subject)
        case "erased":
            rows(database, "UPDATE subject SET state = 'e' WHERE id = %s", subject)
        case "shredded":
            rows(database, "DELETE FROM dek WHERE subject = %s", subject)
        case "emptied":
            rows(database, "UPDATE pii_value SET ciphertext = '' WHERE subject = %s AND class_key = 1", subject)
        case "tampered":
            rows(database, _TAMPER, token)
        case "moved":
            rows(database, _MOVE, token, token)
        case "lost":
            rows(database, "DELETE FROM subject WHERE id = %s", subject)


async def look(vault: Vault, role: str, tokens: list[str], *, purpose: str, mask: bool) -> list[RevealResult]:
    """At noon: some purposes have their hours."""
    vault.clock = lambda: NOON
    who = program() if role == "program" else replace(staff(role), second_factor_at=NOON - timedelta(minutes=5))
    return await reveal(vault, who, purpose=purpose, tokens=tokens, request_id="r", action="mask" if mask else "reveal")


@pytest.mark.parametrize(
    ("role", "purpose", "mask"),
    [
        ("program", "order_processing", False),
        ("sales", "order_processing", True),
        ("marketer", "order_processing", False),
        ("warehouse", "delivery", False),
        ("sales", "marketing", False),
    ],
)
async def test_a_batch_is_answered_as_each_by_itself(
    vault: Vault,
    vault_database: Database,
    role: str,
    purpose: str,
    mask: bool,  # noqa: FBT001
) -> None:
    tokens = await crowd(vault, vault_database)
    forged = tokens[0][-28:-2]  # see crowd
    rows(vault_database, "UPDATE subject SET consents = -1 WHERE get_byte(uuid_send(id), 15) % 2 = 0")
    random.Random(7).shuffle(tokens)
    assert len(tokens) > SMALL
    vault.deks.clear()
    cold = await look(vault, role, tokens, purpose=purpose, mask=mask)
    warm = await look(vault, role, tokens, purpose=purpose, mask=mask)
    alone = [(await look(vault, role, [token], purpose=purpose, mask=mask))[0] for token in tokens]
    assert cold == warm
    differ = {at for at, (one, other) in enumerate(zip(warm, alone, strict=True)) if one != other}
    # Of bytes under two classes only the last can be answered, so beside its forgery a token may be unknown.
    assert {(tokens[at][-28:-2], warm[at].error) for at in differ} <= {(forged, "unknown_token")}
    seen = {result.error for result in warm}
    assert {"malformed_token", "unknown_token", "unknown_class", "erased"} <= seen
    if purpose == "marketing":
        assert "consent_missing" in seen
        assert None in seen
    elif role != "warehouse":
        assert "tampered_ciphertext" in seen


async def test_the_record_counts_what_was_answered(vault: Vault, vault_database: Database) -> None:
    tokens = await crowd(vault, vault_database)
    distinct = list(dict.fromkeys(tokens))
    answers = await look(vault, "program", distinct, purpose="order_processing", mask=False)
    newest = "SELECT counts, cardinality(subjects) FROM audit_detail ORDER BY idx DESC LIMIT 1"
    [(counts, subjects)] = cast("list[tuple[dict[str, dict[str, int]], int]]", rows(vault_database, newest))
    shown = {outcome: sum(by_class.values()) for outcome, by_class in counts.items()}
    said = [answer.error or ("value" if answer.value is not None else "mask") for answer in answers]
    assert shown["value"] == said.count("value")
    assert shown["malformed_token"] == said.count("malformed_token")
    assert shown["erased"] == said.count("erased")
    assert shown["tampered_ciphertext"] == said.count("tampered_ciphertext") > 0
    assert subjects == PERSONS + 8 - PERSONS // len(FATES)  # all but those whose rows belong to nobody
