"""Errors of the audit log."""

from typing import Literal

from pii_vault.errors import VaultError

Outcome = Literal["not_written", "unknown"]


class AuditUnavailable(VaultError):
    """The audit log cannot be written, so nothing was released. Try again in a moment.

    `outcome` says what became of the act: `not_written` (it certainly did not happen) or `unknown` (the connection
    was lost or the time ran out while the transaction was under way: it may have been committed, and then its record
    stands in the log). Either way no value leaves the vault.
    """

    status_code = 503
    code = "audit_unavailable"

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome: Outcome = outcome
