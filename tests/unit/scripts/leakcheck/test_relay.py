"""The relay carries bytes unchanged through mutual TLS and writes both directions down."""

import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from scripts.leakcheck.relay import Relay, Route, Tls
from scripts.local.pki import Authority
from scripts.local.sockets import free_port

QUESTION, ANSWER = b"POST /x planted-value", b"HTTP/1.1 200 refused"


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    for name in ("public", "private"):
        (tmp_path / name).mkdir()
    public = Authority("public authority", certificates=tmp_path / "public", secrets=tmp_path / "public")
    private = Authority("private authority", certificates=tmp_path / "private", secrets=tmp_path / "private")
    server = public.issue("intake", hosts=("localhost", "127.0.0.1"))
    client = private.issue("outbox")
    return Tls(*server, *client, client_authority=private.certificate_path, server_authority=public.certificate_path)


def echo_once(context: ssl.SSLContext, port: int, ready: threading.Event) -> None:
    with socket.create_server(("127.0.0.1", port)) as listener:
        ready.set()
        plain, _ = listener.accept()
        with context.wrap_socket(plain, server_side=True) as connection:
            assert connection.recv(100) == QUESTION
            connection.sendall(ANSWER)


def test_both_directions_are_written_down(tls: Tls, tmp_path: Path) -> None:
    route = Route("intake", free_port(), free_port(), tls)
    ready = threading.Event()
    server = threading.Thread(target=echo_once, args=(tls.server_context(), route.target, ready), daemon=True)
    server.start()
    assert ready.wait(5)
    with Relay([route], folder=tmp_path / "recorded") as relay:
        plain = socket.create_connection(("127.0.0.1", route.port), timeout=5)
        with tls.client_context().wrap_socket(plain) as connection:
            connection.sendall(QUESTION)
            assert connection.recv(100) == ANSWER
            own_port = connection.getsockname()[1]
        server.join(5)
        recorded = {path.name: path.read_bytes() for path in relay.recordings()}
    assert recorded == {f"intake-{own_port}.received": QUESTION, f"intake-{own_port}.sent": ANSWER}


def test_a_client_without_a_certificate_is_refused(tls: Tls, tmp_path: Path) -> None:
    route = Route("intake", free_port(), free_port(), tls)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(tls.server_authority)
    with Relay([route], folder=tmp_path / "recorded") as relay:
        plain = socket.create_connection(("127.0.0.1", route.port), timeout=5)
        answer = b""
        with suppress(ssl.SSLError, ConnectionError), context.wrap_socket(plain, server_hostname="localhost") as client:
            client.sendall(QUESTION)
            answer = client.recv(100)
        assert answer == b""
        assert relay.recordings() == []
