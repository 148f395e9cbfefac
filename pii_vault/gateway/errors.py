"""Errors of the gateway. None of them repeats anything of what the sender wrote."""

from pii_vault.errors import VaultError


class GatewayError(VaultError):
    """The gateway could not take this delivery. Look for the request id in the vault's log."""


class WrongSignature(GatewayError):
    """No such connection, or the signature does not fit its secret. Check the address and the secret."""

    status_code = 401
    code = "wrong_signature"


class BrokenPayload(GatewayError):
    """The body is not a well-formed event of its topic. Send it as the shop system documents it."""

    status_code = 400
    code = "broken_payload"


class PayloadTooLarge(GatewayError):
    """The body is over 1 MiB. Send less in one event."""

    status_code = 413
    code = "body_too_large"


class TenantSuspended(GatewayError):
    """This shop is suspended, so its events are not taken. Ask the operator of the private contour."""

    status_code = 403
    code = "tenant_suspended"


class GatewayUnavailable(GatewayError):
    """The vault's database or key service does not answer, so nothing was taken. Retry."""

    status_code = 503
    code = "gateway_unavailable"


class UnknownConnector(GatewayError):
    """There is no such connector. `larets shop connect --help` lists those there are."""

    status_code = 404
    code = "unknown_connector"


class UnknownTenant(GatewayError):
    """There is no such shop. `larets tenant list` shows those there are."""

    status_code = 404
    code = "unknown_tenant"


class UnknownConnection(GatewayError):
    """This shop has no such connection. Make one with `larets shop connect`."""

    status_code = 404
    code = "unknown_connection"


class BrokenDictionary(GatewayError):
    """The dictionary file cannot be read. Give CSV with the columns kind, code, title."""

    status_code = 422
    code = "broken_dictionary"
