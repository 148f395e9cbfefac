# ruff: noqa: PLR2004  the figures are the formats themselves
"""Search keys: what besides the whole value a value may be found by. Each goes through a keyed hash of its own.

    exact   the normal form (pii_vault/core/normalisers.py); classes with an index
    last4   the last four digits; numbers
    domain  what stands after the @; email
    prefix  the first 3 to 6 characters of each word's Latin skeleton; names

All but `exact` find candidates: whoever searches opens them and compares (`matches`). Changing what stands here
makes stored index rows unfindable: such a change needs a new index version.
"""

import re
from typing import Final, Literal

from pii_vault.core.classes import FieldClass, normalise
from pii_vault.core.transliterate import skeleton

KeyKind = Literal["exact", "last4", "domain", "prefix"]

PREFIX_MIN: Final = 3
PREFIX_MAX: Final = 6
MAX_WORDS: Final = 6  # of one name; the index stays small whatever a webhook calls a name
_LAST4: Final = frozenset({"phone", "passport", "inn", "snils", "ogrnip", "card"})
_WORD_BREAK = re.compile(r"[\s\-.,]+")
_NOT_DIGIT = re.compile(r"[^0-9]+")


def kinds_of(field_class: FieldClass) -> tuple[KeyKind, ...]:
    """The kinds of search keys that values of this class have."""
    kinds: list[KeyKind] = ["exact"] if field_class.indexed else []
    if field_class.normalise in _LAST4:
        kinds.append("last4")
    elif field_class.normalise == "email":
        kinds.append("domain")
    elif field_class.normalise == "name":
        kinds.append("prefix")
    return tuple(kinds)


def search_keys(field_class: FieldClass, value: str) -> list[tuple[KeyKind, str]]:
    """All keys under which a value is stored, without repetition. Raises InvalidValue, which names no value."""
    normal = normalise(field_class, value)
    keys: list[tuple[KeyKind, str]] = []
    for kind in kinds_of(field_class):
        match kind:
            case "exact":
                keys.append((kind, normal))
            case "last4":
                keys.extend((kind, key) for key in [_last4(normal)] if key)
            case "domain":
                keys.append((kind, normal.rpartition("@")[2]))
            case _:
                keys.extend((kind, key) for key in _prefixes(normal))
    return keys


def query_key(field_class: FieldClass, kind: KeyKind, query: str) -> str | None:
    """The key that a search of this kind looks up; None when the query cannot find anything.

    Raises InvalidValue for an exact search that is not a value of the class.
    """
    if kind not in kinds_of(field_class):
        return None
    match kind:
        case "exact":
            return normalise(field_class, query)
        case "last4":
            digits = _NOT_DIGIT.sub("", query) if query.isascii() else ""
            return digits if len(digits) == 4 else None
        case "domain":
            domain = query.strip().rpartition("@")[2]
            return normalise(field_class, f"a@{domain}").rpartition("@")[2] if domain else None
        case _:
            words = _skeletons(query)
            longest = max(words, key=len, default="")  # of several words the one that says most
            return longest[:PREFIX_MAX] or None


def matches(field_class: FieldClass, kind: KeyKind, query: str, value: str) -> bool:
    """Whether a value found by its key is what was asked for: every word of the query begins a word of it."""
    key = query_key(field_class, kind, query)
    if key is None or (kind, key) not in search_keys(field_class, value):
        return False
    if kind != "prefix":
        return True
    words = _skeletons(normalise(field_class, value))
    return all(any(word.startswith(asked) for word in words) for asked in _skeletons(query))


def _last4(normal: str) -> str:
    digits = _NOT_DIGIT.sub("", normal)
    return digits[-4:] if len(digits) >= 8 else ""  # of a shorter number four digits are half


def _prefixes(normal: str) -> list[str]:
    keys: dict[str, None] = {}
    for word in _skeletons(normal):
        if len(word) < PREFIX_MIN:
            keys[word] = None  # Ян, Ли: found by the whole of it
        for size in range(PREFIX_MIN, min(len(word), PREFIX_MAX) + 1):
            keys[word[:size]] = None
    return list(keys)


def _skeletons(text: str) -> list[str]:
    return [word for word in map(skeleton, _WORD_BREAK.split(text)[: MAX_WORDS + 1]) if word][:MAX_WORDS]
