"""What the outside says later: delivered, or not. Only the state is kept; the rest may quote a person."""

import email
import email.policy
import json
from email.message import EmailMessage
from typing import Any, Final

from pii_vault import store
from pii_vault.relay import store as sql
from pii_vault.vault import Vault

_STATES: Final = {
    "delivered": "delivered", "delivrd": "delivered", "read": "delivered",
    "bounced": "bounced", "failed": "bounced", "undelivered": "bounced", "undeliv": "bounced", "rejected": "bounced",
    "expired": "bounced",
}  # fmt: skip


def read_report(body: bytes, media_type: str) -> tuple[str, str] | None:
    """(id, state) of a report, or None where it says neither.

    JSON: `{"id" | "message_id", "status"}`. A mail: a delivery status notification (RFC 3464), whose original
    Message-ID is ours.
    """
    if media_type.startswith(("message/", "multipart/", "text/plain")):
        return _of_mail(body)
    try:
        content: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
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


async def note_report(vault: Vault, tenant_key: int, *, name: str, state: str) -> bool:
    """Whether it was about a dispatch of this shop that was on its way. Raises StoreUnavailable."""
    return bool(await store.fetch(vault.pool, sql.REPORTED, tenant_key, name, state))
