"""Subjects' rights over HTTP: /v1/subjects. For programs of the private contour, and the officer by token.

Who may do what is decided by the same matrix as everywhere; a program whom no policy makes an officer can take and
withdraw consents, and read whether there are any.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from pii_vault.access.principal import Principal
from pii_vault.api.auth import Authenticator
from pii_vault.consent.give import confirm, give
from pii_vault.consent.history import consents_of
from pii_vault.consent.texts import MAX_VERSION
from pii_vault.consent.withdraw import withdraw
from pii_vault.errors import Forbidden
from pii_vault.operations.access import refuse
from pii_vault.rights.block import block, unblock
from pii_vault.rights.erase import Eraser
from pii_vault.rights.erasure import plan_erasure
from pii_vault.rights.export import export_subject, render_export
from pii_vault.rights.find import find_by_id
from pii_vault.rights.journal import ErasureJournal
from pii_vault.rights.officer import require_right, require_subject
from pii_vault.rights.prove import prove
from pii_vault.vault import Vault, new_request_id

Name = Annotated[str, Field(pattern="^[a-z_]{1,40}$")]


def _in_utc(moment: datetime) -> datetime:
    """An hour before the first day or after the last one is a time that the database cannot keep."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        message = "there is no such time"
        raise ValueError(message) from None


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class BlockBody(_Body):
    reason: Name
    until: Moment


class EraseBody(_Body):
    reason: Literal["subject_request", "consent_withdrawn", "purpose_reached", "unlawful_processing"] = (
        "subject_request"
    )
    dry_run: bool = False


class ConsentBody(_Body):
    purpose: Name
    channel: Name
    how: Literal["web_form", "call", "paper"]
    text_version: Annotated[int, Field(ge=1, le=MAX_VERSION)] | None = None
    given: Moment | None = None


class WithdrawBody(_Body):
    purpose: Name
    channel: Name | None = None


class ConfirmBody(_Body):
    consent: Annotated[str, Field(pattern="^cns_[0-9a-hjkmnp-tv-z]{26}$")]
    code: Annotated[str, Field(max_length=64)]


class RightsEndpoints:
    """Each handler asks first who calls; nobody of the public contour gets further."""

    def __init__(self, vault: Vault, authenticator: Authenticator, journal: ErasureJournal) -> None:
        self._vault = vault
        self._authenticator = authenticator
        self._journal = journal
        self._eraser = Eraser(vault, journal)

    def router(self) -> APIRouter:
        # Before a body is held against its shape: a stranger is told nothing about it.
        router = APIRouter(prefix="/v1/subjects/{subject}", tags=["subjects"], dependencies=[Depends(self.admit)])
        router.add_api_route("", self.show, methods=["GET"])
        router.add_api_route("/export", self.export, methods=["POST"], response_model=None)
        router.add_api_route("/block", self.block, methods=["POST"])
        router.add_api_route("/unblock", self.unblock, methods=["POST"])
        router.add_api_route("/erase", self.erase, methods=["POST"])
        router.add_api_route("/proof", self.proof, methods=["GET"])
        router.add_api_route("/consents", self.consents, methods=["GET"])
        router.add_api_route("/consents", self.give, methods=["POST"], status_code=201)
        router.add_api_route("/consents/withdraw", self.withdraw, methods=["POST"])
        router.add_api_route("/consents/confirm", self.confirm, methods=["POST"])
        return router

    async def admit(self, request: Request) -> None:
        await self._caller(request, "subject")

    async def show(self, request: Request, subject: str) -> dict[str, Any]:
        """What there is of a person, without values."""
        who = await self._caller(request, "find")
        await require_subject(self._vault, who.tenant, subject)
        [found] = await find_by_id(self._vault, who, subject, request_id=new_request_id())
        return found.as_dict()

    async def export(self, request: Request, subject: str) -> Any:
        """Everything, with values: JSON, or the page for the person where `Accept` asks for HTML."""
        who, bits = await self._of(request, subject, "export")
        content = await export_subject(self._vault, who, bits, request_id=new_request_id())
        if "text/html" in request.headers.get("accept", ""):
            return Response(render_export(self._vault, content), media_type="text/html; charset=utf-8")
        return content

    async def block(self, request: Request, subject: str, body: BlockBody) -> dict[str, str]:
        who, bits = await self._of(request, subject, "block")
        until: datetime = body.until
        await block(self._vault, who, bits, reason=body.reason, until=until, request_id=new_request_id())
        return {"subject": subject, "state": "blocked"}

    async def unblock(self, request: Request, subject: str) -> dict[str, str]:
        who, bits = await self._of(request, subject, "unblock")
        await unblock(self._vault, who, bits, request_id=new_request_id())
        return {"subject": subject, "state": "active"}

    async def erase(self, request: Request, subject: str, body: EraseBody) -> dict[str, Any]:
        """Orders the erasure and does what can be done now; the worker carries it on. `dry_run` only counts."""
        who, bits = await self._of(request, subject, "erase_request")
        request_id = new_request_id()
        if body.dry_run:
            await require_right(self._vault, who, action="erase", verb="erase_request", request_id=request_id)
            return (await plan_erasure(self._vault, who.tenant, bits)).as_dict(self._vault)
        erasure = await self._eraser.request(who, bits, reason=body.reason, request_id=request_id)
        return (await self._eraser.advance(erasure)).as_dict()

    async def proof(self, request: Request, subject: str) -> dict[str, Any]:
        who, bits = await self._of(request, subject, "prove")
        await require_right(self._vault, who, action="erase", verb="prove", request_id=new_request_id())
        return (await prove(self._vault, self._journal, who.tenant, bits)).as_dict()

    async def consents(self, request: Request, subject: str) -> list[dict[str, Any]]:
        who, bits = await self._of(request, subject, "consent_list")
        return await consents_of(self._vault, who.tenant, bits)

    async def give(self, request: Request, subject: str, body: ConsentBody) -> dict[str, str]:
        who, bits = await self._of(request, subject, "consent_give")
        given = await give(self._vault, who, bits, **body.model_dump(), request_id=new_request_id())
        return {"consent": given, "subject": subject}

    async def withdraw(self, request: Request, subject: str, body: WithdrawBody) -> dict[str, Any]:
        who, bits = await self._of(request, subject, "consent_withdraw")
        ended = await withdraw(self._vault, who, bits, **body.model_dump(), request_id=new_request_id())
        return {"subject": subject, "withdrawn": ended}

    async def confirm(self, request: Request, subject: str, body: ConfirmBody) -> dict[str, str]:
        """The code of a double opt-in, brought by a program to which the person gave it."""
        who, _ = await self._of(request, subject, "consent_confirm")
        await confirm(self._vault, who.tenant, consent=body.consent, code=body.code, request_id=new_request_id())
        return {"consent": body.consent, "status": "in_force"}

    async def _of(self, request: Request, subject: str, verb: str) -> tuple[Principal, bytes]:
        who = await self._caller(request, verb)
        return who, await require_subject(self._vault, who.tenant, subject)

    async def _caller(self, request: Request, verb: str) -> Principal:
        who = (await self._authenticator.caller(request.scope)).principal
        if who.contour != "private":
            await refuse(self._vault, who, Forbidden(), verb=verb, purpose="", request_id=new_request_id())
        return who
