"""Errors of the vault. The docstring of a class is its default message and says what to do.

A message names the class of a value, a version or a policy; never a value.
"""

import inspect
from collections.abc import Sequence
from typing import ClassVar


class VaultError(Exception):
    """The vault failed to do this. Look for the request id in the vault's log."""

    status_code: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail if detail is not None else default_detail(type(self)))

    @property
    def detail(self) -> str:
        return str(self.args[0])


def default_detail(error: type[VaultError]) -> str:
    """The docstring of an error class as one line."""
    return " ".join((inspect.getdoc(error) or error.code).split())


# --- the request -------------------------------------------------------------------------------------


class BrokenRequest(VaultError):
    """The body cannot be read as JSON. Send one JSON object in UTF-8."""

    status_code = 400
    code = "broken_request"


class InvalidRequest(VaultError):
    """A field is missing, unknown or of the wrong type. Compare the request with the API description."""

    status_code = 422
    code = "invalid_request"


class BodyTooLarge(VaultError):
    """The body is over the limit. Send at most 1,000 items and 1 MiB in one request."""

    status_code = 413
    code = "body_too_large"


class InvalidFields(InvalidRequest):
    """A field is missing, unknown or of the wrong type. Compare the request with the API description."""

    def __init__(self, fields: Sequence[tuple[str, str]]) -> None:
        """`fields`: JSON pointers with reasons, none of which repeats what was sent."""
        super().__init__()
        self.fields = fields


class UnknownPurpose(VaultError):
    """No such purpose in the register. Name one of those in policies/purposes.yaml."""

    status_code = 422
    code = "unknown_purpose"


class IdempotencyConflict(VaultError):
    """This idempotency key was used with another body. Take a new key for a new request."""

    status_code = 422
    code = "idempotency_conflict"


class NotFound(VaultError):
    """There is no such thing here. Check the address."""

    status_code = 404
    code = "not_found"


class MisdirectedRequest(VaultError):
    """This listener does not serve the host named in the request. Use one of the configured origins."""

    status_code = 421
    code = "misdirected_request"


# --- who asks ----------------------------------------------------------------------------------------


class Unauthenticated(VaultError):
    """No valid session, token or certificate of the vault came with the request. Sign in at the vault."""

    status_code = 401
    code = "unauthenticated"


class Forbidden(VaultError):
    """No policy lets this principal do this for this purpose. Ask the compliance officer."""

    status_code = 403
    code = "forbidden"


class CrossSite(VaultError):
    """The request did not come from the vault's own page. Use the frames of docs/frames.md."""

    status_code = 403
    code = "cross_site"


class TenantRefused(VaultError):
    """The principal does not serve this tenant. Check the Larets-Tenant header against the registration."""

    status_code = 403
    code = "tenant_refused"


class BudgetExceeded(VaultError):
    """The hourly budget of this role is used up. Wait, or ask the compliance officer to raise it."""

    status_code = 429
    code = "budget_exceeded"


# --- items -------------------------------------------------------------------------------------------


class MalformedToken(VaultError):
    """This is not a token of this tenant: its form or its check characters are wrong. Copy it whole."""

    status_code = 422
    code = "malformed_token"


class UnknownToken(VaultError):
    """The vault knows no such token in this tenant."""

    status_code = 422
    code = "unknown_token"


class UnknownClass(VaultError):
    """No such field class. Name one of those in policies/classes.yaml."""

    status_code = 422
    code = "unknown_class"


class InvalidValue(VaultError):
    """The value does not fit its field class. Correct it, or store it as free text."""

    status_code = 422
    code = "invalid_value"


# --- keys and ciphertext -----------------------------------------------------------------------------


class TamperedCiphertext(VaultError):
    """A ciphertext failed authentication: it was altered, moved, or sealed under another key."""

    code = "tampered_ciphertext"


class TamperedFile(VaultError):
    """A stored file was cut, extended, altered or put together in another order. Restore it from a backup."""

    code = "tampered_file"


class UnknownSuite(TamperedCiphertext):
    """A ciphertext names a cipher suite or a format version that this release cannot open."""

    code = "unknown_suite"


class KeyServiceError(VaultError):
    """The key service refused. Look at its log."""

    code = "key_service_error"


class KeyServiceUnavailable(KeyServiceError):
    """The key service does not answer. Nothing is released until it does; retry."""

    status_code = 503
    code = "key_service_unavailable"


class SignInRefused(KeyServiceUnavailable):
    """The key service does not accept the sign-in. Renew its role, secret id or service account."""


class WrongPassphrase(KeyServiceError):
    """The passphrase does not open the keyring. Supply the passphrase the keyring was created with."""

    code = "wrong_passphrase"


class BrokenKeyring(KeyServiceError):
    """The keyring file cannot be read. Restore it from its copy; do not create a new one over it."""

    status_code = 503
    code = "broken_keyring"


class KeyringExists(KeyServiceError):
    """A keyring already stands at this path. It is never overwritten; move it away by hand if it is meant."""

    code = "keyring_exists"


class UnknownTenantKey(KeyServiceError):
    """The key service holds no keys of this tenant or version. Create the tenant first."""

    code = "unknown_tenant_key"


class TenantKeyExists(KeyServiceError):
    """The key service already holds keys of this tenant."""

    status_code = 409
    code = "tenant_key_exists"


class KeyStepRefused(KeyServiceError):
    """This step of the key life cycle cannot be undone, and what it relies on does not hold yet."""

    status_code = 409
    code = "key_step_refused"


class UnwrapFailed(KeyServiceError):
    """A wrapped key failed authentication: it belongs to another subject, tenant or version."""

    code = "unwrap_failed"


# --- policies ----------------------------------------------------------------------------------------


class PolicyError(VaultError):
    """The policies cannot be compiled. The message names the policy and what to change in it."""

    code = "policy_error"


# --- the record --------------------------------------------------------------------------------------


class AuditUnavailable(VaultError):
    """The audit record cannot be written, so nothing was done or released. Retry."""

    status_code = 503
    code = "audit_unavailable"


class StoreUnavailable(VaultError):
    """The vault's database does not answer. Nothing was lost; retry."""

    status_code = 503
    code = "store_unavailable"
