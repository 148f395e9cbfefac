"""The edge guard: what it lets through to the application holds no personal data in clear that it can recognise.

It stands before everything else of the browser listener, so that a refused value reaches no handler, no log and no
table. A header that the application does not read is not passed on at all; peer addresses are not either.
"""

import logging
from collections.abc import Iterator
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.edge_guard.body import texts_of
from app.edge_guard.detect import personal_classes_decoded
from app.errors import AppError, BodyTooLarge, PersonalDataInClear
from app.kit.problems import problem

logger = logging.getLogger(__name__)

MAX_BODY: Final = 1024 * 1024

# Read by the application and free text: passed on and looked through.
_LOOKED_THROUGH: Final = frozenset(
    {
        b"accept",
        b"accept-language",
        b"content-type",
        b"cookie",
        b"hx-boosted",
        b"hx-current-url",
        b"hx-history-restore-request",
        b"hx-prompt",
        b"hx-request",
        b"hx-target",
        b"hx-trigger",
        b"hx-trigger-name",
        b"idempotency-key",
        b"if-match",
        b"if-modified-since",
        b"if-none-match",
        b"origin",
        b"sec-fetch-dest",
        b"sec-fetch-mode",
        b"sec-fetch-site",
        b"sec-fetch-user",
    }
)
# Passed on as they are: the transport's own, and bearer tokens, which are signed and never stored.
_PLAIN: Final = frozenset({b"host", b"authorization", b"content-length", b"content-encoding", b"transfer-encoding"})


class EdgeGuard:
    """ASGI middleware. Answers 422 `personal_data_in_clear` and says nowhere what the value was."""

    def __init__(self, app: ASGIApp, *, max_body: int = MAX_BODY) -> None:
        self._app = app
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # no lifespan and no WebSocket passes here: the listener offers neither
        headers = [pair for pair in scope["headers"] if pair[0] in _LOOKED_THROUGH or pair[0] in _PLAIN]
        passed = {**scope, "headers": headers, "client": None}
        try:
            body = await self._read(passed, receive)
            _look_through(passed, body)
        except _Gone:
            return
        except AppError as error:
            await problem(error)(passed, receive, send)
            return
        await self._app(passed, _replay(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        declared = _header(scope, b"content-length")
        if declared.isdigit() and int(declared) > self._max_body:
            raise BodyTooLarge
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > self._max_body:
                raise BodyTooLarge
            if not message.get("more_body", False):
                return b"".join(chunks)


class _Gone(Exception):
    """The client went away while it was sending."""


def _look_through(scope: Scope, body: bytes) -> None:
    texts = list(_head_texts(scope))
    if body:
        texts += texts_of(
            body,
            content_type=_header(scope, b"content-type").decode("latin-1"),
            content_encoding=_header(scope, b"content-encoding").decode("latin-1").strip().lower(),
        )
    found = personal_classes_decoded(texts)
    if found:
        logger.warning("a request with personal data in clear was refused: %s", ", ".join(sorted(found)))
        raise PersonalDataInClear


def _head_texts(scope: Scope) -> Iterator[str]:
    raw_path: bytes = scope.get("raw_path") or b""
    yield scope["path"]
    yield raw_path.decode("latin-1")
    yield scope["query_string"].decode("latin-1")
    for name, value in scope["headers"]:
        if name in _LOOKED_THROUGH:
            yield value.decode("latin-1")


def _header(scope: Scope, wanted: bytes) -> bytes:
    found: bytes = next((value for name, value in scope["headers"] if name == wanted), b"")
    return found


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body that was looked through, once; then what the connection says itself."""
    told = False

    async def again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
