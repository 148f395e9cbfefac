"""A recording relay: stands before a listener, undoes TLS with the instance's own keys, writes down every byte.

One file per connection and direction, named by the client's port, so that a check can tell the one connection in which
it sent a value on purpose from all others.
"""

import asyncio
import ssl
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

PIECE: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Tls:
    """The relay's two faces: a server to the client, a client to the server, both with genuine certificates."""

    server_certificate: Path
    server_key: Path
    client_certificate: Path
    client_key: Path
    client_authority: Path
    server_authority: Path

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server_certificate, self.server_key)
        context.load_verify_locations(self.client_authority)
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_cert_chain(self.client_certificate, self.client_key)
        context.load_verify_locations(self.server_authority)
        context.check_hostname = False  # the relay stands on the same address; the authority alone is pinned
        return context


@dataclass(frozen=True, slots=True)
class Route:
    """`name` is the channel; bytes from clients of `port` go to `target`, both on loopback."""

    name: str
    port: int
    target: int
    tls: Tls | None = None


class Relay:
    """All routes in one thread with its own event loop. Use as a context manager."""

    def __init__(self, routes: Sequence[Route], *, folder: Path) -> None:
        self._routes = routes
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)
        self._servers: list[asyncio.Server] = []
        self._open: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(timeout=10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(timeout=20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    def recordings(self) -> list[Path]:
        """One file per connection and direction: `<channel>-<client's port>.{received|sent}`."""
        return sorted(self._folder.iterdir())

    async def _start(self) -> None:
        for route in self._routes:
            context = route.tls.server_context() if route.tls else None
            client = route.tls.client_context() if route.tls else None

            async def serve(
                reader: asyncio.StreamReader,
                writer: asyncio.StreamWriter,
                *,
                route: Route = route,
                client: ssl.SSLContext | None = client,
            ) -> None:
                task = asyncio.current_task()
                if task:
                    self._open.add(task)
                    task.add_done_callback(self._open.discard)
                with suppress(asyncio.CancelledError):  # the relay stops; asyncio would log it as an error
                    await self._carry(route, client, reader, writer)

            self._servers.append(await asyncio.start_server(serve, "127.0.0.1", route.port, ssl=context))

    async def _stop(self) -> None:
        for server in self._servers:
            server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _carry(
        self,
        route: Route,
        client: ssl.SSLContext | None,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        port = writer.get_extra_info("peername")[1]
        stem = self._folder / f"{route.name}-{port}"
        try:
            onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", route.target, ssl=client)
        except OSError:
            writer.close()
            return
        ways = (
            asyncio.create_task(_copy(reader, onward_writer, stem.with_suffix(".received"))),
            asyncio.create_task(_copy(onward_reader, writer, stem.with_suffix(".sent"))),
        )
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, onward_writer):
                with suppress(OSError, RuntimeError):
                    end.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, record: Path) -> None:
    """Carry bytes one way until the end, writing each down before it goes on."""
    with record.open("ab", buffering=0) as file, suppress(OSError, asyncio.IncompleteReadError):
        while piece := await reader.read(PIECE):
            file.write(piece)
            writer.write(piece)
            await writer.drain()
