"""The proof of an erasure: what the database, the journal and the documents say now, check by check."""

import asyncio
from dataclasses import dataclass
from typing import Any

from pii_vault import store
from pii_vault.operations.ciphers import BLOCKED, ERASED
from pii_vault.rights import store as sql
from pii_vault.rights.documents import list_documents
from pii_vault.rights.erasure import Erasure, erasures_of
from pii_vault.rights.errors import UnknownErasure
from pii_vault.rights.journal import ErasureJournal
from pii_vault.vault import Vault


@dataclass(frozen=True, slots=True)
class Proof:
    """`holds` is whether every check does; `checks` says which. `newest` is the erasure the proof is about."""

    newest: Erasure
    checks: dict[str, bool]
    left: dict[str, int]
    documents: list[dict[str, Any]]

    @property
    def holds(self) -> bool:
        return all(self.checks.values())

    def as_dict(self) -> dict[str, Any]:
        return {
            "holds": self.holds,
            **self.newest.as_dict(),
            "checks": self.checks,
            "left": self.left,
            "documents": self.documents,
        }


async def prove(vault: Vault, journal: ErasureJournal, tenant: str, subject: bytes) -> Proof:
    """Looks at the raw rows, not at what the table of erasures claims.

    Raises:
        UnknownErasure: nobody ordered any. JournalBroken, StoreUnavailable.
    """
    erasures = await erasures_of(vault, tenant, subject)
    if not erasures:
        raise UnknownErasure
    newest = erasures[-1]
    groups = sorted({group for each in erasures for group in each.groups})
    [counted] = await store.fetch(vault.pool, sql.PROOF, subject, newest.tenant_key, groups)
    [person] = await store.fetch(vault.pool, sql.SUBJECT, subject, newest.tenant_key)
    left = dict(counted)
    lines = {line.erasure: line for line in await asyncio.to_thread(journal.lines, whole=True)}
    line = lines.get(newest.id)
    documents = await list_documents(vault, newest)
    checks = {
        "no_ciphertext": left["values"] == 0,
        "no_index_entry": left["index_entries"] == 0,
        "no_key": left["keys"] == 0,
        "no_derived_hash": left["hints"] == 0 and left["gateway_hashes"] == 0,
        "no_consent_in_force": left["consents"] == 0 and person["consents"] == 0,
        "state": person["state"] == (BLOCKED if newest.kept else ERASED),
        "in_journal": line is not None
        and (line.subject, line.tenant) == (newest.subject_text, tenant)
        and bytes.fromhex(line.mac) == newest.journal_mac,
        "no_worker_holds_keys": "live" in newest.dates,
        "documents": {each["kind"] for each in documents} == {"act", "log_extract"},
    }
    return Proof(newest, checks, left, documents)
