"""Requests that the protocol answers itself, and those beside them that go through the application."""

import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pii_vault.api.body import MAX_BODY_BYTES
from tests.support.server import Server

BODY = b'{"purpose":"support","items":[{"token":"x"}]}'
ANSWER = {"items": [{"error": "malformed_token"}]}


def head(path: str = "/v1/reveal", *, length: int | None = len(BODY), more: str = "") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: x", "larets-tenant: demo"]
    lines += [f"content-length: {length}"] * (length is not None)
    return "\r\n".join([*lines, more, ""]).replace("\r\n\r\n", "\r\n").encode() + b"\r\n"


@contextmanager
def connected(server: Server) -> Iterator[ssl.SSLSocket]:
    with (
        socket.create_connection(("127.0.0.1", server.service_port), timeout=5) as plain,
        server.tls().wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        yield connection


def answers(connection: ssl.SSLSocket, count: int) -> list[tuple[bytes, bytes]]:
    """So many answers: head and body."""
    found: list[tuple[bytes, bytes]] = []
    seen = b""
    while len(found) < count:
        received = connection.recv(65536)
        assert received, "the connection ended"
        seen += received
        while b"\r\n\r\n" in seen:
            top, _, rest = seen.partition(b"\r\n\r\n")
            size = int(top.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            if len(rest) < size:
                break
            found.append((top, rest[:size]))
            seen = rest[size:]
    return found


def test_head_and_body_arrive_together_and_the_connection_stays(server: Server) -> None:
    with connected(server) as connection:
        for _ in range(3):
            connection.sendall(head() + BODY)
            received = connection.recv(65536)
            assert received.startswith(b"HTTP/1.1 200 OK\r\n")
            assert json.loads(received.partition(b"\r\n\r\n")[2]) == ANSWER
            assert b"cache-control: no-store\r\n" in received


def test_a_request_in_small_pieces_is_one_request(server: Server) -> None:
    with connected(server) as connection:
        for byte in head() + BODY:
            connection.sendall(bytes((byte,)))
        assert json.loads(answers(connection, 1)[0][1]) == ANSWER


@pytest.mark.parametrize("second", ["/v1/reveal", "/v1/nowhere"])
def test_requests_sent_ahead_are_answered_in_order(server: Server, second: str) -> None:
    with connected(server) as connection:
        connection.sendall(head() + BODY + head(second) + BODY + head() + BODY)
        found = answers(connection, 3)
    assert [top[9:12] for top, _ in found] == [b"200", b"200" if second == "/v1/reveal" else b"404", b"200"]


def test_a_client_that_asks_to_close_is_closed(server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(head(more="connection: close") + BODY)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close\r\n" in received


def test_an_unknown_length_and_an_expectation_take_the_usual_way(server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(head(length=None, more="transfer-encoding: chunked"))
        connection.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY))
        assert json.loads(answers(connection, 1)[0][1]) == ANSWER
        connection.sendall(head(more="expect: 100-continue"))
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
        connection.sendall(BODY)
        assert json.loads(answers(connection, 1)[0][1]) == ANSWER


def test_a_body_that_is_too_large_is_refused_unread(server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(head(length=MAX_BODY_BYTES + 1))
        assert answers(connection, 1)[0][0].startswith(b"HTTP/1.1 413 ")


def test_a_client_that_leaves_before_its_answer_harms_nobody(server: Server) -> None:
    for _ in range(20):
        with connected(server) as connection:
            connection.sendall(head() + BODY)
    with server.http() as client:
        assert client.post("/v1/reveal", content=BODY, headers={"larets-tenant": "demo"}).status_code == 200
    assert "direct answer failed" not in server.log


def test_a_stranger_and_another_path_are_refused_alike(server: Server) -> None:
    with server.http("stranger") as client:
        assert client.post("/v1/reveal", content=BODY, headers={"larets-tenant": "demo"}).status_code == 401
    with server.http() as client:
        assert client.post("/v1/reveal?x=1", content=BODY, headers={"larets-tenant": "demo"}).status_code == 200
        assert client.post("/v1/reveal/", content=BODY, headers={"larets-tenant": "demo"}).status_code == 404
