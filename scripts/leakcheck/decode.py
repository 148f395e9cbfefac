"""Undo what HTTP does to a body: chunks and content codings. Works on a recording, whole or cut off."""

import re
import zlib
from collections.abc import Iterator
from typing import Final

import brotli

HEAD_END: Final = b"\r\n\r\n"


def headers_of(head: bytes) -> dict[bytes, bytes]:
    pairs = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def take_chunks(stream: bytes, start: int) -> tuple[bytes, int]:
    """The chunks from `start` joined, and where the message ends. A recording cut off gives what there is."""
    parts: list[bytes] = []
    while True:
        line_end = stream.find(b"\r\n", start)
        size_text = stream[start:line_end].split(b";")[0].strip() if line_end >= 0 else b""
        if not size_text or any(digit not in b"0123456789abcdefABCDEF" for digit in size_text):
            return b"".join(parts), len(stream)
        size, start = int(size_text, 16), line_end + 2
        if size == 0:
            return b"".join(parts), start + 2
        parts.append(stream[start : start + size])
        start += size + 2


def decoded(body: bytes, coding: bytes) -> bytes:
    """The body without its content coding; what cannot be decoded is given back as it is, to be scanned raw."""
    try:
        match coding.lower():
            case b"gzip":
                return zlib.decompressobj(wbits=47).decompress(body)
            case b"deflate":
                wrapped = body[:1] == b"\x78"
                return zlib.decompressobj(wbits=15 if wrapped else -15).decompress(body)
            case b"br":
                return bytes(brotli.Decompressor().process(body))
    except (zlib.error, brotli.error):
        return body
    return body


def messages(stream: bytes) -> Iterator[bytes]:
    """The bodies of all HTTP/1.1 messages of one direction of a connection, chunks and codings undone."""
    start = 0
    while (head_end := stream.find(HEAD_END, start)) >= 0:
        headers = headers_of(stream[start:head_end])
        body_start = head_end + len(HEAD_END)
        if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
            body, start = take_chunks(stream, body_start)
        else:
            length = headers.get(b"content-length", b"0")
            size = int(length) if length.isdigit() else 0
            body, start = stream[body_start : body_start + size], body_start + size
        if body:
            yield decoded(body, headers.get(b"content-encoding", b""))


_BINARY: Final = 200  # a text has fewer noughts than one in so many bytes
_BREAK: Final = rb"(?:\r?\n|(?:\\r)?\\n)"  # also as COPY and JSON write it
_FOLD: Final = re.compile(
    rb"(?<=[0-9A-F]{2})=" + _BREAK  # quoted-printable
    + rb"|(?<=[A-Za-z0-9+/]{60})" + _BREAK + rb"(?=[A-Za-z0-9+/])"  # base64 in lines
    + rb"|\?=" + _BREAK + rb"?[ \t]+=\?[A-Za-z0-9-]{3,20}\?[Qq]\?"  # RFC 2047, a word after a word
)  # fmt: skip


def unfolded(content: bytes) -> bytes | None:
    """A text with the line breaks of mail encodings taken out; None when it has none, or is no text."""
    if content.count(0) * _BINARY > len(content):
        return None
    joined, count = _FOLD.subn(b"", content)
    return joined if count else None
