"""The readings of a request's bytes in which a value could hide: as they are, and with escapes undone."""

import html
import re
import unicodedata
from collections.abc import Iterator
from email.message import Message
from urllib.parse import unquote, unquote_plus

_JSON_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(/))")
_FORM = "application/x-www-form-urlencoded"
_MAX_ROUNDS = 3  # a value encoded more often than that is not an accident, and the vault has no duty to it


def iter_decoded(raw: bytes, content_type: str = "") -> Iterator[str]:
    """Every distinct reading of a path, a query or a body. Never fails, whatever the bytes are.

    Undone are the charset, percent-encoding (twice over), form encoding, JSON escapes and HTML entities, in
    any mixture up to three deep. Compressed bodies are the caller's to undo or refuse.
    """
    header = Message()
    header["content-type"] = content_type
    form = header.get_content_type() == _FORM
    seen = set()
    reading = _text(raw, header.get_content_charset("utf-8"))
    for _ in range(_MAX_ROUNDS + 1):
        if reading in seen:
            return
        seen.add(reading)
        yield reading
        reading = _undone(reading, form=form)


def _text(raw: bytes, charset: str) -> str:
    try:
        return raw.decode(charset, errors="replace")
    except (LookupError, ValueError):
        return raw.decode("utf-8", errors="replace")


def _undone(text: str, *, form: bool) -> str:
    """One round of unescaping of every kind at once."""
    if "%" in text or (form and "+" in text):
        text = (unquote_plus if form else unquote)(text)
    if "\\" in text:
        text = _JSON_ESCAPE.sub(lambda match: chr(int(match[1], 16)) if match[1] else "/", text)
    if "&" in text:
        text = html.unescape(text)
    return text


def reader_forms(text: str) -> set[str]:
    """The text as it is, and as a reader sees it: any digits as plain ones, without signs that show nothing."""
    if text.isascii():
        return {text}
    compatible = unicodedata.normalize("NFKC", text)
    shown = (sign for sign in compatible if unicodedata.category(sign) != "Cf")
    return {text, "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in shown)}
