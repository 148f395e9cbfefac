"""Builds a vault from its parts: for the composition root, the worker and tests."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from pii_vault import store
from pii_vault.access.compile import compile_matrix
from pii_vault.alarms.policy import load_alarms
from pii_vault.audit.log import AuditCommitter
from pii_vault.breakglass.grants import OpenGrants
from pii_vault.config import VaultSettings
from pii_vault.consent.register import load_consents
from pii_vault.core.classes import load_classes
from pii_vault.keys.cache import DEK_SECONDS, DekCache
from pii_vault.keys.choose import open_key_service
from pii_vault.keys.ready import ReadyKeys
from pii_vault.keys.service import KeyService
from pii_vault.keys.transit import TransitKeys
from pii_vault.operations.budget import load_budgets
from pii_vault.operations.caches import IndexKeys, Tenants
from pii_vault.operations.ciphers import key_context
from pii_vault.operations.parts import SearchPlans
from pii_vault.operations.rows import RowLoader
from pii_vault.replicas.reads import WAIT_SECONDS, Replicas
from pii_vault.replicas.standby import Standby
from pii_vault.rights.documents import load_documents
from pii_vault.rights.retention import load_retention
from pii_vault.vault import Vault, utc_now

DEK_CACHE_ITEMS = 50_000  # 3.2 KB each, most of it the cipher: 160 MB in a full worker, which has 130 besides
READY_KEYS = 1_000  # per tenant and group, in each worker


def open_keys(settings: VaultSettings) -> KeyService:
    """The key service that the settings name.

    Raises:
        KeyServiceError: it cannot be opened; the message says why.
    """
    return open_key_service(settings)


@asynccontextmanager
async def open_vault(
    database_url: str,
    keys: KeyService,
    policies: Path,
    *,
    pool_size: int = 8,
    clock: Callable[[], datetime] = utc_now,
    replica_urls: Sequence[str] = (),
    replica_wait: float = WAIT_SECONDS,
    dek_seconds: float = DEK_SECONDS,
) -> AsyncIterator[Vault]:
    """A vault on this event loop, closed again at the end. A standby that is away is no error.

    Raises:
        PolicyError: the policies cannot be compiled.
        StoreUnavailable, KeyServiceUnavailable.
    """
    matrix = compile_matrix(policies)
    consents = load_consents(policies / "consents.yaml", purposes=tuple(matrix.purposes), classes=matrix.classes)
    budgets = load_budgets(policies / "budgets.yaml", roles=matrix.roles)
    load_alarms(policies / "alarms.yaml")  # the worker's, but broken thresholds stop every process
    hash_key = await keys.audit_key()
    pool = await store.create_pool(database_url, size=pool_size)
    # A call to another machine is worth saving; keys of this process are made faster than they are kept.
    ready_size = READY_KEYS if isinstance(keys, TransitKeys) else 0
    ready = ReadyKeys(keys, size=ready_size, new_ids=store.new_ids, context=key_context)
    standbys = [Standby(number, url) for number, url in enumerate(replica_urls, start=1)]
    replicas = Replicas(pool, standbys, wait=replica_wait)
    rows = RowLoader(pool, replicas)
    tenants = Tenants(pool)
    audit = AuditCommitter(pool, hash_key=hash_key)
    await audit.start()
    await replicas.start()
    try:
        yield Vault(
            pool=pool,
            keys=keys,
            classes=load_classes(policies / "classes.yaml"),
            matrix=matrix,
            purposes={purpose.id: purpose.title for purpose in matrix.purposes.values()},
            audit=audit,
            deks=DekCache(DEK_CACHE_ITEMS, dek_seconds),
            ready=ready,
            rows=rows,
            replicas=replicas,
            index_keys=IndexKeys(keys, tenants),
            search_plans=SearchPlans(pool),
            tenants=tenants,
            budgets=budgets,
            grants=OpenGrants(pool),
            consents=consents,
            retention=load_retention(policies / "retention.yaml", classes=matrix.classes),
            documents=load_documents(policies / "documents"),
            clock=clock,
        )
    finally:
        await ready.close()
        await audit.stop()
        await rows.close()
        await replicas.close()
        await pool.close()
