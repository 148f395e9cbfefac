"""The process as it runs: two listeners, certificates, a database that goes away and comes back, quiet logs."""

import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg import sql

from app.edge_guard.middleware import MAX_BODY
from app.witness.keys import create_witness_key
from pii_vault.audit.note import log_key
from scripts.local.pki import Authority
from scripts.local.sockets import free_port
from tests.integration.app.support import order_event
from tests.support.exchange import asked_all_the_while, comes_to_serve, reissued, served
from tests.support.mounted import Mounted
from tests.support.persons import person
from tests.support.postgres import Database as Clone

CRM_HOST = "crm.larets.localhost"
START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Running:
    browser: str
    intake: str
    log: Path
    private: Path
    public: Path

    def peer(self, folder: Path, name: str | None) -> httpx.Client:
        """A client of the intake listener with the certificate `name` of one contour."""
        return httpx.Client(base_url=self.intake, verify=self.tls(folder, name), timeout=10)

    def tls(self, folder: Path, name: str | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.public / "ca.crt"))
        if name is not None:
            context.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
        return context

    def crm(self) -> httpx.Client:
        return httpx.Client(base_url=self.browser, headers={"host": CRM_HOST}, timeout=15)


@pytest.fixture
def running(app_database: Clone, tmp_path: Path) -> Iterator[Running]:
    private, public = tmp_path / "private", tmp_path / "public"
    for folder in (private, public):
        folder.mkdir()
    private_authority = Authority("private", certificates=private, secrets=private)
    public_authority = Authority("public", certificates=public, secrets=public)
    for name in ("outbox", "demo-program"):
        private_authority.issue(name)
    public_authority.issue("intake", hosts=("127.0.0.1",))
    public_authority.issue("outbox")
    (tmp_path / "cookie").write_text("c" * 43)
    create_witness_key(tmp_path / "witness", name="witness.example/test")
    browser, intake = free_port(), free_port()
    settings = {
        "database_url": app_database.runtime_url,
        "browser_bind": f"127.0.0.1:{browser}",
        "intake_bind": f"127.0.0.1:{intake}",
        "crm_origin": f"http://{CRM_HOST}",
        "vault_origin": "http://vault.larets.localhost",
        "console_origin": "http://console.larets.localhost",
        "intake_cert": public / "intake.crt",
        "intake_key": public / "intake.key",
        "private_ca": private / "ca.crt",
        "public_ca": public / "ca.crt",
        "vault_service_url": f"https://127.0.0.1:{free_port()}",
        "client_cert": public / "outbox.crt",
        "client_key": public / "outbox.key",
        "cookie_secret_file": tmp_path / "cookie",
        "witness_key_file": tmp_path / "witness",
        "checkpoint_public_key": str(log_key("larets.example/audit", bytes(32))),
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LARETS_")}
    environment |= {"LARETS_ENV": "test"} | {f"LARETS_APP_{name.upper()}": str(v) for name, v in settings.items()}
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-m", "app.main"], env=environment, stdout=output, stderr=output)
        try:
            _wait(f"http://127.0.0.1:{browser}/readyz", process, log)
            yield Running(f"http://127.0.0.1:{browser}", f"https://127.0.0.1:{intake}", log, private, public)
        finally:
            process.terminate()
            process.wait(timeout=30)
    assert process.returncode == 0, log.read_text()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(START_SECONDS * 10):
        if process.poll() is not None:
            pytest.fail(log.read_text())
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    pytest.fail(f"not ready: {log.read_text()}")


def test_the_outbox_is_served_and_nobody_else(running: Running) -> None:
    with running.peer(running.private, "outbox") as outbox:
        event = order_event()
        assert outbox.post("/intake/v1/events", json=event).json()["status"] == "applied"
        assert outbox.post("/intake/v1/events", json=event).json()["status"] == "duplicate"
        assert outbox.post("/intake/v1/events", content=b"{").status_code == 422
        assert outbox.post("/intake/v1/events", content=b"x" * (MAX_BODY + 1)).status_code == 413
        assert outbox.post("/witness/add-checkpoint", content=b"broken").status_code in (400, 403)
    for folder, name in ((running.private, "demo-program"), (running.public, "outbox")):
        with running.peer(folder, name) as stranger:
            try:
                assert stranger.post("/intake/v1/events", json=order_event()).status_code == 403
            except httpx.TransportError:
                assert folder == running.public  # its authority is not trusted at all
    with running.peer(running.private, None) as nameless, pytest.raises(httpx.TransportError):
        nameless.post("/intake/v1/events", json=order_event())


def test_the_intake_is_not_on_the_browser_listener(running: Running) -> None:
    with running.crm() as crm:
        assert crm.post("/intake/v1/events", json=order_event()).status_code in (404, 405)


def test_sign_in_says_that_the_issuer_is_away(running: Running) -> None:
    with running.crm() as crm:
        assert crm.get("/signin").status_code == 200
        assert crm.get("/signin/start").status_code == 503


def test_the_database_goes_and_comes_back(running: Running, app_database: Clone) -> None:
    allow = sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}")
    name = sql.Identifier(app_database.name)
    admin_url = app_database.superuser_url.rpartition("/")[0] + "/postgres"
    with (
        psycopg.connect(admin_url, autocommit=True) as admin,
        running.peer(running.private, "outbox") as outbox,
        running.crm() as crm,
    ):
        assert outbox.post("/intake/v1/events", json=order_event(1)).status_code == 200
        admin.execute(allow.format(name, sql.SQL("false")))
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (app_database.name,))
        lost = outbox.post("/intake/v1/events", json=order_event(2))
        assert (lost.status_code, lost.json()["code"]) == (503, "database_unavailable")
        assert crm.get("/readyz").status_code == 503
        assert crm.get("/healthz").status_code == 200
        assert crm.get("/signin").status_code == 200
        admin.execute(allow.format(name, sql.SQL("true")))
        assert outbox.post("/intake/v1/events", json=order_event(2)).status_code == 200
        assert crm.get("/readyz").status_code == 200


