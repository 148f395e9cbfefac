"""Listeners and what serves them: sockets are bound first, then one event loop or several workers serve them.

Each worker's event loop runs one uvicorn server per listener. SIGTERM and SIGINT drain.
"""

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import uvicorn
import uvloop

from pii_vault.certificates import FollowingContext, Loaded
from pii_vault.peer import peer_certificate_protocol
from pii_vault.prefork import Parent
from pii_vault.protocol import PEER, LimitedProtocol, Peer

__all__ = [
    "PEER",
    "Listener",
    "Peer",
    "ServerTls",
    "TransportProblem",
    "browser_tls",
    "peer_certificate_protocol",
    "serve_listeners",
]

logger = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS: Final = 65
DRAIN_SECONDS: Final = 20
BACKLOG: Final = 1024
MAX_CONNECTIONS: Final = 2000
HANDSHAKE_SECONDS: Final = 10.0
SHUTDOWN_SECONDS: Final = 3.0  # for a peer to say good-bye; who does not is cut off

Application = Any  # an ASGI 3 callable
Build = Callable[[], AbstractAsyncContextManager[Sequence[Application]]]


class TransportProblem(Exception):
    """A listener cannot be opened; the message names the address and says what to do."""


@dataclass(frozen=True)
class ServerTls:
    """TLS 1.3. Every client must show a certificate of one of the authorities (trust domain → file). Files that are
    exchanged serve new connections.

    Without authorities nobody is asked for one: that is TLS between an edge and the browser listener.
    """

    certificate: Path
    key: Path
    authorities: Mapping[str, Path]

    @cached_property
    def context(self) -> FollowingContext:
        """Raises TransportProblem."""
        try:
            return FollowingContext(self._load, (self.certificate, self.key, *self.authorities.values()))
        except OSError as error:
            message = f"cannot load the certificate {self.certificate.name} or an authority: {error}"
            raise TransportProblem(message) from error

    def _load(self) -> Loaded:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_REQUIRED if self.authorities else ssl.CERT_NONE
        # A resumed session would not show its certificate again.
        context.num_tickets = 0
        context.load_cert_chain(self.certificate, self.key)
        for authority in self.authorities.values():
            context.load_verify_locations(authority)
        return Loaded(context, self.certificate.read_bytes())


def browser_tls(certificate: Path | None, key: Path | None) -> ServerTls | None:
    """How the browser listener speaks to its edge. Raises TransportProblem: one is given without the other."""
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise TransportProblem("browser_cert and browser_key belong together: give both or neither")
    return ServerTls(certificate, key, {})


@dataclass(frozen=True, slots=True)
class Listener:
    """An address (`host:port`) and how it is served. Without `tls` it is plain HTTP: on loopback."""

    bind: str
    tls: ServerTls | None = None


def bind_listeners(listeners: Sequence[Listener]) -> list[socket.socket]:
    """Listening sockets, all or none. Raises TransportProblem that names the address."""
    sockets: list[socket.socket] = []
    try:
        for listener in listeners:
            host, _, port = listener.bind.rpartition(":")
            try:
                sockets.append(socket.create_server((host, int(port)), backlog=BACKLOG))
            except (OSError, ValueError) as error:
                taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
                hint = "another process listens there; stop it or choose another port" if taken else str(error)
                message = f"cannot listen on {listener.bind}: {hint}"
                raise TransportProblem(message) from error
    except TransportProblem:
        for opened in sockets:
            opened.close()
        raise
    return sockets


