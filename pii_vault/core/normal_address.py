"""The normal form of an address: one abbreviation per kind of place, the postcode first.

Abbreviations are those of the state address register (ФИАС; order of the finance ministry 171н of 2015), folded
like the rest of the text. This is for people who compare and for what is sent on, not for finding: addresses have
no index, so the form may grow better without anything stored becoming unfindable.
"""

import re
import unicodedata
from typing import Final

_SHORT: Final = {
    "город": "г", "гор": "г", "улица": "ул", "проспект": "пр-кт", "просп": "пр-кт", "пр-т": "пр-кт",
    "переулок": "пер", "площадь": "пл", "бульвар": "б-р", "бул": "б-р", "бульв": "б-р", "шоссе": "ш",
    "набережная": "наб", "проезд": "пр-д", "пр-зд": "пр-д", "микрорайон": "мкр", "мкрн": "мкр", "м-н": "мкр",
    "область": "обл", "район": "р-н", "республика": "респ", "поселок": "п", "пос": "п", "село": "с",
    "деревня": "дер", "станица": "ст-ца", "дом": "д", "квартира": "кв", "корпус": "корп", "строение": "стр",
    "подъезд": "под", "офис": "оф", "помещение": "пом", "владение": "влд", "комната": "ком", "общежитие": "общ",
}  # fmt: skip
_NUMBERED = re.compile(r"\b(д|дом|кв|квартира|корп|корпус|к|стр|оф|под|эт|пом)\.?(?=\d)")
_PUNCTUATION = str.maketrans(dict.fromkeys(".,;:/\\\"'«»()№#-\u2010\u2011\u2013\u2014", " "))
_HYPHENS = str.maketrans(dict.fromkeys("\u2010\u2011\u2013\u2014", "-"))
_POSTCODE = re.compile(r"(?<!\d)[1-6]\d{5}(?!\d)")


def address(value: str) -> str | None:
    """NFKC, no case, ё as е, abbreviations of the register, no punctuation, single blanks, postcode first."""
    folded = unicodedata.normalize("NFKC", value).casefold().replace("ё", "е").translate(_HYPHENS)
    folded = _NUMBERED.sub(r"\1 ", folded)
    words = re.split(r"[\s.,;:()«»\"'№#/\\]+", folded)
    text = " ".join(_SHORT.get(word, word) for word in words).translate(_PUNCTUATION)
    if (postcode := _POSTCODE.search(text)) is not None:
        text = f"{postcode[0]} {text[: postcode.start()]} {text[postcode.end() :]}"
    return " ".join(text.split()) or None
