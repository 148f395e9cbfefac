"""Generated persons of four values, as ready-made requests. The same seed gives the same persons."""

import json
import random
from collections.abc import Sequence
from typing import Final

from scripts.bench.client import http_request
from scripts.local.shop import GIVEN, PLACES, STREETS, SURNAMES

CLASSES: Final = ("name", "phone", "email", "address")  # all but the last are indexed
INDEXED: Final = 3
CLASS_KEYS: Final = (1, 2, 3, 4)
PURPOSE: Final = "order_processing"
KNOWN_SEED: Final = 5


def values(count: int, *, seed: int) -> list[str]:
    """`count` values in the order of CLASSES, person after person."""
    draw = random.Random(seed)  # noqa: S311  test data, not secrets
    made: list[str] = []
    while len(made) < count:
        number = draw.randrange(10**9, 10**10)
        surname, given = SURNAMES[number % 8], GIVEN[number // 8 % 8]
        city, postcode, _ = PLACES[number // 64 % 4]
        street = STREETS[number // 256 % 6]
        made.append(f"{surname} {given} {number // 1000}")
        made.append(f"+79{number % 10**9:09d}")
        made.append(f"u{number}@example.ru")
        made.append(f"{postcode}, г. {city}, ул. {street}, д. {number % 199 + 1}, кв. {number % 311 + 1}")
    return made[:count]


def tokenise_body(batch: Sequence[str], *, first: int) -> bytes:
    """A body of /v1/tokenise. `first` is the place of its first value among all, which gives its class.

    Values of one person share a subject by a label; a lone value opens a subject of its own.
    """
    items = []
    for place, value in enumerate(batch, start=first):
        item = {"class": CLASSES[place % 4], "value": value}
        if len(batch) > 1:
            item["subject"] = f"@{place // 4}"
        items.append(item)
    return json.dumps({"items": items}, ensure_ascii=False, separators=(",", ":")).encode()


def reveal_body(batch: Sequence[str]) -> bytes:
    items = [{"token": token} for token in batch]
    return json.dumps({"purpose": PURPOSE, "items": items}, separators=(",", ":")).encode()


def tokenise_requests(count: int, *, batch: int, seed: int, headers: dict[str, str]) -> list[bytes]:
    """`count` requests of `batch` values each, no value twice."""
    drawn = values(count * batch, seed=seed)
    return [
        http_request("/v1/tokenise", tokenise_body(drawn[at : at + batch], first=at), headers)
        for at in range(0, count * batch, batch)
    ]


def reveal_requests(tokens: Sequence[str], *, batch: int, headers: dict[str, str]) -> list[bytes]:
    return [
        http_request("/v1/reveal", reveal_body(tokens[at : at + batch]), headers) for at in range(0, len(tokens), batch)
    ]


def retokenise_requests(count: int, *, batch: int, headers: dict[str, str]) -> list[bytes]:
    """The same values each time, phones and email addresses, to be found again by deterministic tokens."""
    drawn = [(CLASSES[at % 4], value) for at, value in enumerate(values(2 * count, seed=KNOWN_SEED))]
    items = [
        {"class": class_id, "value": value, "kind": "deterministic"}
        for class_id, value in drawn
        if class_id in ("phone", "email")
    ]
    return [
        http_request("/v1/tokenise", json.dumps({"items": items[at : at + batch]}).encode(), headers)
        for at in range(0, len(items), batch)
    ]
