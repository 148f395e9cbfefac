"""Texts with tokens in place: the one form in which words of a text may leave for the public contour.

Words stand as they were typed, each personal value is a token. Such a text has at least one token: one in which
nothing was found gives no sign that anybody looked. And the edge guard's detectors find nothing in any of its readings.
The vault asks this before a text leaves, the public contour before it stores one: by the same function, so that they
cannot differ.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pii_vault.core.decoded import iter_decoded, reader_forms
from pii_vault.core.detect import find_personal_data
from pii_vault.core.tokens import parse_token_shape

MAX_MIXED: Final = 60_000  # characters: the longest text, and a token for every second word of it
_TOKEN: Final = re.compile(r"tok(?:_[a-z]{1,20}){1,4}_[0-9a-hjkmnp-tv-z]{28}")
_LIKE_A_TOKEN: Final = re.compile(r"tok_", re.IGNORECASE)
_BETWEEN: Final = "\n\x1f\n"  # keeps the digits of two neighbours from being read as one number
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words (`class_id` None), or one token."""

    text: str
    class_id: str | None = None


def personal_classes(texts: Iterable[str], *, decoded: bool = False) -> frozenset[str]:
    """Field classes of which a value stands in these texts, as they are and as a reader sees them; empty when none.

    `decoded` looks behind percent-encoding, JSON escapes and HTML entities too: for strangers' texts.
    """
    joined = _BETWEEN.join(texts)
    readings = {joined}
    if decoded:
        raw = joined.encode("utf-8", errors="replace")
        readings = {reading for kind in ("", _FORM) for reading in iter_decoded(raw, kind)}
    seen = {form for reading in readings for form in reader_forms(reading)}
    return frozenset(hit.class_id for reading in seen for hit in find_personal_data(reading))


def is_mixed(text: str) -> bool:
    """Whether a text may leave, and be stored, with its words in clear."""
    if not 0 < len(text) <= MAX_MIXED:
        return False
    pieces = pieces_of(text)
    words = [piece.text for piece in pieces if piece.class_id is None]
    if len(words) == len(pieces) or any(_LIKE_A_TOKEN.search(word) for word in words):
        return False
    return not personal_classes([text], decoded=True)


def pieces_of(text: str) -> list[Piece]:
    """The text as words and tokens in turn; no piece of words is empty."""
    pieces: list[Piece] = []
    at = 0
    for match in _TOKEN.finditer(text):
        token = parse_token_shape(match[0])
        if token is None or not _stands_alone(text, match.start(), match.end()):
            continue
        if text[at : match.start()]:
            pieces.append(Piece(text[at : match.start()]))
        pieces.append(Piece(match[0], token.class_id))
        at = match.end()
    if text[at:]:
        pieces.append(Piece(text[at:]))
    return pieces


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether no letter or digit of a token's alphabet touches it, so that its end is certain."""
    touching = text[max(0, start - 1) : start] + text[end : end + 1]
    return not any(char.isascii() and (char.isalnum() or char == "_") for char in touching)
