"""Requests of the hot endpoints answered by the protocol itself, without an ASGI cycle around them.

Only the plain case comes here: HTTP/1.1, a known path, POST, a declared length within the limit, nothing before it on
the connection that still waits. Everything else takes the usual way through the application, which serves the same
endpoints and knows how to refuse. Head and body leave by one write: one TLS record, one system call, one wake-up.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from pii_vault.protocol import LimitedProtocol

logger = logging.getLogger(__name__)

Scope = dict[str, Any]


class Answer(NamedTuple):
    """A whole answer; `headers` without the length."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


Handler = Callable[[Scope, bytes], Awaitable[Answer]]


class Direct(NamedTuple):
    """What an application lets the protocol answer: handlers by exact path, and the largest body they take."""

    handlers: Mapping[bytes, Handler]
    max_body: int


NOTHING: Final = Direct({}, 0)
_STATUS_LINES: Final = {status: f"HTTP/1.1 {status} {status.phrase}\r\n".encode() for status in HTTPStatus}
_NOBODY_WAITS: Final = asyncio.Event()


class _Exchange:
    """One direct request, in the place of uvicorn's cycle: it has what uvicorn asks a cycle for."""

    __slots__ = ("body", "disconnected", "handler", "keep_alive", "message_event", "more_body", "response_complete")

    def __init__(self, handler: Handler, *, keep_alive: bool) -> None:
        self.handler = handler
        self.keep_alive = keep_alive
        self.body = b""
        self.more_body = True
        self.disconnected = False
        self.response_complete = False
        self.message_event = _NOBODY_WAITS


class DirectProtocol(LimitedProtocol):
    """Serves `app.direct` itself, if the application has it."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._direct: Direct = getattr(self.config.app, "direct", NOTHING)
        self._exchange: _Exchange | None = None  # whose body comes in

    def on_headers_complete(self) -> None:
        handler = self._direct.handlers.get(self.url)
        if handler is None or not self._is_plain():
            self._exchange = None
            super().on_headers_complete()
            return
        self.check_head()
        scope: Scope = self.scope  # type: ignore[assignment]
        scope["method"] = "POST"
        scope["path"] = self.url.decode("ascii")
        self._exchange = _Exchange(handler, keep_alive=self.parser.should_keep_alive())
        self.cycle = self._exchange  # type: ignore[assignment]

    def _is_plain(self) -> bool:
        cycle: Any = self.cycle  # None before the first request
        if cycle is not None and not cycle.response_complete:
            return False
        if self.parser.get_method() != b"POST" or self.parser.get_http_version() != "1.1":
            return False
        if max(len(self.connections), len(self.tasks)) >= (self.limit_concurrency or 0):
            return False
        length = None
        for name, value in self.headers:
            if name in (b"transfer-encoding", b"expect", b"upgrade"):
                return False
            if name == b"content-length":
                length = value
        return length is not None and length.isdigit() and int(length) <= self._direct.max_body

    def on_body(self, body: bytes) -> None:
        if self._exchange is not None:
            self._exchange.body += body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._exchange is None:
            super().on_message_complete()
            return
        self.request_arrived()
        scope: Scope = self.scope  # type: ignore[assignment]
        task = self.loop.create_task(self._answer(self._exchange, scope))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _answer(self, exchange: _Exchange, scope: Scope) -> None:
        try:
            answer = await exchange.handler(scope, exchange.body)
            if self.flow.write_paused and not exchange.disconnected:
                await self.flow.drain()
        except Exception as error:  # noqa: BLE001  handlers answer their errors themselves: this is a defect of ours
            logger.error("a direct answer failed: %s", type(error).__name__)  # noqa: TRY400  its text may quote a value
            exchange.response_complete = True
            self.transport.close()
            return
        exchange.response_complete = True
        if exchange.disconnected or self.transport.is_closing():
            return
        self.transport.write(_whole(answer, exchange))
        if not exchange.keep_alive:
            self.transport.close()
        self.on_response_complete()


def _whole(answer: Answer, exchange: _Exchange) -> bytes:
    parts = [_STATUS_LINES[HTTPStatus(answer.status)], b"content-length: %d\r\n" % len(answer.body)]
    for name, value in answer.headers:
        if name == b"connection":
            exchange.keep_alive = False
        else:
            parts += (name, b": ", value, b"\r\n")
    if not exchange.keep_alive:
        parts.append(b"connection: close\r\n")
    parts += (b"\r\n", answer.body)
    return b"".join(parts)
