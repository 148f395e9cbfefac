"""A vault whose mounted certificate is exchanged: new connections get it, and no request fails meanwhile."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from scripts.local.postgres import Cluster
from tests.conftest import VAULT
from tests.support import postgres as support
from tests.support.exchange import LEFT, asked_all_the_while, comes_to_serve, reissued, served
from tests.support.mounted import Mounted
from tests.support.server import Server, serve


@pytest.fixture
def server(tmp_path: Path, postgres_cluster: Cluster, vault_template: str) -> Iterator[Server]:
    with support.clone(postgres_cluster, VAULT, vault_template) as database, serve(tmp_path, database, workers=2) as it:
        yield it


@pytest.fixture
def mounted(server: Server) -> Mounted:
    """The listener's certificate, as it is, mounted from now on."""
    folder = server.folder / "private"
    return Mounted(folder, {name: (folder / name).read_text() for name in ("vault.crt", "vault.key")})


def seconds_left(client: httpx.Client) -> float:
    lines = client.get("/metrics").text.splitlines()
    return float(
        next(line.split()[1] for line in lines if line.startswith('larets_certificate_seconds{use="service"}'))
    )


def test_an_exchanged_certificate_is_served_without_a_failed_request(server: Server, mounted: Mounted) -> None:
    fresh = reissued(server.folder / "private", "vault")
    with server.http() as kept:
        before = seconds_left(kept)
        with asked_all_the_while(kept, server.http, "/healthz"):
            mounted.exchange({"vault.crt": fresh.certificate, "vault.key": fresh.key})
            for _ in range(4):  # each of both workers
                comes_to_serve(server.service_url, server.tls(), fresh)
            time.sleep(0.5)
        assert before > 30 * 86400
    with server.http() as client:
        assert 0 < seconds_left(client) <= LEFT.total_seconds()


def test_a_broken_one_is_not_served_and_is_told(server: Server, mounted: Mounted) -> None:
    before = served(server.service_url, server.tls())
    fresh = reissued(server.folder / "private", "vault")
    with server.http() as kept, asked_all_the_while(kept, server.http, "/healthz"):
        mounted.exchange({"vault.crt": fresh.certificate, "vault.key": fresh.key[:100]})
        time.sleep(2.5)
        assert {served(server.service_url, server.tls()) for _ in range(4)} == {before}
    assert "vault.key changed and cannot be used" in server.log
    assert "ERROR" in server.log
    assert fresh.key[30:90] not in server.log
