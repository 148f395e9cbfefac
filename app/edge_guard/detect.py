"""What the guard takes for personal data: the vault's own detectors over every reading of a text."""

import unicodedata
from collections.abc import Iterable
from typing import Final

from pii_vault.client import find_personal_data, iter_decoded

_BETWEEN: Final = "\n\x1f\n"  # keeps the digits of two neighbours from being read as one number
_FORM: Final = "application/x-www-form-urlencoded"


def personal_classes(texts: Iterable[str]) -> frozenset[str]:
    """Field classes of which a value stands in these texts as they are; empty when there is none."""
    return _found({_BETWEEN.join(texts)})


def personal_classes_decoded(texts: Iterable[str]) -> frozenset[str]:
    """The same for strangers' texts: also behind percent-encoding, JSON escapes and HTML entities."""
    joined = _BETWEEN.join(texts).encode("utf-8", errors="replace")
    return _found({reading for kind in ("", _FORM) for reading in iter_decoded(joined, kind)})


def _found(readings: set[str]) -> frozenset[str]:
    seen = readings | {_folded(reading) for reading in readings}
    return frozenset(hit.class_id for reading in seen for hit in find_personal_data(reading))


def _folded(text: str) -> str:
    """As a reader sees it: full-width and other scripts' digits as plain ones, without signs that show nothing."""
    if text.isascii():
        return text
    compatible = unicodedata.normalize("NFKC", text)
    shown = (sign for sign in compatible if unicodedata.category(sign) != "Cf")
    return "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in shown)
