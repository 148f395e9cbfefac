"""Errors of operations."""

from pii_vault.errors import VaultError


class Busy(VaultError):
    """Other requests are writing the same values at this moment. Nothing was stored; retry."""

    status_code = 503
    code = "busy"


class PlanOutdatedError(Exception):
    """What an act was planned on changed before it was written: it is planned again. Never leaves the package."""
