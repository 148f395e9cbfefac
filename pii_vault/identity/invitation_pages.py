"""Pages of a link that lets a person choose a password and enrol the second factor."""

from fastapi import APIRouter, Request, Response

from pii_vault.errors import Unauthenticated
from pii_vault.identity.context import OpenIdentity
from pii_vault.identity.errors import IdentityError, TooManyAttempts, WeakPassword
from pii_vault.identity.forms import (
    ENTRY_COOKIE,
    PageRoute,
    address_of,
    hash_work,
    page_policy,
    read_form,
    set_cookie,
    text,
    work,
)
from pii_vault.identity.invitations import Offer, accept, count_invitation_try, read_offer
from pii_vault.identity.keys import new_secret
from pii_vault.identity.record import record
from pii_vault.identity.sessions import IssuerSessions
from pii_vault.identity.signin import Refused
from pii_vault.identity.totp import qr_data_uri
from pii_vault.vault import Vault
from pii_vault.web import load_pages


class PasswordsDiffer(IdentityError):
    """The two passwords differ. Type the same one twice."""

    status_code = 422
    code = "passwords_differ"


class InvitationPages:
    def __init__(self, vault: Vault, sessions: IssuerSessions) -> None:
        self._vault = vault
        self._identity = sessions.identity
        self._policy = page_policy(sessions.identity.settings)

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False, route_class=PageRoute)
        router.add_api_route("/identity/invitation/{code}", self.show, methods=["GET"])
        router.add_api_route("/identity/invitation/{code}", self.accept, methods=["POST"])
        return router

    async def show(self, request: Request, code: str) -> Response:
        issuer = await self._identity.open()
        return self._draw(request, issuer, await work(read_offer, issuer, code))

    async def accept(self, request: Request, code: str) -> Response:
        issuer = await self._identity.open()
        form = await read_form(request, issuer, cookie=ENTRY_COOKIE)
        offer = await work(read_offer, issuer, code)
        password = text(form, "password")
        if offer.kind == "invitation" and password != text(form, "again"):
            return self._draw(request, issuer, offer, problem=PasswordsDiffer())
        try:
            counted = await work(count_invitation_try, issuer, code, password=password, address=address_of(request))
            codes = await hash_work(issuer, accept, counted, code, password=password, one_time=text(form, "code"))
        except (WeakPassword, TooManyAttempts) as problem:
            return self._draw(request, issuer, offer, problem=problem)
        except Refused as refused:
            await record(self._vault, refused.person, "invitation", "deny")
            if not isinstance(refused.error, IdentityError):
                raise Unauthenticated from refused
            return self._draw(request, issuer, offer, problem=refused.error)
        return load_pages().render(request, "identity/welcome.html", policy=self._policy, kind=offer.kind, codes=codes)

    def _draw(
        self, request: Request, issuer: OpenIdentity, offer: Offer, *, problem: IdentityError | None = None
    ) -> Response:
        entry = request.cookies.get(ENTRY_COOKIE) or new_secret()
        answer = load_pages().render(
            request,
            "identity/invitation.html",
            status=problem.status_code if problem else 200,
            policy=self._policy,
            form_token=issuer.keys.form_token(entry),
            offer=offer,
            qr=qr_data_uri(offer.provisioning_uri),
            shortest=issuer.policy.password_min_length,
            problem=problem.code if problem else None,
            rule=problem.rule if isinstance(problem, WeakPassword) else None,
            wait=problem.wait_seconds if isinstance(problem, TooManyAttempts) else 0,
        )
        set_cookie(answer, ENTRY_COOKIE, entry)
        return answer
