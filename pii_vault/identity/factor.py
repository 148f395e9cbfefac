"""The second factor as it rests: the secret of the app and what is left of the recovery codes, sealed as one text.

One text, because both are proved, replaced and forgotten together. A recovery code is ten characters (50 random bits),
shown once and kept as a keyed hash that is bound to its person; each is good once, in place of a code of the app.
A factor enrolled before there were recovery codes is the bare secret.
"""

import hmac
import re
import secrets
from typing import Final

import msgspec

from pii_vault.identity.keys import IdentityKeys
from pii_vault.identity.models import Staff

CODES: Final = 10
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: no letter looks like a digit
_LENGTH: Final = 10
_LOOKALIKES: Final = str.maketrans("oil", "011")
_CODE: Final = re.compile(f"[{_ALPHABET}]{{{_LENGTH}}}")


class Factor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    secret: str
    recovery: tuple[str, ...] = ()  # hex of the keyed hashes of the codes that are left

    def __repr__(self) -> str:
        return f"Factor({len(self.recovery)} recovery codes)"


def enrol(keys: IdentityKeys, staff_id: str, secret: str) -> tuple[bytes, tuple[str, ...]]:
    """The sealed factor, and its recovery codes as they are shown this once."""
    codes = tuple(_new_code() for _ in range(CODES))
    hashes = tuple(_digest(keys, staff_id, code) for code in codes)
    return seal(keys, staff_id, Factor(secret, hashes)), tuple(f"{code[:5]}-{code[5:]}" for code in codes)


def seal(keys: IdentityKeys, staff_id: str, factor: Factor) -> bytes:
    return keys.seal(msgspec.json.encode(factor).decode(), context=_context(staff_id))


def read(keys: IdentityKeys, staff: Staff) -> Factor | None:
    """None: no second factor is enrolled."""
    if staff.totp_sealed is None:
        return None
    text = keys.open(staff.totp_sealed, context=_context(staff.id))
    return msgspec.json.decode(text, type=Factor) if text.startswith("{") else Factor(text)


def spend(keys: IdentityKeys, staff_id: str, factor: Factor, code: str) -> Factor | None:
    """The factor without this recovery code; None when it is none of them. All are compared: time tells nothing."""
    plain = re.sub(r"[\s-]", "", code).casefold().translate(_LOOKALIKES)
    if not _CODE.fullmatch(plain):
        return None
    given = _digest(keys, staff_id, plain)
    left = tuple(kept for kept in factor.recovery if not hmac.compare_digest(kept, given))
    return Factor(factor.secret, left) if len(left) < len(factor.recovery) else None


def _new_code() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def _digest(keys: IdentityKeys, staff_id: str, code: str) -> str:
    return keys.recovery_digest(staff_id, code).hex()


def _context(staff_id: str) -> str:
    return f"staff/{staff_id}/totp"
