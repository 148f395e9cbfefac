"""Request bodies, bounded in size while they are read. The protocol bounds the time (pii_vault/protocol.py)."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pii_vault.errors import BodyTooLarge, BrokenRequest
from pii_vault.problems import problem

MAX_BODY_BYTES = 1024 * 1024


async def read_body(scope: Scope, receive: Receive, *, most: int = MAX_BODY_BYTES) -> bytes:
    """The whole body, of at most so many bytes.

    Raises:
        BodyTooLarge: as soon as it is known, before the rest is read.
        BrokenRequest: the client went away.
    """
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > most:
            raise BodyTooLarge
    message = await _next(receive)
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        if len(body) > most:
            raise BodyTooLarge
        message = await _next(receive)
        body += message.get("body", b"")
    if len(body) > most:
        raise BodyTooLarge
    return body


async def _next(receive: Receive) -> Message:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise BrokenRequest("The connection ended before the body did.")
    return message


class _TooLargeError(Exception):
    pass


class LimitedBodies:
    """ASGI middleware: no application behind it reads more than the limit."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
            await problem(BodyTooLarge())(scope, receive, send)
            return
        gate = _Gate(receive, send)
        try:
            await self._app(scope, gate.receive, gate.send)
        except Exception:
            if not gate.exceeded:
                raise
        if gate.exceeded and not gate.started:
            await problem(BodyTooLarge())(scope, receive, send)


class _Gate:
    """Counts what one request reads. Once too much was read, the application's own answer is dropped."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._read = 0
        self._whole = False
        self.exceeded = False
        self.started = False

    async def receive(self) -> Message:
        if self._whole:
            return await self._receive()  # waits for the client to go away, as long as it stays
        message = await _next(self._receive)
        self._read += len(message.get("body", b""))
        self._whole = not message.get("more_body")
        if self._read > MAX_BODY_BYTES:
            self.exceeded = True
            raise _TooLargeError
        return message

    async def send(self, message: Message) -> None:
        if self.exceeded and not self.started:
            return
        self.started = True
        await self._send(message)
