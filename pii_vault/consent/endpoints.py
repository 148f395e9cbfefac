"""The page behind the link of a double opt-in. Seeing it confirms nothing: mail programs open links by themselves."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from pii_vault.consent.ask import asked_of
from pii_vault.consent.errors import WrongCode
from pii_vault.consent.give import confirm
from pii_vault.errors import CrossSite, TenantRefused
from pii_vault.rights.errors import SubjectErased
from pii_vault.vault import Vault, new_request_id
from pii_vault.web import language, load_pages

Tenant = Annotated[str, Path(pattern="^[a-z][a-z0-9-]{2,39}$")]
Consent = Annotated[str, Path(pattern="^cns_[0-9a-hjkmnp-tv-z]{26}$")]
Code = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{10,64}$")]


def build_confirmation(vault: Vault) -> APIRouter:
    """For the vault's browser host; whoever has the link may confirm, for it was sent to one person."""
    router = APIRouter(include_in_schema=False)

    @router.get("/consent/{tenant}/{consent}/{code}")
    async def show(request: Request, tenant: Tenant, consent: Consent, code: Code) -> Response:
        """What is asked for, whatever the code: trying codes is for POST alone, where each wrong one counts."""
        del code
        asked = await asked_of(vault, tenant, consent)
        if asked is None:
            return _page(request, state="refused", status=422)
        channel = vault.consents.channels[asked.channel].title[language(request)]
        return _page(request, state="asked", shop=asked.shop, text=asked.text, channel=channel)

    @router.post("/consent/{tenant}/{consent}/{code}")
    async def take(request: Request, tenant: Tenant, consent: Consent, code: Code) -> Response:
        if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise CrossSite
        try:
            await confirm(vault, tenant, consent=consent, code=code, request_id=new_request_id())
        except (WrongCode, SubjectErased, TenantRefused):  # alike: a stranger learns nothing
            return _page(request, state="refused", status=422)
        return _page(request, state="confirmed")

    return router


def _page(request: Request, *, state: str, status: int = 200, **context: Any) -> Response:
    context = {"shop": "", "text": "", "channel": "", **context}
    return load_pages().render(request, "consent/confirm.html", status=status, state=state, **context)
