"""What every operation of the vault needs, in one object. Built by `main.py`, by `worker.py` and by tests."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncpg

    from pii_vault.access.matrix import Matrix
    from pii_vault.audit.log import AuditCommitter
    from pii_vault.breakglass.grants import OpenGrants
    from pii_vault.consent.register import ConsentRegister
    from pii_vault.core.classes import ClassRegistry
    from pii_vault.errors import VaultError
    from pii_vault.keys.cache import DekCache
    from pii_vault.keys.ready import ReadyKeys
    from pii_vault.keys.service import KeyService
    from pii_vault.operations.budget import Budgets
    from pii_vault.operations.caches import IndexKeys, Tenants
    from pii_vault.operations.parts import SearchPlans
    from pii_vault.operations.rows import RowLoader
    from pii_vault.replicas.reads import Replicas
    from pii_vault.rights.documents import Documents
    from pii_vault.rights.retention import Retention


def utc_now() -> datetime:
    return datetime.now(UTC)


def new_request_id() -> str:
    """Names one request in the log, the audit record and the answer."""
    return os.urandom(16).hex()


@dataclass(slots=True)
class Vault:
    """One worker process's vault.

    `pool` belongs to the runtime role, and its `uuid` columns travel as 16 raw bytes (see store.create_pool).
    """

    pool: "asyncpg.Pool"
    keys: "KeyService"
    classes: "ClassRegistry"
    matrix: "Matrix"
    purposes: "dict[str, dict[str, str]]"  # id → {ru, en} titles
    audit: "AuditCommitter"
    deks: "DekCache"
    ready: "ReadyKeys"
    rows: "RowLoader"
    replicas: "Replicas"
    index_keys: "IndexKeys"
    search_plans: "SearchPlans"
    tenants: "Tenants"
    budgets: "Budgets"
    grants: "OpenGrants"
    consents: "ConsentRegister"
    retention: "Retention"
    documents: "Documents"
    shut: "VaultError | None" = None  # why nothing may be served: see rights/gate.py
    clock: Callable[[], datetime] = field(default=utc_now)
