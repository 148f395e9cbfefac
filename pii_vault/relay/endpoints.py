"""The relay over HTTP. Service listener: POST /v1/relay, GET /v1/relay/templates, GET /v1/relay/{id},
GET /v1/consents/{subject}, and for programs of the private contour POST /v1/subjects/{subject}/consents/ask.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from pii_vault.api.auth import Authenticator
from pii_vault.api.body import read_body
from pii_vault.api.schemas import decode
from pii_vault.consent.status import allowed
from pii_vault.consent.texts import MAX_VERSION
from pii_vault.core.tokens import parse_subject
from pii_vault.errors import Forbidden, InvalidRequest, MalformedToken
from pii_vault.operations.access import new_entry, refuse
from pii_vault.relay.confirm import VERB as ASK
from pii_vault.relay.confirm import ask
from pii_vault.relay.offer import offered, state_of
from pii_vault.relay.rules import require_relay
from pii_vault.relay.schemas import ConsentStatus, OfferedTemplates, RelayAccepted, RelayRequest
from pii_vault.relay.submit import Order, submit
from pii_vault.relay.template import Channel
from pii_vault.rights.officer import require_subject
from pii_vault.vault import Vault, new_request_id

_SHORTEST_KEY, _LONGEST_KEY = 8, 200
_request = msgspec.json.Decoder(RelayRequest)


class AskBody(BaseModel):
    model_config = ConfigDict(extra="forbid")
    purpose: Annotated[str, Field(pattern="^[a-z_]{1,40}$")]
    channel: Annotated[str, Field(pattern="^[a-z_]{1,40}$")]
    text_version: Annotated[int, Field(ge=1, le=MAX_VERSION)] | None = None


def build_relay(vault: Vault, authenticator: Authenticator, budgets: Mapping[Channel, int]) -> APIRouter:
    """What the public contour may ask. No answer holds a value, an address or a mask."""
    return RelayEndpoints(vault, authenticator, budgets).router()


class RelayEndpoints:
    """Each handler asks first who calls; what is told is recorded before it leaves."""

    def __init__(self, vault: Vault, authenticator: Authenticator, budgets: Mapping[Channel, int]) -> None:
        self._vault = vault
        self._authenticator = authenticator
        self._budgets = budgets

    def router(self) -> APIRouter:
        router = APIRouter(tags=["relay"])
        router.add_api_route("/v1/relay", self.send, methods=["POST"], status_code=202, response_model=None)
        router.add_api_route("/v1/relay/templates", self.templates, methods=["GET"], response_model=None)
        router.add_api_route("/v1/relay/{dispatch}", self.state, methods=["GET"], response_model=None)
        router.add_api_route("/v1/consents/{subject}", self.consent, methods=["GET"], response_model=None)
        router.add_api_route(
            "/v1/subjects/{subject}/consents/ask",
            self.ask,
            methods=["POST"],
            status_code=202,
            dependencies=[Depends(self.admit_private)],
        )
        return router

    async def send(self, request: Request, idempotency_key: Annotated[str, Header()] = "") -> Response:
        """Queues one message or request about one person; the same key gives the same dispatch."""
        caller = await self._authenticator.caller(request.scope)  # before anything of the request is looked at
        if not _SHORTEST_KEY <= len(idempotency_key) <= _LONGEST_KEY:
            raise InvalidRequest("Send an Idempotency-Key of 8 to 200 characters: a mail cannot be taken back.")
        asked = decode(_request, await read_body(request.scope, request.receive))
        order = Order(
            asked.template, asked.version, asked.digest, asked.subject, idempotency_key, dict(asked.parameters)
        )
        dispatch = await submit(
            self._vault, caller.principal, order, budgets=self._budgets, request_id=new_request_id()
        )
        return _answer(RelayAccepted(dispatch), status=202)

    async def templates(self, request: Request) -> Response:
        """What could be sent: names and parameters, never a text."""
        caller = await self._authenticator.caller(request.scope)
        return _answer(OfferedTemplates(await offered(self._vault, caller.principal, request_id=new_request_id())))

    async def state(self, request: Request, dispatch: str) -> Response:
        """What became of it: queued, sending, sent, delivered, refused, bounced, dead or unknown, with a code."""
        caller = await self._authenticator.caller(request.scope)
        return _answer(await state_of(self._vault, caller.principal, dispatch, request_id=new_request_id()))

    async def consent(self, request: Request, subject: str, purpose: str = "", channel: str = "") -> Response:
        """Whether this person may be written to now. False also for one who is unknown, blocked or erased."""
        vault = self._vault
        principal = (await self._authenticator.caller(request.scope)).principal
        request_id = new_request_id()
        if principal.contour == "public":  # a program of the private one may read consents themselves
            await require_relay(vault, principal, verb="consent_status", request_id=request_id)
        tenant_key = await vault.tenants.key(principal.tenant)
        try:
            known = parse_subject(subject, tenant=principal.tenant)
        except MalformedToken:
            return _answer(ConsentStatus(allowed=False))
        answer = purpose in vault.purposes and await allowed(vault, tenant_key, known, purpose, channel)
        entry = new_entry(
            vault,
            principal,
            verb="consent_status",
            purpose=purpose,
            request_id=request_id,
            decision="allow",
            subjects=[known],
        )
        await vault.audit.commit(entry)
        return _answer(ConsentStatus(allowed=answer))

    async def admit_private(self, request: Request) -> None:
        """Before a body is held against its shape: a stranger is told nothing about it."""
        who = (await self._authenticator.caller(request.scope)).principal
        if who.contour != "private":
            await refuse(self._vault, who, Forbidden(), verb=ASK, purpose="", request_id=new_request_id())

    async def ask(self, request: Request, subject: str, body: AskBody) -> dict[str, Any]:
        """Has the vault ask the person for a consent; the code goes to them and comes back to the vault alone."""
        vault = self._vault
        who = (await self._authenticator.caller(request.scope)).principal
        bits = await require_subject(vault, who.tenant, subject)
        asked = await ask(vault, who, bits, **body.model_dump(), budgets=self._budgets, request_id=new_request_id())
        return {"consent": asked.consent, "dispatch": asked.dispatch, "status": "pending"}


def _answer(content: msgspec.Struct, *, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status_code=status, media_type="application/json")
