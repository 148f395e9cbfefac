"""An erasure as it stands, and what one would do: read, never written here."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

import asyncpg

from pii_vault import store
from pii_vault.core.tokens import new_subject_text
from pii_vault.errors import UnknownClass
from pii_vault.rights import store as sql
from pii_vault.rights.errors import UnknownErasure, UnknownSubject
from pii_vault.rights.retention import OTHER, STATUTORY
from pii_vault.vault import Vault

Step = Literal["requested", "blocked", "shredded", "live", "public", "final"]
STEPS: Final[tuple[Step, ...]] = ("requested", "blocked", "shredded", "live", "public", "final")
Classes = dict[str, int]  # class → how many values
STATES: Final = {"a": "active", "b": "blocked", "e": "erased"}  # as the table has them: in words


@dataclass(frozen=True, slots=True)
class Erasure:
    """A row of the table. `dates` holds the steps that are done, in order; the last is where it stands.

    live     nothing that runs can open the values any more
    public   the public contour dropped its tokens and said so
    final    no backup older than the erasure opens either
    """

    id: str
    tenant: str
    tenant_key: int
    subject: bytes
    groups: tuple[int, ...]
    reason: str
    requested_by: str
    dates: Mapping[Step, datetime]
    cache_order: int | None
    events: tuple[str, ...]
    journal_number: int | None
    journal_mac: bytes | None = field(repr=False)
    kek_version: int | None
    index_version: int | None
    counts: Classes
    kept: Classes
    kept_until: datetime | None

    @property
    def step(self) -> Step:
        return [step for step in STEPS if step in self.dates][-1]

    @property
    def subject_text(self) -> str:
        return new_subject_text(self.subject, tenant=self.tenant)

    def as_dict(self) -> dict[str, Any]:
        """For programs and pages."""
        return {
            "erasure": self.id,
            "tenant": self.tenant,
            "subject": self.subject_text,
            "groups": [group_name(group) for group in self.groups],
            "reason": self.reason,
            "requested_by": self.requested_by,
            "step": self.step,
            "dates": {step: at.isoformat() for step, at in self.dates.items()},
            "erased": self.counts,
            "kept": self.kept,
            "kept_until": self.kept_until.isoformat() if self.kept_until else None,
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What an erasure would destroy now, and what stays, until when and why."""

    subject: str
    state: str
    groups: tuple[int, ...]
    erased: Classes
    kept: Classes
    kept_until: datetime | None
    keys: int  # of the groups that would go

    @property
    def complete(self) -> bool:
        return not self.kept

    def as_dict(self, vault: Vault) -> dict[str, Any]:
        return {
            "dry_run": True,
            "subject": self.subject,
            "state": STATES[self.state],
            "groups": [group_name(group) for group in self.groups],
            "erased": self.erased,
            "kept": self.kept,
            "kept_until": self.kept_until.isoformat() if self.kept_until else None,
            "kept_because": dict(vault.retention.norm) if self.kept else None,
            "norm_confirmed_by": vault.retention.confirmed_by if self.kept else None,
            "keys": self.keys,
            "complete": self.complete,
        }


def group_name(group: int) -> str:
    return "statutory" if group == STATUTORY else "other"


def read_erasure(row: Any, *, tenant: str) -> Erasure:
    return Erasure(
        id=row["id"],
        tenant=tenant,
        tenant_key=row["tenant_key"],
        subject=row["subject"],
        groups=tuple(row["groups"]),
        reason=row["reason"],
        requested_by=row["requested_by"],
        dates={step: row[step] for step in STEPS if row[step] is not None},
        cache_order=row["cache_order"],
        events=tuple(row["events"]),
        journal_number=row["journal_number"],
        journal_mac=row["journal_mac"],
        kek_version=row["kek_version"],
        index_version=row["index_version"],
        counts=json.loads(row["counts"]),
        kept=json.loads(row["kept"]),
        kept_until=row["kept_until"],
    )


async def find_erasure(vault: Vault, tenant: str, erasure_id: str) -> Erasure:
    """Raises UnknownErasure, TenantRefused, StoreUnavailable."""
    tenant_key = await vault.tenants.key(tenant)
    rows = await store.fetch(vault.pool, sql.ERASURE, erasure_id)
    if not rows or rows[0]["tenant_key"] != tenant_key:
        raise UnknownErasure
    return read_erasure(rows[0], tenant=tenant)


async def erasures_of(vault: Vault, tenant: str, subject: bytes) -> list[Erasure]:
    """Of one person, oldest first."""
    tenant_key = await vault.tenants.key(tenant)
    rows = await store.fetch(vault.pool, sql.ERASURES_OF, subject, tenant_key)
    return [read_erasure(row, tenant=tenant) for row in rows]


async def list_erasures(vault: Vault, tenant: str, *, limit: int = 100) -> list[Erasure]:
    """Of a tenant, newest first."""
    tenant_key = await vault.tenants.key(tenant)
    rows = await store.fetch(vault.pool, sql.ERASURES, tenant_key, limit)
    return [read_erasure(row, tenant=tenant) for row in rows]


async def plan_erasure(vault: Vault, tenant: str, subject: bytes) -> Plan:
    """What an erasure of this person would do now. Nothing is changed and nothing opened.

    Raises:
        UnknownSubject, TenantRefused, StoreUnavailable.
    """
    tenant_key = await vault.tenants.key(tenant)
    async with store.connection(vault.pool) as acquired:
        return await plan_on(vault, acquired, tenant=tenant, tenant_key=tenant_key, subject=subject)


async def plan_on(vault: Vault, acquired: asyncpg.Connection, *, tenant: str, tenant_key: int, subject: bytes) -> Plan:
    """The plan as this connection's transaction sees the person."""
    person = await acquired.fetchrow(sql.SUBJECT, subject, tenant_key)
    if person is None:
        raise UnknownSubject
    rows = await acquired.fetch(sql.COUNTS, subject, tenant_key)
    keys = await acquired.fetch(sql.KEYS, subject, tenant_key)
    statutory = [row["newest"] for row in rows if row["retention"] == STATUTORY]
    kept_until = None
    if statutory:
        ordered = await acquired.fetchval(sql.NEWEST_ORDER, subject, tenant_key)
        kept_until = vault.retention.kept_until(max(filter(None, (*statutory, ordered))))
    due = kept_until is None or kept_until <= vault.clock()
    groups = (OTHER, STATUTORY) if due else (OTHER,)
    return Plan(
        subject=new_subject_text(subject, tenant=tenant),
        state=person["state"].decode(),
        groups=groups,
        erased=tally_classes(vault, [row for row in rows if row["retention"] in groups]),
        kept=tally_classes(vault, [row for row in rows if row["retention"] not in groups]),
        kept_until=None if due else kept_until,
        keys=sum(row["retention"] in groups for row in keys),
    )


def tally_classes(vault: Vault, rows: Sequence[Any]) -> Classes:
    """Rows of sql.COUNTS by class id; a class that the policies no longer name keeps its number."""
    counts: Classes = {}
    for row in rows:
        try:
            name = vault.classes.by_key(row["class_key"]).id
        except UnknownClass:
            name = "unknown"
        counts[name] = counts.get(name, 0) + row["number"]
    return counts
