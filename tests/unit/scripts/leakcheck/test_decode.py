"""Bodies are read whatever way they were chunked and coded."""

import gzip
import zlib

import brotli
import pytest

from scripts.leakcheck.decode import messages

SECRET = b"canary-9c@example.ru " * 20
RAW_DEFLATE = zlib.compress(SECRET)[2:-4]


def response(body: bytes, *, coding: str = "", chunked: bool = False) -> bytes:
    lines = ["HTTP/1.1 200 OK", *([f"Content-Encoding: {coding}"] if coding else [])]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
        pieces = [body[start : start + 7] for start in range(0, len(body), 7)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    else:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("", SECRET),
        ("gzip", gzip.compress(SECRET)),
        ("deflate", zlib.compress(SECRET)),
        ("deflate", RAW_DEFLATE),
        ("br", brotli.compress(SECRET)),
    ],
    ids=["plain", "gzip", "deflate", "raw deflate", "br"],
)
def test_each_coding_is_undone(coding: str, body: bytes, *, chunked: bool) -> None:
    stream = response(b"first") + response(body, coding=coding, chunked=chunked) + response(b"last")
    assert list(messages(stream)) == [b"first", SECRET, b"last"]


def test_a_recording_cut_off_gives_what_there_is() -> None:
    stream = response(gzip.compress(SECRET), coding="gzip", chunked=True)
    assert b"canary-9c" in b"".join(messages(stream[:-20]))


def test_a_body_that_is_not_what_its_header_says_is_kept_raw() -> None:
    assert list(messages(response(b"plain", coding="gzip"))) == [b"plain"]
