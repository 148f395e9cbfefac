"""Errors of the audit log beside `pii_vault.errors.AuditUnavailable`."""

from pii_vault.errors import AuditUnavailable, VaultError


class AuditOutcomeUnknown(AuditUnavailable):
    """The database fell silent while the act was being recorded. Nothing was released; it may have been done.

    Look before repeating it, or repeat it with the same idempotency key.
    """


class NothingToExport(VaultError):
    """The period holds no records. Look at its dates: times without an offset are UTC."""

    status_code = 404
    code = "nothing_to_export"


class NotWitnessedYet(VaultError):
    """The period's newest records are not witnessed yet. Wait some seconds, or export what is (--witnessed-only)."""

    status_code = 409
    code = "not_witnessed_yet"


class OriginNotNeeded(VaultError):
    """This log holds all that the witness saw, so it goes on under its own name. Nothing was changed."""

    status_code = 409
    code = "origin_not_needed"


class OriginNotShown(VaultError):
    """This log goes on under a later origin already, of which the witness does not know. Nothing was changed.

    The worker shows the witness the statements with the next checkpoint: repeat this then. If the worker's log says
    that the witness refuses them, the public contour has to be put back to a database that knows, or accepts, them.
    """

    status_code = 409
    code = "origin_not_shown"
