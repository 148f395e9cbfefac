"""The clients this issuer knows. They are code, not rows: a client decides which audience a token has.

Each is a program with a certificate; what it may be is decided by the authority that signed it and by the roles that
`service_client` registers for its common name.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from authlib.oauth2.rfc6749 import ClientMixin

from pii_vault.config import VaultSettings

TokenAudience = Literal["crm", "vault"]
AUTH_METHOD: Final = "tls_client_auth"
SCOPES: Final = ("openid", "offline_access")
CALLBACK: Final = "/signin/callback"
# A program on the officer's own machine listens on any port it gets (RFC 8252, section 7.3).
_LOOPBACK: Final = re.compile(r"http://127\.0\.0\.1:[0-9]{1,5}/callback")


@dataclass(frozen=True, slots=True)
class Client(ClientMixin):  # type: ignore[misc]  # authlib has no types
    """An OpenID client. `redirect_uris` are compared as whole strings."""

    client_id: str
    audience: TokenAudience
    trust_domain: Literal["private", "public"]
    service_role: str
    redirect_uris: tuple[str, ...] = ()
    loopback: bool = False
    signed_out_uris: tuple[str, ...] = field(default=())

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        """None: a client names its address each time."""

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """Always with a refresh token: `offline_access` may be asked for and changes nothing."""
        asked = scope.split() if scope else []
        return " ".join(asked) if "openid" in asked and set(asked) <= set(SCOPES) else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        if self.loopback and _LOOPBACK.fullmatch(redirect_uri):
            return True
        return redirect_uri in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        """No client has a secret: each shows a certificate."""
        del client_secret
        return False

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return endpoint == "token" and method == AUTH_METHOD

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in ("authorization_code", "refresh_token")

    @property
    def id_token_signed_response_alg(self) -> str:
        return "ES256"


def known_clients(settings: VaultSettings) -> dict[str, Any]:
    crm = settings.crm_origin.rstrip("/")
    clients = (
        Client(
            client_id="crm",
            audience="crm",
            trust_domain="public",
            service_role="public_service",
            redirect_uris=(f"{crm}{CALLBACK}",),
            signed_out_uris=(f"{crm}/", f"{crm}/signin"),
        ),
        Client(
            client_id="private-program",
            audience="vault",
            trust_domain="private",
            service_role="program",
            loopback=True,
        ),
    )
    return {client.client_id: client for client in clients}
