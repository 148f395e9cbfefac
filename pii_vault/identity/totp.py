"""The second factor: time-based one-time codes (RFC 6238), six digits, thirty seconds, SHA-1 as every phone app has it.

A code is good once: the caller keeps the step of the last accepted code, and only a later step is accepted.
"""

import hmac
import re
from datetime import datetime
from typing import Final

import pyotp
import segno

STEP_SECONDS: Final = 30
WINDOW: Final = 1  # one step to each side, for clocks that are up to half a minute off
ISSUER: Final = "Larets"
_CODE: Final = re.compile(r"[0-9]{6}")


def new_secret() -> str:
    return pyotp.random_base32(32)  # 160 bits


def accepted_step(secret: str, code: str, *, last_step: int | None, now: datetime) -> int | None:
    """The time step that `code` proves, or None. Every step of the window is compared, so time tells nothing."""
    code = "".join(code.split())
    if not _CODE.fullmatch(code):
        return None
    current = int(now.timestamp()) // STEP_SECONDS
    generator = pyotp.HOTP(secret)
    found: int | None = None
    for step in range(current - WINDOW, current + WINDOW + 1):
        same = hmac.compare_digest(generator.at(step), code)
        if same and (last_step is None or step > last_step):
            found = step
    return found


def provisioning_uri(secret: str, *, label: str) -> str:
    return pyotp.TOTP(secret).provisioning_uri(name=label, issuer_name=ISSUER)


def qr_data_uri(text: str) -> str:
    """The QR code as an inline SVG image; nothing is fetched from anywhere."""
    return str(segno.make(text, error="l", micro=False).svg_data_uri(scale=5, border=2))
