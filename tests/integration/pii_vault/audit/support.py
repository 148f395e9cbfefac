"""Entries and databases for the audit tests."""

from typing import Any

from pii_vault.audit.log import AuditEntry

HASH_KEY = bytes(range(32))


def subject(number: int) -> bytes:
    return number.to_bytes(16, "big")


def make_entry(number: int = 0, **changes: Any) -> AuditEntry:
    fields: dict[str, Any] = {
        "tenant": "demo",
        "principal_id": "stf_0123456789abcdefghjkmnpqrs",
        "principal_kind": "staff",
        "verb": "reveal",
        "purpose": "order_processing",
        "decision": "allow",
        "counts": {"value": {"phone": 1}},
        "matrix_version": "0123456789abcdef",
        "request_id": f"r{number}",
        "subjects": (subject(number),),
    }
    return AuditEntry(**(fields | changes))
