"""Every form in which a planted value is looked for: what software does to text on its way to a log or a table.

A form is bytes that cannot stand anywhere by chance: short ones (a transliterated given name, four digits) are left
out, because a check that cries wolf is switched off.
"""

import base64
import hashlib
import html
import json
import quopri
import unicodedata
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, quote_plus

MIN_BYTES: Final = 6
LAST_DIGITS: Final = 10
HASHES: Final = ("md5", "sha1", "sha256")

# GOST 7.79-2000 system B without its apostrophes, which is also what most shops' software writes.
_CYRILLIC: Final = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"
_LATIN: Final = (
    "a", "b", "v", "g", "d", "e", "yo", "zh", "z", "i", "j", "k", "l", "m", "n", "o", "p", "r", "s", "t", "u", "f",
    "x", "c", "ch", "sh", "shh", "", "y", "", "e", "yu", "ya",
)  # fmt: skip
_SYSTEM_B: Final = {ord(letter): latin for letter, latin in zip(_CYRILLIC, _LATIN, strict=True)}
_ICAO: Final = _SYSTEM_B | {
    ord("ё"): "e", ord("й"): "i", ord("х"): "kh", ord("ц"): "ts", ord("щ"): "shch", ord("ъ"): "ie", ord("ю"): "iu",
    ord("я"): "ia",
}  # fmt: skip


# What maps, visas and mail providers write, and what shops' address makers do.
_BGN: Final = _ICAO | {ord("й"): "y", ord("ъ"): "", ord("ю"): "yu", ord("я"): "ya"}
_URL: Final = _BGN | {ord("х"): "h", ord("ц"): "c", ord("щ"): "sch"}
_GERMAN: Final = _URL | {ord("й"): "j", ord("ю"): "ju", ord("я"): "ja"}


def transliterations(text: str) -> set[str]:
    """The usual Russian transliterations, lower case; the text itself when it has no Cyrillic is not one."""
    lowered = text.lower()
    return {lowered.translate(system) for system in (_SYSTEM_B, _ICAO, _BGN, _URL, _GERMAN)} - {lowered}


def spellings(value: str) -> set[str]:
    """The value as people and programs re-spell it before any encoding."""
    composed = {unicodedata.normalize(form, value) for form in ("NFC", "NFD")}
    found = composed | {value.lower(), value.upper(), value.title()}
    digits = "".join(letter for letter in value if letter.isdigit())
    if len(digits) >= LAST_DIGITS and len(digits) * 2 > len(value):
        last = digits[-LAST_DIGITS:]
        found |= {digits, last, f"+7{last}", f"8{last}", f"7{last}"}
        found |= {f"{last[:3]}) {last[3:6]}-{last[6:8]}-{last[8:]}", f"{last[:3]} {last[3:6]} {last[6:8]} {last[8:]}"}
        found |= {f"{last[:3]}-{last[3:6]}-{last[6:8]}-{last[8:]}", f"{last[:3]} {last[3:6]}-{last[6:8]}-{last[8:]}"}
    for latin in transliterations(value):
        found |= {latin, latin.upper(), latin.title()}
    return found


def base64_forms(raw: bytes) -> Iterator[bytes]:
    """What stays the same of a base64 text whatever stands before and after the value: the three alignments."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for lead in range(3):
            text = encode(b"\0" * lead + raw)
            start = -(-lead * 8 // 6)  # the first character that depends on the value alone
            end = (lead + len(raw)) * 8 // 6
            yield text[start:end]


def encodings(spelling: str) -> Iterator[tuple[str, bytes]]:
    """Pairs of a form's name and its bytes, for one spelling."""
    raw = spelling.encode()
    yield "plain", raw
    yield "url-encoded", quote(spelling, safe="").encode()
    yield "url-encoded", quote(spelling, safe="").lower().encode()
    yield "url-encoded", quote_plus(spelling).encode()
    yield "url-encoded", quote_plus(spelling).lower().encode()
    yield "json", json.dumps(spelling)[1:-1].encode()
    yield "json", json.dumps(spelling)[1:-1].upper().replace("\\U", "\\u").encode()
    for digit in ("x", "X"):
        yield "json", "".join(f"\\u{ord(letter):04{digit}}" for letter in spelling).encode()
    yield "html", html.escape(spelling).encode()
    yield "html", "".join(f"&#{ord(letter)};" for letter in spelling).encode()
    yield "html", "".join(f"&#x{ord(letter):x};" for letter in spelling).encode()
    yield "html", "".join(f"&#x{ord(letter):X};" for letter in spelling).encode()
    yield "html", "".join(letter if letter.isascii() else f"&#{ord(letter)};" for letter in spelling).encode()
    for tabs in (True, False):
        yield "quoted-printable", quopri.encodestring(raw, quotetabs=tabs).strip().replace(b"=\n", b"")
    yield "rfc2047", quopri.encodestring(raw, header=True).strip().replace(b"=\n", b"")
    for text in base64_forms(raw):
        yield "base64", text
    yield "hex", raw.hex().encode()
    yield "hex", raw.hex().upper().encode()
    yield "utf-16", spelling.encode("utf-16-le")
    if not spelling.isascii():
        cyrillic = spelling.encode("cp1251", "ignore")
        yield "cp1251", cyrillic
        yield "cp1251", quote(cyrillic, safe="").encode()
        for text in base64_forms(cyrillic):
            yield "cp1251", text


def hashes(spelling: str) -> Iterator[tuple[str, bytes]]:
    """Unkeyed digests: a phone number behind one is found again in minutes."""
    for name in HASHES:
        raw = hashlib.new(name, spelling.encode(), usedforsecurity=False).digest()
        yield name, raw
        yield name, raw.hex().encode()
        yield name, raw.hex().upper().encode()
        yield name, base64.b64encode(raw).rstrip(b"=")


def forms_of(value: str, *, digests: bool = True) -> dict[bytes, str]:
    """All forms of one planted value: bytes to look for → the form's name.

    `digests=False` is for a part of a value: nobody hashes a part, and the whole has `digests_of`.
    """
    found: dict[bytes, str] = {}
    for spelling in sorted(spellings(value)):
        for name, raw in encodings(spelling):
            if len(raw) >= MIN_BYTES:
                found.setdefault(raw, name)
    return found | (digests_of(value) if digests else {})


def digests_of(value: str) -> dict[bytes, str]:
    """The digests alone, for a whole value whose parts are looked for as they are."""
    composed = sorted(text for text in spellings(value) if unicodedata.is_normalized("NFC", text))
    return {raw: name for spelling in composed for name, raw in hashes(spelling)}
