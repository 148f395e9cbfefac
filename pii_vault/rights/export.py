"""All that is kept about a person, for the person: as JSON for programs and as a page to print.

The page answers article 14, part 7 of 152-FZ point by point.
"""

from datetime import datetime
from typing import Any, Final

import asyncpg

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.audit.query import who_looked
from pii_vault.audit.record import SubjectHasher
from pii_vault.consent.history import consents_of
from pii_vault.core.tokens import new_token_text
from pii_vault.errors import BudgetExceeded, TamperedCiphertext, UnknownClass
from pii_vault.operations.access import new_entry, refuse, tally
from pii_vault.operations.ciphers import load_ciphers, open_row
from pii_vault.rights import store as sql
from pii_vault.rights.documents import day, moment
from pii_vault.rights.erasure import erasures_of, group_name
from pii_vault.rights.find import describe
from pii_vault.rights.officer import PURPOSE, require_right
from pii_vault.rights.retention import STATUTORY
from pii_vault.vault import Vault

FORMAT: Final = "larets-subject-export/1"
LOOKS: Final = 200  # newest; the page says when there are more


async def export_subject(vault: Vault, principal: Principal, subject: bytes, *, request_id: str) -> dict[str, Any]:
    """Everything of a person with its values. Recorded before it is returned.

    Raises:
        Forbidden, BudgetExceeded, UnknownSubject, AuditUnavailable, StoreUnavailable, KeyServiceUnavailable.
    """
    tenant = principal.tenant
    tenant_key = await vault.tenants.key(tenant)
    rows = await store.fetch(vault.pool, sql.VALUES, subject, tenant_key)
    classes = {_class_id(vault, row["class_key"]) for row in rows} - {"unknown"}
    await require_right(vault, principal, action="export", verb="export", request_id=request_id, classes=classes)
    try:
        await vault.budgets.charge(vault.pool, principal, tenant_key=tenant_key, action="reveal", count=1)
    except BudgetExceeded as error:
        await refuse(vault, principal, error, verb="export", purpose=PURPOSE, request_id=request_id)
    values = await _open(vault, tenant, tenant_key, rows)
    person = await describe(vault, tenant, subject)
    entry = new_entry(
        vault,
        principal,
        verb="export",
        purpose=PURPOSE,
        request_id=request_id,
        decision="allow",
        counts=tally((_outcome(each), each["class"]) for each in values),
        subjects=[subject],
    )
    await vault.audit.commit(entry)
    return {
        "format": FORMAT,
        "tenant": tenant,
        "made": vault.clock().isoformat(),
        **person.as_dict(),
        "values": values,
        "purposes": _purposes(vault),
        "consents": await consents_of(vault, tenant, subject),
        "blocks": await blocks_of(vault, tenant_key, subject),
        "erasures": [each.as_dict() for each in await erasures_of(vault, tenant, subject)],
        "looks": await _looks(vault, tenant, subject),
        "operator": vault.documents.operator(tenant),
        "processor": vault.documents.particulars.processor.model_dump(),
    }


def render_export(vault: Vault, content: dict[str, Any]) -> str:
    """The export as a page: Russian, to be printed or saved, with nothing from elsewhere."""
    shown = {
        **content,
        "made": moment(datetime.fromisoformat(content["made"])),
        "values": [each | {"created": day(datetime.fromisoformat(each["created"]))} for each in content["values"]],
        "state": {"active": "обрабатываются", "blocked": "заблокированы", "erased": "уничтожены"}[content["state"]],
        "kept_norm": vault.retention.norm["ru"],
        "kept_years": vault.retention.statutory_years,
        "cross_border": vault.documents.particulars.cross_border,
        "system": vault.documents.particulars.system,
        "channels": {each.id: each.title["ru"] for each in vault.consents.channels.values()},
        "purpose_titles": {id_: titles["ru"] for id_, titles in vault.purposes.items()},
        "moment": lambda text: moment(datetime.fromisoformat(text)),
    }
    return vault.documents.render("export", shown)


async def blocks_of(vault: Vault, tenant_key: int, subject: bytes) -> list[dict[str, Any]]:
    return [
        {
            "reason": row["reason"],
            "blocked": row["blocked"].isoformat(),
            "until": row["until"].isoformat(),
            "lifted": row["lifted"].isoformat() if row["lifted"] else None,
        }
        for row in await store.fetch(vault.pool, sql.BLOCKS, subject, tenant_key)
    ]


async def _open(vault: Vault, tenant: str, tenant_key: int, rows: list[asyncpg.Record]) -> list[dict[str, Any]]:
    ciphers = await load_ciphers(vault, tenant, tenant_key, {(row["subject"], row["retention"]) for row in rows})
    found = []
    for row in rows:
        class_id = _class_id(vault, row["class_key"])
        cipher = ciphers.get((row["subject"], row["retention"]))
        entry: dict[str, Any] = {
            "class": class_id,
            "title": vault.classes.get(class_id).title["ru"] if class_id != "unknown" else class_id,
            "group": group_name(row["retention"]),
            "kept_by_law": row["retention"] == STATUTORY,
            "created": row["created"].isoformat(),
            "token": new_token_text(class_id, tenant=tenant, bits=row["token"]),
        }
        if not row["ciphertext"] or cipher is None:
            found.append(entry | {"value": None, "error": "erased"})
            continue
        try:
            found.append(entry | {"value": open_row(cipher, row, tenant_key=tenant_key)})
        except TamperedCiphertext:
            found.append(entry | {"value": None, "error": "tampered_ciphertext"})
    return found


async def _looks(vault: Vault, tenant: str, subject: bytes) -> list[dict[str, Any]]:
    hasher = SubjectHasher(await vault.keys.audit_key())
    page = await who_looked(vault.pool, hasher, tenant=tenant, subject=subject, limit=LOOKS)
    return [
        {"at": row.at.isoformat(), "who": row.principal_kind, "verb": row.verb, "purpose": row.purpose}
        for row in page.rows
    ]


def _purposes(vault: Vault) -> list[dict[str, Any]]:
    return [
        {"purpose": each.id, "title": each.title["ru"], "basis": each.basis["ru"]}
        for each in vault.matrix.purposes.values()
    ]


def _outcome(entry: dict[str, Any]) -> str:
    return entry.get("error") or "value"


def _class_id(vault: Vault, key: int) -> str:
    try:
        return vault.classes.by_key(key).id
    except UnknownClass:
        return "unknown"
