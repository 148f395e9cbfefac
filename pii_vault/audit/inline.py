"""A record inside a synchronous transaction: the act's rows and its record stand or fall by one COMMIT.

For acts that have their own transaction (identity, the operator's commands). The group commit of `log.py` serves what
comes by the thousand.
"""

from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from pii_vault.audit.record import AuditEntry, Encoded, RecordEncoder
from pii_vault.errors import AuditUnavailable

# The head of the log is locked by this statement and until COMMIT: it waits 1.5 seconds for it at most, and should be
# the transaction's last.
_APPEND: Final = text(
    "SELECT audit_append(CAST(:records AS bytea[]), CAST(:tenants AS text[]), CAST(:verbs AS text[]), "
    "CAST(:kinds AS text[]), CAST(:principals AS text[]), CAST(:purposes AS text[]), CAST(:decisions AS text[]), "
    "CAST(:times AS timestamptz[]), CAST(:counts AS text[]), CAST(:ends AS integer[]), CAST(:subjects AS bigint[]))"
)


def append(db: Session | Connection, encoder: RecordEncoder, entry: AuditEntry) -> None:
    """Writes the record as part of the caller's transaction; call it last, then commit.

    Raises:
        AuditUnavailable: the record cannot be written. The transaction is broken and must be rolled back, which takes
            the act with it.
    """
    made = encoder.encode(entry)
    try:
        index = db.execute(_APPEND, _arguments(made)).scalar_one()
    except DBAPIError as error:
        raise AuditUnavailable from error
    entry.index = int(index)


def _arguments(made: Encoded) -> dict[str, object]:
    detail = made.detail
    return {
        "records": [made.record],
        "tenants": [detail.tenant],
        "verbs": [detail.verb],
        "kinds": [detail.kind],
        "principals": [detail.principal],
        "purposes": [detail.purpose],
        "decisions": [detail.decision],
        "times": [detail.at],
        "counts": [detail.counts],
        "ends": [len(detail.subjects)],
        "subjects": detail.subjects,
    }
