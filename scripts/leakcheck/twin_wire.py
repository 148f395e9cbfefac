"""Leaks over each route in both directions, through a second relay to a listener that answers what it must not."""

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Final

from scripts.leakcheck.relay import Relay, Route
from scripts.leakcheck.rig import Rig
from scripts.local.sockets import free_ports

Wire = Mapping[tuple[str, str, str], tuple[str, bytes]]  # (route, way, coding) → (coding, body)
TIMEOUT: Final = 10.0


def leak_over_wire(rig: Rig, wire: Wire) -> None:
    """Each leak is one connection: the client's body one way, the listener's body the other."""
    for route in rig.routes:
        port, target = free_ports(2)
        other = replace(route, port=port, target=target)
        with Relay([other], folder=rig.recordings):
            for coding in sorted({key[2] for key in wire if key[0] == route.name}):
                with _listener(other, message(wire[(route.name, "sent", coding)], head=b"HTTP/1.1 200 OK")):
                    _send(other, message(wire[(route.name, "received", coding)], head=b"POST / HTTP/1.1\r\nHost: x"))


def message(part: tuple[str, bytes], *, head: bytes) -> bytes:
    coding, body = part
    fields = f"content-encoding: {coding}\r\ncontent-length: {len(body)}\r\ncontent-type: application/json\r\n\r\n"
    return head + b"\r\n" + fields.encode() + body


@contextmanager
def _listener(route: Route, answer: bytes) -> Iterator[None]:
    """Takes one connection, reads what comes first, answers, and closes."""
    context = route.tls.server_context() if route.tls else None
    with socket.create_server(("127.0.0.1", route.target)) as server:
        server.settimeout(TIMEOUT)
        thread = threading.Thread(target=_answer, args=(server, context, answer), daemon=True)
        thread.start()
        yield
        thread.join(TIMEOUT)


def _answer(server: socket.socket, context: ssl.SSLContext | None, answer: bytes) -> None:
    raw, _ = server.accept()
    with context.wrap_socket(raw, server_side=True) if context else raw as connection:
        connection.settimeout(TIMEOUT)
        connection.recv(65536)
        connection.sendall(answer)


def _send(route: Route, request: bytes) -> None:
    context = route.tls.client_context() if route.tls else None
    raw = socket.create_connection(("127.0.0.1", route.port), timeout=TIMEOUT)
    with context.wrap_socket(raw) if context else raw as connection, suppress(ConnectionError):
        connection.sendall(request)
        while connection.recv(65536):
            pass
