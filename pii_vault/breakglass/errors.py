"""Errors of break-glass."""

from pii_vault.errors import VaultError


class BreakGlassRefused(VaultError):
    """This purpose and these classes are not opened by break-glass for this role. See access/break-glass.cedar."""

    status_code = 422
    code = "break_glass_refused"


class BrokenReason(VaultError):
    """The reason has under 10 or over 500 characters, or holds personal data. Say why, without naming anybody."""

    status_code = 422
    code = "broken_reason"


class NotYours(VaultError):
    """A request is decided by another person than who made it, and that person is an officer or owner."""

    status_code = 403
    code = "not_yours"


class NoSuchRequest(VaultError):
    """There is no such open request or grant: it was decided, has ended or has run out of time. Reload the page."""

    status_code = 404
    code = "no_such_request"


class StaleSecondFactor(VaultError):
    """Break-glass needs a second factor not older than an hour. Sign out and sign in again."""

    status_code = 403
    code = "stale_second_factor"
