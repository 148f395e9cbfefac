# ruff: noqa: PLR2004  the figures are the formats themselves
"""Check digits of Russian personal numbers and payment cards. All take plain ASCII digits."""

_INN_10 = (2, 4, 10, 3, 5, 9, 4, 6, 8)
_INN_11 = (7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
_INN_12 = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
_SNILS_UNCHECKED = "001001998"  # numbers up to this one were issued before check digits existed
_LUHN_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def inn_is_valid(digits: str) -> bool:
    """ИНН: 10 digits of an organisation or 12 of a person (order of the tax service ЕД-7-14/559@)."""
    if len(digits) == 10:
        return _weighed(digits, _INN_10) == int(digits[9])
    if len(digits) == 12:
        return _weighed(digits, _INN_11) == int(digits[10]) and _weighed(digits, _INN_12) == int(digits[11])
    return False


def snils_is_valid(digits: str) -> bool:
    """СНИЛС: 9 digits and a two-digit check (resolution of the pension fund board 122п, 2017)."""
    if len(digits) != 11:
        return False
    if digits[:9] <= _SNILS_UNCHECKED:
        return False  # without a check nothing tells such a number from any other eleven digits
    total = sum(int(digit) * weight for digit, weight in zip(digits, range(9, 0, -1), strict=False))
    return total % 101 % 100 == int(digits[9:])


def ogrn_is_valid(digits: str) -> bool:
    """ОГРН of 13 digits or ОГРНИП of 15 (order of the finance ministry 165н, 2017)."""
    if len(digits) not in (13, 15) or digits[0] not in ("15" if len(digits) == 13 else "3"):
        return False
    return int(digits[:-1]) % (len(digits) - 2) % 10 == int(digits[-1])


def luhn_is_valid(digits: str) -> bool:
    """The check digit of payment cards (ISO/IEC 7812-1, annex B)."""
    total = sum(map(int, digits[-1::-2]))
    return (total + sum(_LUHN_DOUBLED[int(digit)] for digit in digits[-2::-2])) % 10 == 0


def _weighed(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False)) % 11 % 10
