"""What a start asks and what it loads: a warm one has seconds."""

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.local.instance import Instance, Ports
from scripts.local.processes import SERVICES
from scripts.local.sockets import free_port
from scripts.local.start import ready

ROOT = Path(__file__).resolve().parents[3]
APP = next(service for service in SERVICES if service.name == "app")
# Seconds of import time and hundreds of megabytes between them; each is loaded by the work that needs it.
HEAVY = ("numpy", "natasha", "pymorphy3", "alembic", "pulumi", "kubernetes", "pkcs11")


class Listener(http.server.BaseHTTPRequestHandler):
    status = 200
    asked: list[tuple[str, str]] = []  # noqa: RUF012  the class is the only place a handler can be told from

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Host"]))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def listener() -> Iterator[int]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Listener)
    Listener.asked.clear()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(("status", "expected"), [(200, True), (503, False)])
def test_listener_is_asked_by_its_host_name(
    listener: int, status: int, *, expected: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Listener, "status", status)
    instance = Instance(tmp_path, Ports(crm=listener))
    assert ready(instance, APP) is expected
    assert Listener.asked == [("/readyz", f"crm.larets.localhost:{listener}")]


def test_nobody_listening_is_not_ready(tmp_path: Path) -> None:
    assert not ready(Instance(tmp_path, Ports(crm=free_port())), APP)


def heavy_after(modules: str, heavy: tuple[str, ...] = HEAVY) -> list[str]:
    """What of the heavy a fresh interpreter holds after these imports."""
    code = f"import sys, {modules}; print(*sorted(set({heavy!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603  our own names
    return done.stdout.split()


@pytest.mark.parametrize("modules", ["pii_vault.hosts, pii_vault.worker", "app.compose, app.worker", "scripts.up"])
def test_start_loads_nothing_heavy(modules: str) -> None:
    assert heavy_after(modules) == []


def test_private_worker_does_without_the_orm_and_the_issuer() -> None:
    """It speaks to its database by asyncpg alone, and starts beside three others on two processors."""
    assert heavy_after("pii_vault.worker", ("sqlalchemy", "authlib")) == []


def test_a_heavy_import_would_be_seen() -> None:
    assert heavy_after("alembic") == ["alembic"]
