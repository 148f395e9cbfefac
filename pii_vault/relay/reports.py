"""What the outside says later: delivered, or not. Only the state is kept; the rest may quote a person.

Host hooks.*: POST /relay/{tenant}/{destination}/{secret}.
"""

import email
import email.policy
import json
import logging
from email.message import EmailMessage
from typing import Any, Final

import asyncpg
from fastapi import APIRouter, Request, Response

from pii_vault import store
from pii_vault.api.body import read_body
from pii_vault.errors import BodyTooLarge, StoreUnavailable
from pii_vault.relay import store as sql
from pii_vault.relay.destinations import is_report_key
from pii_vault.relay.tell import tell
from pii_vault.vault import Vault

logger = logging.getLogger(__name__)

MOST_BYTES: Final = 64 * 1024
_MAILS: Final = ("message/", "multipart/", "text/plain")
_STATES: Final = {
    "delivered": "delivered", "delivrd": "delivered", "read": "delivered",
    "bounced": "bounced", "failed": "bounced", "undelivered": "bounced", "undeliv": "bounced", "rejected": "bounced",
    "expired": "bounced",
}  # fmt: skip


def read_report(body: bytes, media_type: str) -> tuple[str, str] | None:
    """(id, state) of a report, or None where it says neither, or where it breaks the parser.

    JSON: `{"id" | "message_id", "status"}`. A mail: a delivery status notification (RFC 3464), whose original
    Message-ID is ours.
    """
    try:
        return _of_mail(body) if media_type.startswith(_MAILS) else _of_json(body)
    except Exception as error:  # noqa: BLE001  parsers of mail and JSON raise all kinds of errors at a stranger's bytes
        logger.warning("a delivery report could not be read: %s", type(error).__name__)
        return None


def _of_json(body: bytes) -> tuple[str, str] | None:
    content: Any = json.loads(body)
    if not isinstance(content, dict):
        return None
    name = content.get("id") or content.get("message_id")
    state = _STATES.get(str(content.get("status", "")).lower())
    return (str(name)[:100], state) if name and state else None


def _of_mail(body: bytes) -> tuple[str, str] | None:
    message = email.message_from_bytes(body, policy=email.policy.default)
    action = original = ""
    for part in message.walk():
        kind = part.get_content_type()
        if kind == "message/delivery-status":
            found = [str(each["Action"]).strip().lower() for each in part.iter_parts() if each["Action"]]
            action = action or next(iter(found), "")
        elif kind == "text/rfc822-headers":
            inner = email.message_from_string(str(part.get_content()), policy=email.policy.default)
            original = original or str(inner["Message-ID"] or "")
        elif kind == "message/rfc822" and isinstance(inner_message := _only(part), EmailMessage):
            original = original or str(inner_message["Message-ID"] or "")
    state = {"failed": "bounced", "delivered": "delivered"}.get(action)
    name = original.strip("<> ").partition("@")[0]
    return (name, state) if name and state else None


def _only(part: Any) -> Any:
    parts = list(part.iter_parts())
    return parts[0] if len(parts) == 1 else None


async def note_report(vault: Vault, tenant_key: int, *, destination: str, name: str, state: str) -> bool:
    """Whether it was about a dispatch of this shop that went through this destination. Raises StoreUnavailable."""
    try:
        async with store.connection(vault.pool) as connection, connection.transaction():
            row = await connection.fetchrow(sql.REPORTED, tenant_key, name, state, destination)
            await tell(connection, row, at=vault.clock())
    except asyncpg.PostgresError as error:
        raise StoreUnavailable from error
    return row is not None


def build_reports(vault: Vault) -> APIRouter:
    """Reports are taken with 200 whatever they say: a sender that learns nothing can ask nothing.

    The secret is looked at first: nothing that a stranger sends is read, let alone parsed.
    """
    router = APIRouter(include_in_schema=False)

    @router.post("/relay/{tenant}/{destination}/{secret}")
    async def report(tenant: str, destination: str, secret: str, request: Request) -> Response:
        tenant_key = await is_report_key(vault.pool, tenant=tenant, name=destination, secret=secret)
        if tenant_key is None:
            return Response(status_code=200)
        try:
            body = await read_body(request.scope, request.receive, most=MOST_BYTES)
        except BodyTooLarge:
            return Response(status_code=200)
        found = read_report(body, request.headers.get("content-type", ""))
        if found is not None:
            await note_report(vault, tenant_key, destination=destination, name=found[0], state=found[1])
        return Response(status_code=200)

    return router
