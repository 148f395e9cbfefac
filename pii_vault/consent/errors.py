"""Errors of consents."""

from pii_vault.errors import VaultError


class NoConsentNeeded(VaultError):
    """This purpose does not rest on consent. See policies/consents.yaml for those that do."""

    status_code = 422
    code = "no_consent_needed"


class UnknownChannel(VaultError):
    """No such channel. Name one of those in policies/consents.yaml."""

    status_code = 422
    code = "unknown_channel"


class UnknownConsentText(VaultError):
    """No such version of the consent's text. Register the text first, then take consents to it."""

    status_code = 422
    code = "unknown_consent_text"


class CodeNeeded(VaultError):
    """A consent through this channel counts only when a code sent there comes back. Ask for it by double opt-in."""

    status_code = 422
    code = "code_needed"


class WrongCode(VaultError):
    """The code is wrong, used or too old. Ask for a new one; after several wrong ones only a new one helps."""

    status_code = 422
    code = "wrong_code"


class ConsentInForce(VaultError):
    """This person already consented to this purpose and channel. Nothing was changed."""

    status_code = 409
    code = "consent_in_force"


class AskedOften(VaultError):
    """This person was asked for a consent through this channel as often as they may be in a day. Ask again tomorrow."""

    status_code = 429
    code = "asked_often"
