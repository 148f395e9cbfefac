"""Errors of the relay. The docstring is the message; none names a value, an address of a person or an answer."""

from pii_vault.errors import InvalidRequest, VaultError


class BadTemplate(InvalidRequest):
    """The template cannot be used. Look at the field that is named."""

    code = "bad_template"


class UnknownTemplate(VaultError):
    """No template of this id, version and digest is approved for this shop. Have the officer approve it."""

    status_code = 422
    code = "unknown_template"


class UnknownDestination(VaultError):
    """The shop has no destination of this name. Add it with `larets relay destination add`."""

    status_code = 422
    code = "unknown_destination"


class UnknownDispatch(VaultError):
    """There is no such dispatch of this shop. Check its id."""

    status_code = 404
    code = "unknown_dispatch"


class BadParameters(InvalidRequest):
    """The parameters are not those of the template, or hold what looks like personal data. Send facts and tokens."""

    code = "bad_parameters"


class NoRecipient(VaultError):
    """The person has no value of the class that this template needs. Nothing was sent."""

    status_code = 422
    code = "no_recipient"


class RelayBudgetExceeded(VaultError):
    """The shop has sent as much as it may in this hour and channel. Nothing was sent; the officer was alarmed."""

    status_code = 429
    code = "relay_budget_exceeded"


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
