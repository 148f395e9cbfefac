"""One Latin skeleton for a name, however it was written: Cyrillic, by passport rules, or as people type it.

Cyrillic goes to Latin by ICAO Doc 9303 part 3 table B (what the Russian passport prints). Then what the other
rules in use (ГОСТ 7.79-2000 B, the older passport rules, everyday spelling) write otherwise is folded into one:
`Юлия`, `Iuliia`, `Yulia`, `Julija` have one skeleton. A skeleton merges some unlike names (`Щукин`, `Шукин`):
it finds candidates and never decides that two values are equal.
"""

import re
import unicodedata
from typing import Final

_ICAO = str.maketrans(
    dict(zip("абвгдежзийклмнопрстуфхцчшщъыьэюя", (
        "a", "b", "v", "g", "d", "e", "zh", "z", "i", "i", "k", "l", "m", "n", "o", "p", "r", "s", "t", "u", "f",
        "kh", "ts", "ch", "sh", "shch", "", "y", "", "e", "iu", "ia",
    ), strict=True))
    | {"ё": "e", "і": "i", "ї": "i", "є": "e", "ґ": "g", "ў": "u", "ә": "a", "ғ": "g", "қ": "k", "ң": "n",
       "ө": "o", "ү": "u", "ұ": "u", "һ": "h", "җ": "zh"}
)  # fmt: skip
_FOLDS: Final = (
    ("shch", "sh"), ("sch", "sh"), ("kh", "h"), ("tch", "ch"), ("dzh", "j"), ("zh", "j"), ("ts", "c"), ("tz", "c"),
    ("ph", "f"), ("ck", "k"), ("x", "ks"), ("w", "v"), ("q", "k"), ("jo", "e"), ("yo", "e"), ("io", "e"),
    ("je", "e"), ("ye", "e"), ("ie", "e"), ("ju", "iu"), ("yu", "iu"), ("ja", "ia"), ("ya", "ia"), ("y", "i"),
    ("j", "i"),
)  # fmt: skip
_DOUBLED = re.compile(r"(.)\1+")
_NOT_LETTER = re.compile(r"[^a-z0-9]+")


def skeleton(word: str) -> str:
    """Lower-case ASCII letters and digits; empty when the word has none that are known."""
    plain = unicodedata.normalize("NFKC", word).casefold().translate(_ICAO)
    plain = "".join(char for char in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(char))
    folded = _NOT_LETTER.sub("", plain)
    for written, one in _FOLDS:
        folded = folded.replace(written, one)
    return _DOUBLED.sub(r"\1", folded)
