"""Sends a stream and reads its answer at the same time, which an ordinary HTTP client does not do."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

import h11

from pii_vault.errors import VaultError

_READ_BYTES: Final = 1 << 18
_SECONDS: Final = 60.0  # without a byte of the answer
_GOODBYE_SECONDS: Final = 1.0


class StreamRefused(VaultError):
    """The vault refused the stream. The problem says why."""

    def __init__(self, status: int, problem: bytes) -> None:
        super().__init__(f"The vault answered {status}.")
        self.status = status
        self.problem = problem


class StreamBroken(VaultError):
    """The stream broke off before its end. Send it again under the same idempotency key: no row is doubled."""

    status_code = 502
    code = "stream_broken"


async def stream(
    url: str, pieces: AsyncIterator[bytes], *, headers: Mapping[str, str], tls: ssl.SSLContext | None = None
) -> AsyncIterator[bytes]:
    """POSTs the pieces; gives the answer's bytes as they come.

    Raises:
        StreamRefused: with the problem, when the answer is not 200.
        StreamBroken: the connection failed, or nothing came for a minute.
    """
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        reader, writer = await asyncio.open_connection(
            parts.hostname, port, ssl=tls, limit=4 * _READ_BYTES, server_hostname=parts.hostname if tls else None
        )
    except OSError as error:
        raise StreamBroken("The vault cannot be reached. See whether it runs.") from error
    connection = h11.Connection(h11.CLIENT)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    head = h11.Request(
        method="POST",
        target=target,
        headers=[("host", parts.netloc), ("transfer-encoding", "chunked"), *headers.items()],
    )
    sending = asyncio.create_task(_send(connection, writer, head, pieces))
    try:
        async for piece in _receive(connection, reader):
            yield piece
    finally:
        sending.cancel()
        with suppress(asyncio.CancelledError, OSError, h11.LocalProtocolError):
            await sending
        writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await writer.wait_closed()


async def _send(
    connection: h11.Connection, writer: asyncio.StreamWriter, head: h11.Request, pieces: AsyncIterator[bytes]
) -> None:
    writer.write(connection.send(head) or b"")
    async for piece in pieces:
        if piece:
            writer.write(connection.send(h11.Data(data=piece)) or b"")
            await writer.drain()
    writer.write(connection.send(h11.EndOfMessage()) or b"")
    await writer.drain()


async def _receive(connection: h11.Connection, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    status = 0
    refusal = b""
    while True:
        try:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                async with asyncio.timeout(_SECONDS):
                    connection.receive_data(await reader.read(_READ_BYTES))
                continue
        except (h11.RemoteProtocolError, OSError, TimeoutError) as error:
            raise StreamBroken from error
        if isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            if status == 200:  # noqa: PLR2004  the one that is no refusal
                yield bytes(event.data)
            else:
                refusal += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            if status != 200:  # noqa: PLR2004
                raise StreamRefused(status, refusal)
            return
        elif isinstance(event, h11.ConnectionClosed):
            raise StreamBroken
