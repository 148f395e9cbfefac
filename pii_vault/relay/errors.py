"""Errors of the relay. The docstring is the message; none names a value, an address of a person or an answer."""

from pii_vault.errors import Forbidden, InvalidRequest, VaultError


class BadTemplate(InvalidRequest):
    """The template cannot be used. Look at the field that is named."""

    code = "bad_template"


class UnknownTemplate(VaultError):
    """No template of this id, version and digest is approved for this shop. Have the officer approve it."""

    status_code = 422
    code = "unknown_template"


class UntypedTemplate(VaultError):
    """The template is older than kinds of parameters. Have a new version with kinds approved."""

    status_code = 422
    code = "untyped_template"


class NotADecider(VaultError):
    """Templates are proposed by the owner, officer or marketer, and decided on by another owner or officer."""

    status_code = 403
    code = "not_a_decider"


class FactorTooOld(VaultError):
    """Deciding on a template needs a second factor not older than an hour. Sign out and sign in again."""

    status_code = 403
    code = "stale_second_factor"


class NothingToDecide(VaultError):
    """No such version waits for this decision: it was decided, is your own, or its text differs. Reload the page."""

    status_code = 409
    code = "nothing_to_decide"


class BadNote(InvalidRequest):
    """The note has over 500 characters or holds what looks like personal data. Say why, without naming anybody."""

    code = "bad_note"


class UnknownDestination(VaultError):
    """The shop has no destination of this name. Add it with `larets relay destination add`."""

    status_code = 422
    code = "unknown_destination"


class UnknownDispatch(VaultError):
    """There is no such dispatch of this shop. Check its id."""

    status_code = 404
    code = "unknown_dispatch"


class BadParameters(InvalidRequest):
    """The parameters are not those of the template, or not of the kinds that it declares. Nothing was sent."""

    code = "bad_parameters"


class RelayBudgetExceeded(VaultError):
    """The shop has sent as much as it may in this hour and channel. Nothing was sent; the officer was alarmed."""

    status_code = 429
    code = "relay_budget_exceeded"


class NoConsentTemplate(VaultError):
    """No approved message asks for this consent by this channel. Propose one in the console and have it approved."""

    status_code = 422
    code = "no_consent_template"


class NotForThisPerson(Forbidden):
    """This person's data are not processed for this purpose now: blocked, erased, or no consent. Nothing was sent."""

    code = "consent_missing"


class OutsideHours(Forbidden):
    """The policies let this be sent at other hours of the day only. Send it again then."""

    code = "outside_hours"


class NotYet(Exception):
    """The dispatch waits for its hours. `code` is ours."""

    code = "outside_hours"


class Overtaken(Exception):
    """Another process has taken the dispatch up, or it is gone: whoever was overtaken leaves it."""


class OutcomeUnknown(Exception):
    """The mail was handed over and no answer came: taken or not, it must not be sent again by itself."""


class UnfitValue(ValueError):
    """A value would change the shape of what was approved. Which one is not said: it is a person's."""


class SendingFailed(Exception):
    """The outside refused or did not answer. `code` is ours; what the outside said is not kept."""

    def __init__(self, code: str, *, again: bool) -> None:
        super().__init__(code)
        self.code = code
        self.again = again


class ForbiddenAddress(SendingFailed):
    """The destination's name leads where the relay must not go: a private, local or reserved address."""

    def __init__(self) -> None:
        super().__init__("forbidden_address", again=False)
