"""Errors of the audit log beside `pii_vault.errors.AuditUnavailable`."""

from pii_vault.errors import AuditUnavailable


class AuditOutcomeUnknown(AuditUnavailable):
    """The database fell silent while the act was being recorded. Nothing was released; it may have been done.

    Look before repeating it, or repeat it with the same idempotency key.
    """
