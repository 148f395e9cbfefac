"""What wrapped keys that belong to no subject are bound to. Frozen: changing one locks out what it bound."""

from typing import Final

IDENTITY_TENANT: Final = "larets-identity"  # reserved: the issuer's own key lies under its KEK
IDENTITY_CONTEXT: Final = b"larets identity key v1"


def connection_context(connection: str) -> bytes:
    """A shop's connection to an outside system."""
    return b"gateway secret\0" + connection.encode()


def destination_context(destination: str) -> bytes:
    """A shop's destination of the relay."""
    return b"relay secret\0" + destination.encode()
