"""The issuer, an OpenID Connect provider inside the private contour: what it serves and how to call it.

Browser listener, host of `vault_origin` (`build_identity`):

    GET  /.well-known/openid-configuration, /identity/jwks
    GET  /identity/authorize          code flow with PKCE S256, `openid` scope, nonce required; redirects with
                                      code, state and iss. `prompt=none|login`, `max_age` are honoured.
    GET, POST /identity/signin        login and password      (`next`: one of our own paths; `reauth=1`: ask again)
    GET, POST /identity/second-factor time-based code
    GET, POST /identity/invitation/{code}
    GET  /identity/sessions, POST /identity/sessions/end      one's own sessions
    GET, POST /identity/signout       RP-initiated logout: client_id or id_token_hint, post_logout_redirect_uri, state
    GET  /identity/handover           a one-time code for the console's host

Console host (`build_console_signin`): `GET /signin?next=…`, `GET /signin/callback`, `POST /signout`.

Service listener, mutual TLS (`build_identity_service`): discovery, jwks,

    POST /identity/token              grant_type=authorization_code (code, redirect_uri, code_verifier) or
                                      grant_type=refresh_token; client_id in the form, the certificate proves it
    POST /identity/revoke             token=<refresh token>

Clients: `crm` (certificate of the public authority, its name registered in `service_client` with the role
`public_service`, redirect to `{crm_origin}/signin/callback`, audience `crm`); `private-program` (certificate of the
private authority with the role `program`, redirect to a loopback port, audience `vault`). The token endpoint is not
on the browser listener at all.

How the CRM signs a person in: send the browser to authorize with response_type=code, client_id=crm, redirect_uri,
scope=openid, state, nonce, code_challenge, code_challenge_method=S256; check state and iss on return; post the code
with its verifier to the token endpoint over the service listener with its certificate; check the ID token (ES256, iss,
aud=crm, nonce) and read sub, tenant, roles, alias, sid. Refresh before `expires_in` (five minutes): every refresh gives
a new refresh token and voids the one before. A refresh token that comes a second time ends the session, so refreshing
must be done by one task at a time; only in the thirty seconds after it was spent is it taken for a lost answer, and
gets another token of the same session. `invalid_grant` means the session is over: sign in again. Roles and alias are
read anew from the access token at each refresh. Refreshing keeps the client's side of a session alive and does not
count as being seen at the vault, whose cookie runs out by itself.

What an access token says stands in `tokens.py`. Nobody outside the vault may read anything into a vault token.

For a fresh second factor a frame or page sends the browser to authorize with `max_age`, or to
`/identity/signin?reauth=1&next=/identity/sessions`.
"""

from typing import TYPE_CHECKING

from fastapi import APIRouter

from pii_vault.identity.handover import ConsoleSide, VaultSide
from pii_vault.identity.invitation_pages import InvitationPages
from pii_vault.identity.oidc import Oidc
from pii_vault.identity.session_pages import SessionPages
from pii_vault.identity.sessions import IssuerSessions
from pii_vault.identity.signin_pages import SigninPages

if TYPE_CHECKING:
    from pii_vault.services import Services


def build_identity(services: "Services") -> APIRouter:
    """`/identity/*` and discovery for the vault's browser host."""
    vault, sessions = services.vault, issuer_sessions(services)
    oidc = Oidc(sessions)
    router = APIRouter()
    for part in (
        oidc.browser_router(),
        oidc.open_router(),
        SigninPages(vault, sessions).router(),
        SessionPages(sessions).router(),
        InvitationPages(vault, sessions).router(),
        VaultSide(sessions).router(),
    ):
        router.include_router(part)
    return router


def build_identity_service(services: "Services") -> APIRouter:
    """Token, revocation, keys and discovery for the service listener."""
    oidc = Oidc(issuer_sessions(services))
    router = APIRouter()
    router.include_router(oidc.service_router())
    router.include_router(oidc.open_router())
    return router


def build_console_signin(services: "Services") -> APIRouter:
    """`/signin`, `/signin/callback` and `/signout` of the console's host."""
    return ConsoleSide(issuer_sessions(services)).router()


def issuer_sessions(services: "Services") -> IssuerSessions:
    """This issuer's own sessions; another implementation of the port has another issuer behind it."""
    if not isinstance(services.staff_sessions, IssuerSessions):
        message = "the built-in issuer needs IssuerSessions: use build_staff_sessions"
        raise TypeError(message)
    return services.staff_sessions
