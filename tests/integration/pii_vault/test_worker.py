"""The worker as a process: it shows its certificate, forwards, signs the log, stops when asked."""

import asyncio
import contextlib
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

from pii_vault.assemble import open_vault
from pii_vault.gateway.connections import connect
from pii_vault.gateway.receive import Receiver
from pii_vault.gateway.registry import CONNECTORS
from pii_vault.keys.local import LocalKeyring, create_local_keyring
from pii_vault.operations.registry import create_tenant
from scripts.local.pki import Authority
from scripts.local.sockets import free_port
from tests.integration.pii_vault.gateway.conftest import ConnectedShop
from tests.support import woocommerce
from tests.support.postgres import Database
from tests.support.vault import POLICIES, rows

PASSPHRASE = "test-only-passphrase"


class Intake:
    """Answers events, and 503 to the witness's address."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.paths: list[str] = []

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.paths.append(scope["path"])
        is_event = scope["path"] == "/intake/v1/events"
        if is_event:
            self.events.append(msgspec.json.decode(body))
        answer = b'{"status":"applied","order":null}' if is_event else b""
        await send({"type": "http.response.start", "status": 200 if is_event else 503, "headers": []})
        await send({"type": "http.response.body", "body": answer})


@asynccontextmanager
async def serving(intake: Intake, folder: Path, port: int) -> AsyncIterator[None]:
    config = uvicorn.Config(
        intake,
        port=port,
        lifespan="off",
        log_config=None,
        ssl_certfile=str(folder / "public" / "intake.crt"),
        ssl_keyfile=str(folder / "public" / "intake.key"),
        ssl_ca_certs=str(folder / "private" / "ca.crt"),
        ssl_cert_reqs=ssl.CERT_REQUIRED,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())
    try:
        yield
    finally:
        server.should_exit = True
        await task


def make_secrets(folder: Path) -> None:
    for name in ("private", "public"):
        (folder / name).mkdir()
    private = Authority("private", certificates=folder / "private", secrets=folder / "private")
    public = Authority("public", certificates=folder / "public", secrets=folder / "public")
    private.issue("outbox")
    public.issue("intake", hosts=("localhost", "127.0.0.1"))
    (folder / "passphrase").write_text(PASSPHRASE)
    (folder / "passphrase").chmod(0o600)
    create_local_keyring(folder / "keyring.json", PASSPHRASE, work_factor=10)


def environment(folder: Path, database: Database, port: int) -> dict[str, str]:
    values = {
        "database_url": database.runtime_url,
        "vault_origin": "http://vault.larets.localhost:8200",
        "console_origin": "http://console.larets.localhost:8200",
        "hooks_origin": "http://hooks.larets.localhost:8200",
        "crm_origin": "http://crm.larets.localhost:8100",
        "service_cert": folder / "private" / "outbox.crt",
        "service_key": folder / "private" / "outbox.key",
        "private_ca": folder / "private" / "ca.crt",
        "public_ca": folder / "public" / "ca.crt",
        "keyring_path": folder / "keyring.json",
        "keyring_passphrase_file": folder / "passphrase",
        "policies_dir": POLICIES,
        "app_intake_url": f"https://127.0.0.1:{port}",
        "outbound_cert": folder / "private" / "outbox.crt",
        "outbound_key": folder / "private" / "outbox.key",
        "checkpoint_seconds": "0.1",
    }
    own = {f"LARETS_VAULT_{name.upper()}": str(value) for name, value in values.items()}
    return {"PATH": os.environ["PATH"], "LARETS_ENV": "test"} | own


def signed(database: Database) -> object:
    return rows(database, "SELECT count(*) FROM audit_checkpoint")[0][0]


async def test_the_worker_forwards_signs_and_stops(vault_database: Database, tmp_path: Path) -> None:
    await asyncio.to_thread(make_secrets, tmp_path)
    keys = LocalKeyring(tmp_path / "keyring.json", PASSPHRASE)
    await create_tenant(vault_database.owner_url, keys, "demo")
    async with open_vault(vault_database.runtime_url, keys, POLICIES, pool_size=2) as vault:
        connection = await connect(vault_database.owner_url, keys, CONNECTORS["woocommerce"], tenant="demo")
        shop = ConnectedShop(Receiver(vault, CONNECTORS), connection)
        await shop.send("order.created", woocommerce.order(1, buyer=woocommerce.buyer(1)))
    port = free_port()
    intake = Intake()
    async with serving(intake, tmp_path, port):
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "pii_vault.worker", env=environment(tmp_path, vault_database, port),
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(20):
                while not intake.events or signed(vault_database) == 0:  # noqa: ASYNC110  another process's work
                    await asyncio.sleep(0.05)
            worker.send_signal(signal.SIGTERM)
            _, output = await asyncio.wait_for(worker.communicate(), 10)
        finally:
            with contextlib.suppress(ProcessLookupError):
                worker.kill()
    assert worker.returncode == 0, output.decode()
    assert [event["external_id"] for event in intake.events] == ["1"]
    assert rows(vault_database, "SELECT count(*) FROM gateway_outbox") == [(0,)]
    assert woocommerce.buyer(1).last_name not in output.decode()


async def test_without_its_database_it_says_so_and_ends(vault_database: Database, tmp_path: Path) -> None:
    await asyncio.to_thread(make_secrets, tmp_path)
    broken = environment(tmp_path, vault_database, 9) | {
        "LARETS_VAULT_DATABASE_URL": f"postgresql://nobody:secret@127.0.0.1:{free_port()}/vault"
    }
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pii_vault.worker", env=broken, stderr=asyncio.subprocess.PIPE
    )
    _, output = await asyncio.wait_for(worker.communicate(), 20)
    assert worker.returncode == 1
    assert b"vault-worker: error:" in output
    assert b"secret" not in output
