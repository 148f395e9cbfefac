"""Messages to one person by a template that the private contour approved. The CRM names both and sees neither text nor
address; the vault asks policies, consent and budget, sends, and tells what became of it.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from app.contacts import service as contacts
from app.errors import (
    Conflict,
    FieldProblem,
    Forbidden,
    IdempotencyConflict,
    InvalidRequest,
    NotFound,
    VaultUnavailable,
)
from app.kit.staff import MARKETER, OFFICER, OWNER, SALES, Staff
from app.messages import repository
from app.models import Message
from app.orders import service as orders
from app.timeline import service as timeline
from pii_vault.client import OfferedTemplate, RelayPort, VaultRefused, VaultUnreachable, find_misfits

logger = logging.getLogger(__name__)

MARKETING: Final = "marketing"
SENDERS: Final[Mapping[str, frozenset[str]]] = {
    MARKETING: frozenset({MARKETER}),
    "subject_request": frozenset({OWNER, SALES, OFFICER}),
}
OTHER_SENDERS: Final = frozenset({OWNER, SALES})
_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class Wish:
    """What a member of staff pressed. `id` was made with the form: pressed twice, it is one message."""

    id: str
    template: OfferedTemplate
    contact_id: str
    order_id: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


def may_send(staff: Staff, purpose: str) -> bool:
    """The policies know the CRM as one program, so who of its staff may have what sent is decided here."""
    return not SENDERS.get(purpose, OTHER_SENDERS).isdisjoint(staff.roles)


def may_send_any(staff: Staff) -> bool:
    return any(may_send(staff, purpose) for purpose in (*SENDERS, ""))


async def offered(relay: RelayPort, staff: Staff) -> list[OfferedTemplate]:
    """Approved templates that this member of staff may have sent. Raises VaultUnavailable, Forbidden."""
    try:
        found = await relay.templates(staff.tenant)
    except VaultUnreachable as error:
        raise VaultUnavailable from error
    except VaultRefused as error:
        raise _unforeseen(error) from error
    # A vault of the version before says no kinds: what takes parameters waits until it does.
    return [each for each in found if may_send(staff, each.purpose) and set(each.parameters) == set(each.kinds)]


async def order(session: AsyncSession, staff: Staff, wish: Wish, *, now: datetime) -> Message:
    """Writes the message down, to be handed over after the commit. The same `wish.id` again gives the same message.

    Raises:
        Forbidden, NotFound (no such contact or order here), Conflict (the person was erased), InvalidRequest (the
        contact is not of the order, or a parameter not of its kind), IdempotencyConflict (another message has this id).
    """
    if not may_send(staff, wish.template.purpose):
        raise Forbidden
    if problems := find_problems(wish):  # before it stands in the database of the public contour
        raise InvalidRequest(errors=problems)
    contact = await contacts.get_contact(session, wish.contact_id)
    if contact.erased_at is not None:
        raise Conflict("The person's data were erased: there is nobody to write to.")
    if wish.order_id is not None:
        of = await orders.get_order(session, wish.order_id)
        if wish.contact_id not in (of.contact_id, of.recipient_id):
            raise InvalidRequest
    template = wish.template
    values = {
        "tenant_id": staff.tenant, "id": wish.id, "contact_id": wish.contact_id, "order_id": wish.order_id,
        "template": template.id, "version": template.version, "digest": template.digest, "title": template.title,
        "purpose": template.purpose, "channel": template.channel, "parameters": dict(wish.parameters),
        "actor_id": staff.id, "actor_alias": staff.alias,
        "state": "new", "change": 0, "created_at": now, "updated_at": now,
    }  # fmt: skip
    is_new = await repository.add(session, values)
    message = await repository.get(session, wish.id)
    if message is None or any(getattr(message, name) != values[name] for name in _SAME):
        raise IdempotencyConflict
    if is_new:
        said = timeline.event(
            "message_ordered", tenant=staff.tenant, at=now, by=staff, order_id=wish.order_id,
            contact_id=wish.contact_id, data={"title": template.title},
        )  # fmt: skip
        await timeline.record(session, said)
    return message


def find_problems(wish: Wish) -> list[FieldProblem]:
    """Parameters that are missing, undeclared or not of the approved kind: by their names, never by their values."""
    found = find_misfits(wish.parameters, wish.template.kinds)
    return [FieldProblem(f"/parameters/{name}".rstrip("/"), said) for name, said in found.items()]


_SAME: Final = ("contact_id", "order_id", "template", "version", "digest", "parameters")


async def get_message(session: AsyncSession, message_id: str) -> Message:
    """Raises NotFound."""
    message = await repository.get(session, message_id)
    if message is None:
        raise NotFound
    return message


async def of_order(session: AsyncSession, order_id: str) -> Sequence[Message]:
    """The newest of an order. The caller has proven that the order is visible."""
    return await repository.of_order(session, order_id)


async def of_contact(session: AsyncSession, contact_id: str) -> Sequence[Message]:
    return await repository.of_contact(session, contact_id)


def _unforeseen(error: VaultRefused) -> Exception:
    """The CRM's own credentials are not taken: nothing that whoever asks could mend."""
    logger.warning("the vault refused to list templates: %s", error.problem)
    return VaultUnavailable() if error.status >= _SERVER_ERROR else Forbidden()
