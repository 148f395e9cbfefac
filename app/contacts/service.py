"""What staff do with contacts. `session` is a transaction bound to the tenant (`Database.tenant`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from app.contacts import repository
from app.errors import Conflict, FieldProblem, Forbidden, InvalidRequest, NotFound
from app.kit.changes import writable
from app.kit.cursor import Page, decode_cursor, page_of
from app.kit.staff import Staff
from app.models import Contact
from app.tenants import service as tenants
from app.timeline import service as timeline
from pii_vault.client import new_id, parse_subject_shape, parse_token_shape


@dataclass(frozen=True, slots=True)
class TokenChange:
    """`new` stands where `old` stood; without `old` it is added to its class."""

    new: str
    old: str | None = None


async def list_contacts(
    session: AsyncSession,
    *,
    subjects: Sequence[str] | None = None,
    token: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[Contact]:
    """Last changed first, with `tokens`. `subjects` are what a search frame found."""
    after = decode_cursor(cursor) if cursor else None
    rows = await repository.find(session, subjects=subjects, token=token, after=after, limit=limit + 1)
    return page_of(rows, limit=limit, key=lambda row: (row.updated_at, row.id))


async def get_contact(session: AsyncSession, contact_id: str) -> Contact:
    """The contact with its `tokens`.

    Raises:
        NotFound: there is none, or it is another shop's.
    """
    contact = await repository.get(session, contact_id)
    if contact is None:
        raise NotFound
    return contact


async def create_contact(
    session: AsyncSession, staff: Staff, *, subject: str, tokens: Mapping[str, str], now: datetime
) -> Contact:
    """A contact out of what a collect frame handed over: `tokens` by class.

    Raises:
        Forbidden, InvalidRequest
        Conflict: this subject is a contact already.
    """
    if not staff.may_write:
        raise Forbidden
    if parse_subject_shape(subject) is None:
        raise InvalidRequest(errors=[FieldProblem("/subject", "a subject id (sub_…) is expected here")])
    for class_id, token in tokens.items():
        if _class_of(token) != class_id:
            raise InvalidRequest(errors=[FieldProblem(f"/tokens/{class_id}", "a token of this class is expected")])
    contact_id = new_id("cnt")
    await tenants.ensure(session, staff.tenant, now=now)
    if not await repository.create(session, tenant=staff.tenant, contact_id=contact_id, subject=subject, at=now):
        raise Conflict("This person is a contact already. Find it by its subject.")
    rows = [_token_row(staff.tenant, contact_id, token, position=0) for token in tokens.values()]
    await repository.add_tokens(session, rows)
    await timeline.record(
        session,
        timeline.event("contact_created", tenant=staff.tenant, at=now, by=staff, contact_id=contact_id),
    )
    return await get_contact(session, contact_id)


async def change_contact(
    session: AsyncSession,
    staff: Staff,
    contact_id: str,
    *,
    correct: Sequence[TokenChange] = (),
    note_token: str | None = None,
    note_mixed: str | None = None,
    version: int | None,
    now: datetime,
) -> Contact:
    """Correct tokens (in the contact and in its orders alike) and set its note, with history.

    `note_mixed` is the note as the frame gave it beside its token, where classified texts cross.

    Raises:
        NotFound, Forbidden, VersionMismatch, InvalidRequest
    """
    writable(await repository.lock(session, contact_id), staff, version=version)
    for position, change in enumerate(correct):
        await _correct(session, staff, contact_id, change, pointer=f"/correct/{position}", now=now)
    if note_token is not None:
        await _note(session, staff, contact_id, note_token, mixed=note_mixed, now=now)
    await repository.touch(session, contact_id, at=now, note_token=note_token, note_mixed=note_mixed)
    return await get_contact(session, contact_id)


async def _correct(
    session: AsyncSession, staff: Staff, contact_id: str, change: TokenChange, *, pointer: str, now: datetime
) -> None:
    class_id = _class_of(change.new)
    orders: Sequence[str] = ()
    if change.old is None:
        position = await repository.next_position(session, contact_id, class_id)
        row = _token_row(staff.tenant, contact_id, change.new, position=position)
        await repository.add_tokens(session, [row])
    else:
        if _class_of(change.old) != class_id:
            raise InvalidRequest(errors=[FieldProblem(f"{pointer}/new", "a token of the same class is expected")])
        if change.new != change.old:
            orders = await _replace(session, contact_id, change.old, change.new, pointer=pointer, now=now)
    corrected = partial(
        timeline.event, "contact_corrected", tenant=staff.tenant, at=now, by=staff, data={"class": class_id}
    )
    in_orders = [corrected(order_id=order_id) for order_id in orders]
    await timeline.record(session, corrected(contact_id=contact_id), *in_orders)


async def _replace(
    session: AsyncSession, contact_id: str, old: str, new: str, *, pointer: str, now: datetime
) -> Sequence[str]:
    here = await repository.replace_token(session, contact_id, old=old, new=new)
    orders = await repository.replace_in_orders(session, contact_id, old=old, new=new, at=now)
    if not here and not orders:
        raise InvalidRequest(errors=[FieldProblem(f"{pointer}/old", "this contact has no such token")])
    return orders


async def _note(
    session: AsyncSession, staff: Staff, contact_id: str, token: str, *, mixed: str | None, now: datetime
) -> None:
    if _class_of(token) != "text":
        raise InvalidRequest(errors=[FieldProblem("/note_token", "a token of class text is expected")])
    await timeline.record(
        session,
        timeline.event(
            "note_added", tenant=staff.tenant, at=now, by=staff, contact_id=contact_id, token=token, mixed=mixed
        ),
    )


def _class_of(token: str) -> str:
    shape = parse_token_shape(token)
    if shape is None:
        raise InvalidRequest("Only tokens (tok_…) can be stored here. Enter the value in a collect frame.")
    return shape.class_id


def _token_row(tenant: str, contact_id: str, token: str, *, position: int) -> dict[str, object]:
    return {
        "tenant_id": tenant,
        "contact_id": contact_id,
        "token": token,
        "class_id": _class_of(token),
        "origin": "staff",
        "position": position,
    }