def test_logs_keep_quiet(running: Running) -> None:
    one = person(5)
    with running.crm() as crm, running.peer(running.private, "outbox") as outbox:
        crm.get("/orders", params={"q": one.phone})
        crm.get(f"/{one.email}")
        crm.post("/api/v1/contacts", json={"name": one.phone})
        crm.get("/orders", headers={"referer": f"http://x/{one.phone}", "user-agent": one.email})
        outbox.post("/intake/v1/events", json=order_event(city=one.email))
        outbox.post("/intake/v1/events", json=order_event(billing_phone=one.phone))
    told = running.log.read_text()
    assert "was refused" in told
    for value in (one.phone[1:], one.email, "/orders", "127.0.0.1:5"):
        assert value not in told


@pytest.mark.parametrize("broken", [False, True])
def test_an_exchanged_certificate_is_served_and_a_broken_one_is_not(running: Running, *, broken: bool) -> None:
    folder = running.public
    mounted = Mounted(folder, {name: (folder / name).read_text() for name in ("intake.crt", "intake.key")})
    fresh = reissued(folder, "intake")
    tls = running.tls(running.private, "outbox")
    before = served(running.intake, tls)

    def outbox() -> httpx.Client:
        return running.peer(running.private, "outbox")

    with outbox() as kept, asked_all_the_while(kept, outbox, "/witness/history"):
        mounted.exchange({"intake.crt": fresh.certificate, "intake.key": fresh.key[:100] if broken else fresh.key})
        if broken:
            time.sleep(2.5)
            assert served(running.intake, tls) == before
        else:
            comes_to_serve(running.intake, tls, fresh)
    told = running.log.read_text()
    assert ("intake.key changed and cannot be used" in told) is broken
    assert fresh.key[30:90] not in told


def test_a_missing_setting_is_a_clear_error() -> None:
    done = subprocess.run([sys.executable, "-m", "app.main"], capture_output=True, text=True, check=False, env={})
    assert done.returncode == 2
    assert "app: error: setting LARETS_ENV: Field required" in done.stderr
