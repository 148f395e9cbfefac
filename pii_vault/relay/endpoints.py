"""The relay over HTTP. Service listener: POST /v1/relay, GET /v1/relay/{id}, GET /v1/consents/{subject}. Host hooks.*:
POST /relay/{tenant}/{destination}/{secret}, where delivery reports come to.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Request, Response

from pii_vault import store
from pii_vault.api.auth import Authenticator
from pii_vault.api.body import read_body
from pii_vault.api.schemas import decode
from pii_vault.consent.status import allowed
from pii_vault.core.tokens import parse_subject
from pii_vault.errors import InvalidRequest, MalformedToken
from pii_vault.operations.access import new_entry
from pii_vault.relay import store as sql
from pii_vault.relay.destinations import is_report_key
from pii_vault.relay.errors import UnknownDispatch
from pii_vault.relay.reports import note_report, read_report
from pii_vault.relay.submit import Order, submit
from pii_vault.relay.template import Channel
from pii_vault.vault import Vault, new_request_id


class RelayRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`digest` is that of the approved version: whoever changes a text cannot have it sent under the old name."""

    template: str
    version: int
    digest: str
    subject: str
    parameters: dict[str, str] = {}


_SHORTEST_KEY, _LONGEST_KEY = 8, 200
_request = msgspec.json.Decoder(RelayRequest)


def build_relay(vault: Vault, authenticator: Authenticator, budgets: Mapping[Channel, int]) -> APIRouter:
    """What the public contour may ask. No answer holds a value, an address or a mask."""
    router = APIRouter(tags=["relay"])

    @router.post("/v1/relay", status_code=202)
    async def send(request: Request, idempotency_key: Annotated[str, Header()] = "") -> dict[str, str]:
        """Queues one message or request about one person; the same key gives the same dispatch."""
        caller = await authenticator.caller(request.scope)  # before anything of the request is looked at
        if not _SHORTEST_KEY <= len(idempotency_key) <= _LONGEST_KEY:
            raise InvalidRequest("Send an Idempotency-Key of 8 to 200 characters: a mail cannot be taken back.")
        asked = decode(_request, await read_body(request.scope, request.receive))
        order = Order(
            asked.template, asked.version, asked.digest, asked.subject, idempotency_key, dict(asked.parameters)
        )
        request_id = new_request_id()
        return {"dispatch": await submit(vault, caller.principal, order, budgets=budgets, request_id=request_id)}

    @router.get("/v1/relay/{dispatch}")
    async def state(request: Request, dispatch: str) -> dict[str, Any]:
        """What became of it: queued, sent, delivered, refused, bounced or dead, with a code."""
        caller = await authenticator.caller(request.scope)
        tenant_key = await vault.tenants.key(caller.principal.tenant)
        rows = await store.fetch(vault.pool, sql.STATE, tenant_key, dispatch)
        if not rows:
            raise UnknownDispatch
        found = dict(rows[0])
        answer = found.pop("answer")
        return found | {"answer": json.loads(answer) if answer else None}

    @router.get("/v1/consents/{subject}")
    async def consent(
        request: Request,
        subject: str,
        purpose: str = "",
        channel: str = "",
    ) -> dict[str, bool]:
        """Whether this person may be written to now. False also for one who is unknown, blocked or erased."""
        caller = await authenticator.caller(request.scope)
        principal = caller.principal
        tenant_key = await vault.tenants.key(principal.tenant)
        try:
            known = parse_subject(subject, tenant=principal.tenant)
        except MalformedToken:
            return {"allowed": False}
        answer = purpose in vault.purposes and await allowed(vault, tenant_key, known, purpose, channel)
        entry = new_entry(
            vault,
            principal,
            verb="consent_status",
            purpose=purpose if purpose in vault.purposes else "",
            request_id=new_request_id(),
            decision="allow",
            subjects=[known],
        )
        await vault.audit.commit(entry)
        return {"allowed": answer}

    return router


def build_reports(vault: Vault) -> APIRouter:
    """Reports are taken with 200 whatever they say: a sender that learns nothing can ask nothing."""
    router = APIRouter(include_in_schema=False)

    @router.post("/relay/{tenant}/{destination}/{secret}")
    async def report(tenant: str, destination: str, secret: str, request: Request) -> Response:
        body = await read_body(request.scope, request.receive)
        tenant_key = await is_report_key(vault.pool, tenant=tenant, name=destination, secret=secret)
        if tenant_key is not None:
            found = read_report(body, request.headers.get("content-type", ""))
            if found is not None:
                await note_report(vault, tenant_key, name=found[0], state=found[1])
        return Response(status_code=200)

    return router
