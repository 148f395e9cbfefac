# ruff: noqa: PLR2004  the figures are the formats themselves
"""Normalisers: the one form of a value under which the blind index finds it again.

Each takes a value and returns its normal form, or None when it is not a value of that kind. Changing what
one returns makes stored index rows unfindable: such a change needs a new index version.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Callable
from typing import Final

import idna
import phonenumbers

from pii_vault.core.checksums import inn_is_valid, luhn_is_valid, ogrn_is_valid, snils_is_valid
from pii_vault.core.normal_address import address
from pii_vault.core.normal_dates import birth_date
from pii_vault.core.normal_documents import car_plate, passport

# What people put between digits: blanks, hyphens and dashes of all kinds, brackets, dots, slashes.
_SEPARATORS = str.maketrans("", "", " \u00a0\u202f\t-\u2010\u2011\u2012\u2013\u2014()./\\")
# Replaced one by one: for a short text outside Latin-1 that is four times as fast as a translation table.
_NAME_FOLDS = (("ё", "е"), (".", " "), (",", " "), ("\u2010", "-"), ("\u2011", "-"), ("\u2013", "-"), ("\u2019", "'"))
_MAX_LOCAL_PART = 64
# Spellings that most values have, each with a short way to the same form; tests hold the two ways against one another.
_MOBILE = re.compile(r"\+79[0-9]{9}").fullmatch
_PLAIN_EMAIL = re.compile(r"[!-?A-~]{1,64}@(?:[0-9A-Za-z]{1,63}\.)+[0-9A-Za-z]{1,63}").fullmatch
_PLAIN_NAME = re.compile(r"[0-9A-Za-zА-Яа-яЁё]+(?:[ -][0-9A-Za-zА-Яа-яЁё]+)*").fullmatch
_SOLID = re.compile("[0-9A-Za-zА-Яа-яЁё]").search
_MESSENGER = re.compile(
    r"^(?:https?://)?(?:www\.|m\.)?(?:t\.me|telegram\.me|vk\.com|vk\.ru|ok\.ru|instagram\.com|wa\.me)/(?=.)"
)


def phone(value: str) -> str | None:
    """E.164 after Google's libphonenumber, Russian by default; any number of a possible length counts.

    Russian mobile numbers, nearly all there are, take a short way that gives the same answer.
    """
    if _MOBILE(value):
        return value
    digits = value.translate(_SEPARATORS)
    if digits.isascii():
        if len(digits) == 12 and digits[:3] == "+79" and digits[1:].isdigit():
            return digits
        if len(digits) == 11 and digits[1] == "9" and digits[0] in "78" and digits.isdigit():
            return "+7" + digits[1:]
        if len(digits) == 10 and digits[0] == "9" and digits.isdigit():
            return "+7" + digits
    return _phone_by_library(value)


def _phone_by_library(value: str) -> str | None:
    try:
        number = phonenumbers.parse(value, "RU")
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def email(value: str) -> str | None:
    """Lower case, NFC, the domain in IDNA (UTS 46) form.

    RFC 5321 lets the part before @ be case-sensitive; no mail service in use is, and people type at will.
    """
    return value.lower() if _PLAIN_EMAIL(value) else _email_by_parts(value)


def _email_by_parts(value: str) -> str | None:
    local, at, domain = value.strip().rpartition("@")
    if not (at and local and domain) or len(local) > _MAX_LOCAL_PART or "@" in local:
        return None
    if not local.isprintable() or " " in local or "." not in domain:
        return None
    ascii_domain = _ascii_domain(domain)
    return None if ascii_domain is None else f"{unicodedata.normalize('NFC', local.lower())}@{ascii_domain}"


def _ascii_domain(domain: str) -> str | None:
    if domain.isascii() and "xn--" not in (lowered := domain.lower()):
        labels = lowered.split(".")
        if all(label.replace("-", "").isalnum() and len(label) < 64 for label in labels):
            return lowered
        return None
    try:
        return idna.encode(domain, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        return None


def name(value: str) -> str | None:
    """NFKC, no case, ё as е, full stops and commas as blanks, single blanks.

    What Latin spelling a name has does not count here, only in a search by prefix (search_keys.py).
    """
    return value.lower().replace("ё", "е") if _PLAIN_NAME(value) else _name_by_folding(value)


def _name_by_folding(value: str) -> str | None:
    folded = unicodedata.normalize("NFKC", value).casefold()
    for old, new in _NAME_FOLDS:
        folded = folded.replace(old, new)
    return " ".join(folded.split()) or None


def inn(value: str) -> str | None:
    """10 or 12 digits with right check digits (order of the tax service ЕД-7-14/559@)."""
    digits = value.translate(_SEPARATORS)
    return digits if _are_digits(digits) and inn_is_valid(digits) else None


def snils(value: str) -> str | None:
    """11 digits with the right check (resolution of the pension fund board 122п)."""
    digits = value.translate(_SEPARATORS)
    return digits if _are_digits(digits) and snils_is_valid(digits) else None


def ogrnip(value: str) -> str | None:
    """ОГРН of 13 digits or ОГРНИП of 15 with the right check digit."""
    digits = value.translate(_SEPARATORS)
    return digits if _are_digits(digits) and ogrn_is_valid(digits) else None


def card(value: str) -> str | None:
    """13 to 19 digits with the right check digit (ISO/IEC 7812-1)."""
    digits = value.translate(_SEPARATORS)
    return digits if _are_digits(digits) and 13 <= len(digits) <= 19 and luhn_is_valid(digits) else None


def handle(value: str) -> str | None:
    """No case, no leading @, no address of the messenger before it (`https://t.me/ivan` is `ivan`)."""
    before = ""
    while value != before:  # what stands behind an @ may again begin with one, or with a blank
        before, value = value, _bare_handle(value)
    return value or None


def _bare_handle(value: str) -> str:
    """One step of `handle`; never longer than what an earlier step gave, so that steps come to rest."""
    folded = unicodedata.normalize("NFKC", value).strip().casefold()
    bare = _MESSENGER.sub("", folded, count=1) if "/" in folded else folded
    return bare.removeprefix("@").rstrip("/").strip()


def ip(value: str) -> str | None:
    """The shortest spelling; an IPv4 address inside IPv6 as IPv4."""
    try:
        parsed = ipaddress.ip_address(value.strip())
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)


def device(value: str) -> str | None:
    """Lower case, no blanks around."""
    return value.strip().lower() or None


def text(value: str) -> str | None:
    """As it is: free text is never folded. Blank text is no value."""
    return value if value.strip() else None


def _are_digits(text_: str) -> bool:
    return text_.isascii() and text_.isdigit()


NORMALISERS: Final[dict[str, Callable[[str], str | None]]] = {
    function.__name__: function
    for function in (
        phone, email, name, address, birth_date, passport, inn, snils, ogrnip, card, car_plate, handle, ip, device, text
    )
}  # fmt: skip

# Whether a text is a value of its kind at all, where that is seen sooner than its normal form. What they refuse, the
# normaliser is asked about.
OBVIOUS: Final[dict[str, Callable[[str], object]]] = {"address": _SOLID, "text": _SOLID}
