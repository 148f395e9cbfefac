"""Errors of alarms."""

from pii_vault.errors import VaultError


class NoSuchAlarm(VaultError):
    """There is no such open alarm: somebody else may have acknowledged it already. Reload the page."""

    status_code = 404
    code = "no_such_alarm"


class BrokenNote(VaultError):
    """The note is empty, too long, or holds personal data. Say what was found out, in up to 500 characters, without."""

    status_code = 422
    code = "broken_note"
