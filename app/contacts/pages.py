"""Contacts as staff see them: the list, the card with its timeline, and the forms that the vault draws."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Query, Request, Response

from app.contacts import service as contacts
from app.contacts.service import TokenChange
from app.errors import Conflict, Forbidden, InvalidRequest
from app.kit.i18n import Words
from app.kit.schemas import MixedIn
from app.kit.web import Pages, is_partial, reader_words, see_other
from app.messages import service as messages
from app.orders import service as orders
from app.orders.filters import OrderFilters
from app.services import AppServices
from app.timeline import service as timeline
from pii_vault.client import parse_token_shape

PAGE_SIZE: Final = 50
ORDERS_SHOWN: Final = 20
PERSON_CLASSES: Final = ("name", "phone", "email", "address")
Cursor = Annotated[str | None, Query(max_length=120)]
Tokens = Annotated[list[str], Form(min_length=1, max_length=20)]
Mixed = Annotated[MixedIn | None, Form()]


def build_contact_pages(services: AppServices, pages: Pages) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    _add_list(router, services, pages)
    _add_new(router, services, pages)
    _add_card(router, services, pages)
    _add_changes(router, services)
    return router


def person_fields(t: Words, *, required: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The fields of a collect frame for a person."""
    return [{"class": id_, "label": t(f"class.{id_}"), "required": id_ in required} for id_ in PERSON_CLASSES]


def correction_fields(tokens: Mapping[str, Sequence[str]], t: Words) -> list[dict[str, Any]]:
    """The same fields, each with the token that a new value would replace."""
    fields = person_fields(t)
    for field in fields:
        if tokens.get(field["class"]):
            field["token"] = tokens[field["class"]][0]
    return fields


def note_fields(t: Words) -> list[dict[str, Any]]:
    return [{"class": "text", "label": t("class.text"), "required": True}]


def pair_up(tokens: Sequence[str], old: Sequence[str]) -> list[TokenChange]:
    """Each new token beside the old one of its class, if the form named one.

    Raises:
        InvalidRequest: a text is no token.
    """
    by_class = {shape.class_id: text for text in old if (shape := parse_token_shape(text))}
    return [TokenChange(new=text, old=by_class.get(_class_of(text))) for text in tokens]


def _class_of(token: str) -> str:
    shape = parse_token_shape(token)
    if shape is None:
        raise InvalidRequest
    return shape.class_id


def _add_list(router: APIRouter, services: AppServices, pages: Pages) -> None:
    @router.get("/contacts")
    async def contact_list(request: Request, cursor: Cursor = None) -> Response:
        staff = await services.signin.staff(request)
        async with services.db.tenant(staff.tenant) as session:
            page = await contacts.list_contacts(session, limit=PAGE_SIZE, cursor=cursor)
        template = "contacts/_rows.html" if is_partial(request) and cursor else "contacts/list.html"
        following = f"/contacts?cursor={page.next_cursor}" if page.next_cursor else None
        return pages.render(request, template, staff=staff, page=page, next_address=following)


def _add_new(router: APIRouter, services: AppServices, pages: Pages) -> None:
    @router.get("/contacts/new")
    async def new(request: Request) -> Response:
        staff = await services.signin.staff(request)
        if not staff.may_write:
            raise Forbidden
        fields = person_fields(reader_words(request), required=("name",))
        return pages.render(request, "contacts/new.html", staff=staff, fields=fields)

    @router.post("/contacts")
    async def create(request: Request, subject: Annotated[str, Form()], token: Tokens) -> Response:
        """A person who is a contact already gets no second card: the first one opens."""
        staff = await services.signin.staff(request)
        tokens = {_class_of(text): text for text in token}
        try:
            async with services.db.tenant(staff.tenant) as session:
                made = await contacts.create_contact(
                    session, staff, subject=subject, tokens=tokens, now=services.clock()
                )
        except Conflict:
            async with services.db.tenant(staff.tenant) as session:
                known = await contacts.list_contacts(session, subjects=[subject], limit=1)
            if not known.data:
                raise
            return see_other(request, f"/contacts/{known.data[0].id}", flash="contact_exists")
        return see_other(request, f"/contacts/{made.id}", flash="contact_created")


def _add_card(router: APIRouter, services: AppServices, pages: Pages) -> None:
    @router.get("/contacts/{contact_id}")
    async def card(request: Request, contact_id: str, history: Cursor = None) -> Response:
        staff = await services.signin.staff(request)
        t = reader_words(request)
        async with services.db.tenant(staff.tenant) as session:
            contact = await contacts.get_contact(session, contact_id)
            events = await timeline.contact_timeline(session, contact_id, cursor=history)
            sent = await messages.of_contact(session, contact_id)
            theirs = await orders.list_orders(session, filters=OrderFilters(contact_id=contact_id), limit=ORDERS_SHOWN)
        return pages.render(
            request,
            "contacts/card.html",
            staff=staff,
            contact=contact,
            classes=[*PERSON_CLASSES, *sorted(set(contact.tokens) - set(PERSON_CLASSES))],
            history=events,
            messages=sent,
            may_send=messages.may_send_any(staff) and contact.erased_at is None,
            orders=theirs.data,
            more_orders=theirs.next_cursor is not None,
            numbers={order.id: order.number for order in theirs.data},
            note_fields=note_fields(t),
            correction_fields=correction_fields(contact.tokens, t),
        )


def _add_changes(router: APIRouter, services: AppServices) -> None:
    @router.post("/contacts/{contact_id}/notes")
    async def add_note(request: Request, contact_id: str, token: Tokens, mixed: Mixed = None) -> Response:
        staff = await services.signin.staff(request)
        async with services.db.tenant(staff.tenant) as session:
            await contacts.change_contact(
                session,
                staff,
                contact_id,
                note_token=token[0],
                note_mixed=mixed,
                version=None,
                now=services.clock(),
            )
        return see_other(request, f"/contacts/{contact_id}")

    @router.post("/contacts/{contact_id}/corrections")
    async def correct(
        request: Request, contact_id: str, token: Tokens, old: Annotated[Sequence[str], Form()] = ()
    ) -> Response:
        staff = await services.signin.staff(request)
        async with services.db.tenant(staff.tenant) as session:
            await contacts.change_contact(
                session, staff, contact_id, correct=pair_up(token, old), version=None, now=services.clock()
            )
        return see_other(request, f"/contacts/{contact_id}", flash="corrected")
