"""What can go wrong while signing in. No message tells whether a login exists."""

from typing import Literal

from pii_vault.errors import VaultError


class IdentityError(VaultError):
    """The issuer could not do this. Look for the request id in the vault's log."""

    status_code = 400
    code = "identity_error"


class SigninRefused(IdentityError):
    """The login or the password does not fit. Check both; after several tries a pause is needed."""

    status_code = 401
    code = "signin_refused"


class TooManyAttempts(IdentityError):
    """Too many tries. Wait before the next one."""

    status_code = 429
    code = "too_many_attempts"

    def __init__(self, wait_seconds: int) -> None:
        super().__init__()
        self.wait_seconds = wait_seconds


class PasswordChecksBusy(IdentityError):
    """Too many people are signing in at this moment, and nothing was checked. Try again in a few seconds."""

    status_code = 503
    code = "password_checks_busy"
    wait_seconds = 3


class SecondFactorRefused(IdentityError):
    """The code does not fit or was used already. Wait for the next code in the app and type that."""

    status_code = 401
    code = "second_factor_refused"


class SigninExpired(IdentityError):
    """This sign-in took too long or was begun in another browser. Begin again."""

    status_code = 401
    code = "signin_expired"


class InvitationInvalid(IdentityError):
    """This link is unknown, was used, or is older than its time. Ask the shop's administrator for a new one."""

    status_code = 404
    code = "invitation_invalid"


class WeakPassword(IdentityError):
    """The password is too easy to guess. Take a longer phrase that is not about you or the shop."""

    status_code = 422
    code = "weak_password"

    def __init__(self, rule: Literal["short", "long", "guessable"]) -> None:
        super().__init__()
        self.rule = rule


class UnknownStaff(IdentityError):
    """No such member of staff. List them with `larets staff list`."""

    status_code = 404
    code = "unknown_staff"


class UnknownTenant(IdentityError):
    """No such tenant. List them with `larets tenant list`."""

    status_code = 404
    code = "unknown_tenant"


class InvalidTenantId(IdentityError):
    """A tenant id is 3 to 40 characters: a letter, then lower-case letters, digits, hyphens; not `larets-…`."""

    status_code = 422
    code = "invalid_tenant_id"


class InvalidLogin(IdentityError):
    """A login is 3 to 120 characters without spaces, such as an e-mail address."""

    status_code = 422
    code = "invalid_login"


class InvalidAlias(IdentityError):
    """A work alias is 1 to 60 characters and holds no personal data: the public contour shows it."""

    status_code = 422
    code = "invalid_alias"


class InvalidTitle(IdentityError):
    """A shop's title is 1 to 100 characters and holds no personal data: the public contour shows it."""

    status_code = 422
    code = "invalid_title"


class LoginTaken(IdentityError):
    """This login or alias is in use already. Take another."""

    status_code = 409
    code = "login_taken"


class InvalidProgram(IdentityError):
    """A program's name is 3 to 63 lower-case letters, digits and hyphens, and none of the contour's own."""

    status_code = 422
    code = "invalid_program"


class NoPurposes(IdentityError):
    """A program names its purposes, each one of those in policies/purposes.yaml. Give at least one with --purpose."""

    status_code = 422
    code = "no_purposes"


class UnknownProgram(IdentityError):
    """No such program. List them with `larets program list`."""

    status_code = 404
    code = "unknown_program"


class SigningKeyMissing(IdentityError):
    """The issuer has no signing key it can open. Check the key service; then rotate the signing key."""

    status_code = 503
    code = "signing_key_missing"


class DevOnly(IdentityError):
    """This shortcut exists in dev and test only. Sign in."""

    status_code = 403
    code = "dev_only"
