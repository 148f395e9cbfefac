"""The listeners themselves: heads, slow requests, dead workers, taken ports, draining."""

import os
import signal
import socket
import time
from pathlib import Path

import httpx
import psutil
import pytest

from pii_vault.protocol import HEAD_BYTES
from pii_vault.transport import Listener, TransportProblem, bind_listeners
from scripts.local.postgres import Cluster
from tests.conftest import VAULT
from tests.support import postgres as support
from tests.support.server import Server, serve
from tests.support.vault import outage


def exchange(server: Server, sent: bytes, *, seconds: float = 5) -> bytes:
    with socket.create_connection(("127.0.0.1", server.browser_port), timeout=seconds) as connection:
        connection.sendall(sent)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
        return answer


def workers(server: Server) -> list[psutil.Process]:
    return psutil.Process(server.process.pid).children()


def healthy(server: Server) -> bool:
    with server.browser() as client:
        try:
            return client.get("/healthz").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


def test_an_endless_head_is_cut_off(server: Server) -> None:
    head = b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: " + b"x" * (HEAD_BYTES + 1)
    assert exchange(server, head).startswith(b"HTTP/1.1 400 ")
    assert exchange(server, head + b"\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_a_head_of_usual_size_is_served(server: Server) -> None:
    host = f"vault.larets.localhost:{server.browser_port}"
    head = f"GET /healthz HTTP/1.1\r\nhost: {host}\r\nx-long: {'x' * 8000}\r\nconnection: close\r\n\r\n"
    assert exchange(server, head.encode()).startswith(b"HTTP/1.1 200 ")


def test_garbage_is_refused(server: Server) -> None:
    assert exchange(server, b"\x16\x03\x01 not http\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_connections_are_handed_to_the_workers_in_turn(server: Server) -> None:
    clients = [server.browser() for _ in range(8)]
    try:
        for client in clients:
            client.get("/healthz")
        held = [
            sum(
                each.status == psutil.CONN_ESTABLISHED and each.laddr.port == server.browser_port
                for each in worker.net_connections("tcp")
            )
            for worker in workers(server)
        ]
    finally:
        for client in clients:
            client.close()
    assert sorted(held) == [4, 4]


def test_a_worker_that_dies_is_started_again(server: Server) -> None:
    before = {worker.pid for worker in workers(server)}
    os.kill(next(iter(before)), signal.SIGKILL)
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        now = {worker.pid for worker in workers(server) if worker.status() != psutil.STATUS_ZOMBIE}
        if len(now) == len(before) and now != before:
            break
        time.sleep(0.05)
    else:
        pytest.fail(server.log)
    assert all(healthy(server) for _ in range(6))


def test_a_taken_port_is_a_clear_error_and_frees_the_others() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(TransportProblem, match=f"127.0.0.1:{port}.*another process listens there"):
            bind_listeners([Listener("127.0.0.1:0"), Listener(f"127.0.0.1:{port}")])


def test_what_is_under_way_is_finished_before_it_stops(
    tmp_path: Path, postgres_cluster: Cluster, vault_template: str
) -> None:
    body = b'{"purpose":"support","items":[{"token":"x"}]}'
    head = f"POST /v1/reveal HTTP/1.1\r\nhost: x\r\nlarets-tenant: demo\r\ncontent-length: {len(body)}\r\n\r\n"
    with (
        support.clone(postgres_cluster, VAULT, vault_template) as database,
        serve(tmp_path, database, workers=2) as server,
        socket.create_connection(("127.0.0.1", server.service_port), timeout=10) as plain,
        server.tls().wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(head.encode() + body[:10])
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert not healthy(server)
        connection.sendall(body[10:])
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert server.process.wait(timeout=10) == 0


def test_a_database_that_is_gone_is_503_and_needs_no_restart(server: Server, database: support.Database) -> None:
    body = {"purpose": "support", "items": [{"token": "tok_name_x"}]}
    tenant = {"larets-tenant": "demo"}
    with server.http() as client:
        assert client.post("/v1/reveal", json=body, headers=tenant).status_code == 200
        with outage(database):
            refused = client.post("/v1/reveal", json=body, headers=tenant)
            assert refused.status_code == 503, server.log[-1500:]
            assert refused.json()["code"] in ("store_unavailable", "audit_unavailable")
            assert refused.headers["retry-after"]
            assert client.get("/readyz").status_code == 503
            assert client.get("/healthz").status_code == 200
        for _ in range(6):  # both workers, each on a connection of its own
            with server.http() as fresh:
                assert fresh.post("/v1/reveal", json=body, headers=tenant).status_code == 200
                assert fresh.get("/readyz").status_code == 200
