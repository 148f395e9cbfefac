"""HTTP on both kinds of listener: limits on a request's head and on the time it may take to arrive."""

import asyncio
from typing import Final, NamedTuple

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

PEER: Final = "larets.peer"
HEAD_BYTES: Final = 32 * 1024
REQUEST_SECONDS: Final = 20.0  # from the first byte of a request to its last; of a stream, from one piece to the next
STREAMS: Final = (b"/v1/files", b"/v1/tokenise:stream", b"/v1/reveal:stream")  # how their addresses begin


class Peer(NamedTuple):
    """A client with a certificate: the domain whose authority signed it, and the common name in it."""

    trust_domain: str
    name: str


class LimitedProtocol(HttpToolsProtocol):
    """Closes a connection whose request is too long in its head or too slow to arrive: it holds no worker."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_bytes = 0
        self._head_done = False
        self._arriving = True
        self._streaming = False
        self._arrival: asyncio.TimerHandle | None = None
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._head_done:
            self._head_bytes += len(data)
        super().data_received(data)
        if not self._head_done and self._head_bytes > HEAD_BYTES:
            self.send_400_response("Request head too large.")
        if self._arriving:  # most requests come in one piece and need no timer
            if self._streaming:
                self._stop_waiting()
            self._await_request()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._arriving = True

    def on_headers_complete(self) -> None:
        self.check_head()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self.request_arrived()
        super().on_message_complete()

    def check_head(self) -> None:
        """The head is complete. Raises ValueError when it is too large: the parser stops, uvicorn answers 400."""
        self._head_done = True
        self._streaming = self.url.startswith(STREAMS)
        if 0 < self._head_bytes <= HEAD_BYTES:  # 0: it began within the bytes of the request before
            return
        head = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if head > HEAD_BYTES:
            message = "request head too large"
            raise ValueError(message)

    def request_arrived(self) -> None:
        """The last byte of a request is here; the next one begins anew."""
        self._arriving = False
        self._head_done = False
        self._head_bytes = 0
        self._stop_waiting()

    def _await_request(self) -> None:
        if self._arrival is None:
            self._arrival = self.loop.call_later(REQUEST_SECONDS, self._too_slow)

    def _too_slow(self) -> None:
        """A sender whom we ourselves have stopped, because the database is slower than it, is not to blame."""
        self._arrival = None
        if self._streaming and self.flow.read_paused:
            self._await_request()
        else:
            self.transport.close()

    def _stop_waiting(self) -> None:
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None