def serve_listeners(
    listeners: Sequence[Listener],
    build: Build,
    *,
    workers: int = 1,
    before_fork: Callable[[int], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then drain and return.

    Args:
        listeners: addresses; sockets are bound before anything else, so that a taken port is a clear error.
        build: called in each worker, inside its event loop; yields one ASGI application per listener, in order.
        workers: processes; with 1 this process serves itself.
        before_fork: told the number of each worker, from 0, before it is started (again).

    Raises:
        TransportProblem: a listener cannot be opened.
    """
    sockets = bind_listeners(listeners)
    contexts = [listener.tls.context if listener.tls else None for listener in listeners]
    worker = _Worker(listeners, contexts, build)
    if workers == 1:
        if before_fork is not None:
            before_fork(0)
        worker.run(sockets=sockets, channel=None)
    else:
        Parent(
            sockets,
            lambda channel: worker.run(sockets=(), channel=channel),
            workers=workers,
            before_fork=before_fork,
            drain_seconds=DRAIN_SECONDS + 5,
        ).run()


class _Server(uvicorn.Server):
    """One application of a worker: a uvicorn server that is given connections."""

    def __init__(self, app: Application, protocol: type[LimitedProtocol]) -> None:
        config = uvicorn.Config(
            app,
            http=protocol,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=DRAIN_SECONDS,
            limit_concurrency=MAX_CONNECTIONS,
        )
        config.load()
        super().__init__(config)
        self.lifespan = config.lifespan_class(config)
        self.servers: list[asyncio.base_events.Server] = []
        self.started = True

    def protocol(self) -> asyncio.Protocol:
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state={}
        )


class _Worker:
    """Runs the applications of all listeners on one event loop."""

    def __init__(self, listeners: Sequence[Listener], contexts: Sequence[ssl.SSLContext | None], build: Build) -> None:
        self._build = build
        self._contexts = contexts
        self._protocols = [
            peer_certificate_protocol(listener.tls.authorities)
            if listener.tls and listener.tls.authorities
            else LimitedProtocol
            for listener in listeners
        ]

    def run(self, *, sockets: Sequence[socket.socket], channel: socket.socket | None) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve(sockets, channel))

    async def _serve(self, sockets: Sequence[socket.socket], channel: socket.socket | None) -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with AsyncExitStack() as stack:
            apps = await stack.enter_async_context(self._build())
            servers = [_Server(app, protocol) for app, protocol in zip(apps, self._protocols, strict=True)]
            ticks = [asyncio.create_task(server.main_loop()) for server in servers]
            if channel is None:
                for server, bound, context in zip(servers, sockets, self._contexts, strict=True):
                    server.servers.append(await loop.create_server(server.protocol, sock=bound, **_tls(context)))
            else:
                loop.add_reader(channel, self._take, loop, servers, channel, stop)
            logger.info("worker %d serves", os.getpid())
            await stop.wait()
            if channel is not None:
                loop.remove_reader(channel)
            for server in servers:
                server.should_exit = True
            await asyncio.gather(*ticks)
            await asyncio.gather(*(server.shutdown() for server in servers))

    def _take(
        self,
        loop: asyncio.AbstractEventLoop,
        servers: Sequence[_Server],
        channel: socket.socket,
        stop: asyncio.Event,
    ) -> None:
        """A connection from the parent; nothing at all means that the parent is gone."""
        with contextlib.suppress(BlockingIOError):
            data, descriptors, _, _ = socket.recv_fds(channel, 1, 1)
            if not data:
                loop.remove_reader(channel)
                stop.set()
            for descriptor in descriptors:
                accepted = socket.socket(fileno=descriptor)
                accepted.setblocking(False)
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                task = loop.create_task(self._adopt(loop, servers, data[0], accepted))
                _tasks.add(task)
                task.add_done_callback(_tasks.discard)

    async def _adopt(
        self, loop: asyncio.AbstractEventLoop, servers: Sequence[_Server], number: int, accepted: socket.socket
    ) -> None:
        try:
            await loop.connect_accepted_socket(servers[number].protocol, accepted, **_tls(self._contexts[number]))
        except (OSError, ssl.SSLError) as error:
            logger.info("a connection was refused: %s", type(error).__name__)
            accepted.close()


def _tls(context: ssl.SSLContext | None) -> dict[str, Any]:
    """Arguments for the event loop."""
    if context is None:
        return {}
    return {
        "ssl": context,
        "ssl_handshake_timeout": HANDSHAKE_SECONDS,
        "ssl_shutdown_timeout": SHUTDOWN_SECONDS,
    }


_tasks: set[asyncio.Task[None]] = set()  # the loop itself keeps only weak references
