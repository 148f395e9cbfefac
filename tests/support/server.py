"""A vault as its own processes: both listeners, real TLS, a local keyring, on a database of the test."""

import asyncio
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from pii_vault.client import VaultClient, client_tls
from pii_vault.keys.local import LocalKeyring, create_local_keyring
from pii_vault.keys.service import KeyService
from scripts.local.pki import Authority
from scripts.local.sockets import free_ports
from tests.support.postgres import Database
from tests.support.vault import POLICIES, prepare

PASSPHRASE = "for tests only"
HOST = "vault.larets.localhost"


@dataclass(frozen=True, slots=True)
class Server:
    """A running vault. Clients: `bench` (private), `crm` (public), `stranger` (private, not registered)."""

    folder: Path
    browser_port: int
    service_port: int
    process: "subprocess.Popen[bytes]"

    @property
    def browser_url(self) -> str:
        return f"http://127.0.0.1:{self.browser_port}"

    @property
    def service_url(self) -> str:
        return f"https://127.0.0.1:{self.service_port}"

    @property
    def log(self) -> str:
        return (self.folder / "vault.log").read_text()

    def tls(self, name: str = "bench", domain: str = "private") -> ssl.SSLContext:
        return client_tls(
            certificate=self.folder / domain / f"{name}.crt",
            key=self.folder / domain / f"{name}.key",
            authority=self.folder / "private" / "ca.crt",
        )

    def client(self, *, tenant: str = "demo", name: str = "bench", domain: str = "private") -> VaultClient:
        return VaultClient(self.service_url, tenant=tenant, tls=self.tls(name, domain))

    def http(self, name: str = "bench", domain: str = "private") -> httpx.Client:
        return httpx.Client(base_url=self.service_url, verify=self.tls(name, domain), trust_env=False)

    def browser(self, host: str = HOST) -> httpx.Client:
        return httpx.Client(
            base_url=self.browser_url,
            headers={"host": f"{host}:{self.browser_port}"},
            trust_env=False,
        )


def _authority(folder: Path, name: str) -> Authority:
    (folder / name).mkdir()
    return Authority(f"Test {name}", certificates=folder / name, secrets=folder / name)


def environment(folder: Path, database: Database, *, browser: int, service: int, workers: int) -> dict[str, str]:
    private = folder / "private"
    values = {
        "database_url": database.runtime_url,
        "browser_bind": f"127.0.0.1:{browser}",
        "service_bind": f"127.0.0.1:{service}",
        "vault_origin": f"http://{HOST}:{browser}",
        "console_origin": f"http://console.larets.localhost:{browser}",
        "hooks_origin": f"http://hooks.larets.localhost:{browser}",
        "crm_origin": "http://crm.larets.localhost:1",
        "service_cert": private / "vault.crt",
        "service_key": private / "vault.key",
        "private_ca": private / "ca.crt",
        "public_ca": folder / "public" / "ca.crt",
        "keyring_path": folder / "keyring.json",
        "keyring_passphrase_file": folder / "passphrase",
        "workers": workers,
        "policies_dir": POLICIES,
        "app_intake_url": "https://127.0.0.1:1",
        "outbound_cert": private / "bench.crt",
        "outbound_key": private / "bench.key",
    }
    return {"LARETS_ENV": "test"} | {f"LARETS_VAULT_{key.upper()}": str(value) for key, value in values.items()}


def make_folder(folder: Path, database: Database, keys: KeyService | None = None) -> None:
    """Certificates of two authorities, two shops with keys in a keyring or in `keys`, and the registered programs."""
    private, public = _authority(folder, "private"), _authority(folder, "public")
    private.issue("vault", hosts=("127.0.0.1", HOST))
    for name in ("bench", "stranger"):
        private.issue(name)
    for name in ("crm", "bench"):
        public.issue(name)
    (folder / "passphrase").write_text(PASSPHRASE)
    (folder / "passphrase").chmod(0o600)
    if keys is None:
        create_local_keyring(folder / "keyring.json", PASSPHRASE, work_factor=12)
        keys = LocalKeyring(folder / "keyring.json", PASSPHRASE)
    asyncio.run(prepare(database, keys, tenants=("demo", "other")))


@contextmanager
def serve(
    folder: Path, database: Database, *, workers: int = 1, more: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Start it, wait until it is ready, and have it drain at the end. `more`: settings by name."""
    make_folder(folder, database)
    browser, service = free_ports(2)
    settings = environment(folder, database, browser=browser, service=service, workers=workers)
    settings |= {f"LARETS_VAULT_{name.upper()}": value for name, value in (more or {}).items()}
    with (folder / "vault.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "pii_vault.main"],
            env={"PATH": os.environ["PATH"]} | settings,
            stdout=log,
            stderr=log,
        )
    server = Server(folder, browser, service, process)
    try:
        _wait_until_ready(server)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0, server.log


def _wait_until_ready(server: Server) -> None:
    deadline = time.monotonic() + 90  # on a busy machine too
    while time.monotonic() < deadline:
        assert server.process.poll() is None, server.log
        try:
            with server.browser() as client:
                if client.get("/readyz").status_code == httpx.codes.OK:
                    return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(server.log)
