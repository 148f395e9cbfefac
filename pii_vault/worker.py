"""The private worker: forwards the outbox, signs the audit log and has it witnessed, forgets what has expired.

One process, one event loop; several may run. It has no listener: all it does is call the public contour's intake
and the database.
"""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import uvloop

from pii_vault import logs, store
from pii_vault.alarms.policy import load_alarms
from pii_vault.alarms.watch import run_alarms
from pii_vault.assemble import open_keys, open_vault
from pii_vault.audit.checkpoint import run_checkpoints
from pii_vault.audit.log import AuditCommitter
from pii_vault.audit.note import NoteError, parse_vkey
from pii_vault.audit.witness import WitnessClient
from pii_vault.breakglass.service import run_results
from pii_vault.config import SettingsProblem, VaultSettings, load_settings
from pii_vault.errors import VaultError
from pii_vault.files.choose import open_files
from pii_vault.files.port import FileStore
from pii_vault.files.remove import run_files
from pii_vault.gateway.forward import Forwarder, forwarder_pool, intake_client
from pii_vault.gateway.store import purge_deliveries
from pii_vault.identity.housekeeping import purge_identity
from pii_vault.identity.policy import IdentityPolicy
from pii_vault.keys.service import KeyService
from pii_vault.relay.addresses import Reach
from pii_vault.relay.deliver import Sender, purge_dispatches
from pii_vault.relay.outside import Outside
from pii_vault.rights.caches import obeying
from pii_vault.rights.duty import run_rights
from pii_vault.rights.erase import Eraser
from pii_vault.rights.gate import RestoreGate, watching
from pii_vault.rights.journal import open_journal
from pii_vault.vault import utc_now

logger = logging.getLogger(__name__)

POOL_SIZE: Final = 5
PURGE_SECONDS: Final = 600.0
START_AGAIN_SECONDS: Final = 2.0


def audit_origin(settings: VaultSettings) -> str:
    """The log's name in its checkpoints: the vault's host, so that two logs are never taken for one another."""
    return f"{urlsplit(settings.vault_origin).hostname}/audit"


def witness_vkey(settings: VaultSettings) -> str:
    """The witness's verifier key: the setting is the key itself or the name of a file that holds it."""
    text = settings.witness_public_key
    return text if not text or "+" in text else Path(text).read_text("utf-8").strip()


@asynccontextmanager
async def running(settings: VaultSettings, keys: KeyService, stop: asyncio.Event) -> AsyncIterator[None]:
    """Runs all of the worker's duties; on leaving, lets the forwarder finish what is on its way."""
    async with AsyncExitStack() as stack:
        pool = await store.create_pool(settings.database_url, size=POOL_SIZE)
        stack.push_async_callback(pool.close)
        outbox = await stack.enter_async_context(await forwarder_pool(settings.database_url))
        client = await stack.enter_async_context(intake_client(settings))
        vkey = witness_vkey(settings)
        witness = WitnessClient(client, parse_vkey(vkey)) if vkey else None
        thresholds = load_alarms(settings.policies_dir / "alarms.yaml")
        checkpoints = asyncio.create_task(
            _for_ever(
                "checkpoints",
                lambda: run_checkpoints(
                    pool,
                    keys,
                    origin=audit_origin(settings),
                    witness=witness,
                    seconds=settings.checkpoint_seconds,
                ),
            )
        )
        audit = AuditCommitter(pool, hash_key=await keys.audit_key())
        await audit.start()
        stack.push_async_callback(audit.stop)
        alarms = asyncio.create_task(_for_ever("alarms", lambda: run_alarms(pool, thresholds)))
        results = asyncio.create_task(_for_ever("break-glass results", lambda: run_results(pool, audit)))
        purges = asyncio.create_task(_for_ever("purges", lambda: _purge(pool)))
        vault = await stack.enter_async_context(
            open_vault(
                settings.database_url,
                keys,
                settings.policies_dir,
                pool_size=POOL_SIZE,
                dek_seconds=settings.dek_seconds,
            )
        )
        await stack.enter_async_context(obeying(vault))
        journal = await open_journal(settings.erasure_journal_path, keys)
        gate = await stack.enter_async_context(watching(vault, journal, replay=settings.erasure_replay))
        eraser = Eraser(vault, journal)
        rights = asyncio.create_task(_for_ever("erasures", lambda: run_rights(eraser, gate, pool)))
        outside = Outside(Reach(local=settings.is_local, networks=settings.relay_networks))
        sender = Sender(vault, outside, vault_origin=settings.vault_origin)
        relay = asyncio.create_task(_for_ever("relay", lambda: _after(gate, sender.run)))
        files = await open_files(settings)
        removals = asyncio.create_task(_for_ever("files", lambda: _remove_files(gate, pool, files)))
        # A database that was restored and not yet brought up to the erasure journal sends nothing.
        forwarder = Forwarder(outbox, client, may_send=lambda: vault.shut is None)
        forwarding = asyncio.create_task(forwarder.run(stop))
        try:
            yield
        finally:
            stop.set()
            duties = (checkpoints, alarms, results, purges, rights, relay, removals)
            for task in duties:
                task.cancel()
            await asyncio.gather(*duties, return_exceptions=True)
            await forwarding


async def _after(gate: RestoreGate, run: Callable[[], Awaitable[None]]) -> None:
    await gate.opened()
    await run()


async def _remove_files(gate: RestoreGate, pool: asyncpg.Pool, files: FileStore | None) -> None:
    if files is None:
        await asyncio.Event().wait()  # nothing is kept, nothing has to go
    else:
        await run_files(pool, files, opened=gate.opened)


async def _for_ever(duty: str, run: Callable[[], Awaitable[None]]) -> None:
    """A duty that fails must not take the others with it."""
    while True:
        try:
            await run()
        except Exception as error:  # noqa: BLE001  whatever it is, it is said and tried again
            logger.error("%s failed and will begin again: %s", duty, type(error).__name__)  # noqa: TRY400  the text may quote a row
        await asyncio.sleep(START_AGAIN_SECONDS)


async def _purge(pool: asyncpg.Pool) -> None:
    while True:
        await store.purge_expired(pool)
        await purge_deliveries(pool)
        await purge_dispatches(pool)
        await purge_identity(pool, policy=IdentityPolicy(), now=utc_now())
        await asyncio.sleep(PURGE_SECONDS)


async def serve(settings: VaultSettings) -> None:
    """Works until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(settings, open_keys(settings), stop):
        logger.info("worker started")
        await stop.wait()
    logger.info("worker stopped")


def main() -> int:
    try:
        settings = load_settings()
    except SettingsProblem as error:
        sys.stderr.write(f"vault-worker: error: {error}\n")
        return 2
    logs.configure(settings.log_level)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            uvloop.run(serve(settings))
    except (VaultError, NoteError, OSError) as error:
        sys.stderr.write(f"vault-worker: error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
