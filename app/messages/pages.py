"""From the card of an order or a contact to a message: the choice of a template, and the press that sends it."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.contacts import service as contacts
from app.errors import FieldProblem, Forbidden, InvalidRequest, NotFound
from app.kit.staff import Staff
from app.kit.web import Pages, reader_words, see_other
from app.messages import service
from app.messages.fields import Field, fields_of, read_given
from app.messages.hand_over import Messages
from app.messages.service import Wish
from app.orders import service as orders
from app.services import AppServices
from pii_vault.client import OfferedTemplate, new_id

REFUSED: Final = 422
_ID: Final = re.compile(r"msg_[0-9a-hjkmnp-tv-z]{26}")
Tries = Annotated[int, Query(ge=0, le=10)]
Short = Annotated[str, Query(max_length=64)]


@dataclass(frozen=True, slots=True)
class Place:
    """The card that a message is written from. `persons`: (contact, what they are in the order)."""

    persons: list[tuple[str, str]]
    back: str
    order_id: str | None = None
    number: str = ""


def build_message_pages(services: AppServices, pages: Pages) -> APIRouter:
    return MessagePages(services, pages).router()


class MessagePages:
    def __init__(self, services: AppServices, pages: Pages) -> None:
        self._services = services
        self._pages = pages
        self._messages = Messages(services.db, services.relay, clock=services.clock)

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/messages/new", self.new, methods=["GET"])
        router.add_api_route("/messages/sent", self.sent, methods=["GET"])
        router.add_api_route("/messages", self.send, methods=["POST"])
        return router

    async def new(self, request: Request, order: Short = "", contact: Short = "") -> Response:
        staff = await self._sender(request)
        async with self._services.db.tenant(staff.tenant) as session:
            place = await _place(session, order=order, contact=contact)
        return await self._form(request, staff, place)

    async def sent(self, request: Request, order: Short = "", contact: Short = "", tries: Tries = 0) -> Response:
        """The list on a card, asked for again while a state is about to change."""
        staff = await self._services.signin.staff(request)
        async with self._services.db.tenant(staff.tenant) as session:
            place = await _place(session, order=order, contact=contact)
            found = await (service.of_order(session, order) if order else service.of_contact(session, contact))
        return self._pages.render(
            request,
            "messages/_sent.html",
            staff=staff,
            messages=found,
            may_send=service.may_send_any(staff) and bool(place.persons),
            of=f"order={order}" if order else f"contact={contact}",
            tries=tries,
        )

    async def send(
        self,
        request: Request,
        key: Annotated[str, Form(max_length=64)],
        template: Annotated[str, Form(max_length=80)],
        to: Annotated[str, Form(max_length=64)],
        order: Annotated[str, Form(max_length=64)] = "",
    ) -> Response:
        """One press, one message: the key came with the form. What the vault refuses is said here and listed."""
        staff = await self._sender(request)
        if not _ID.fullmatch(key):
            raise InvalidRequest(errors=[FieldProblem("/key", "the form's own key is expected here")])
        chosen = await self._chosen(staff, template)
        form = await request.form()
        wish = Wish(key, chosen, to, order or None, read_given(chosen, lambda name: str(form.get(name, ""))))
        async with self._services.db.tenant(staff.tenant) as session:
            place = await _place(session, order=order, contact="" if order else to)
            fit = not service.find_problems(wish)
            message = await service.order(session, staff, wish, now=self._services.clock()) if fit else None
        if message is None:
            return await self._form(request, staff, place, refused=wish, failure="bad_parameters")
        message = await self._messages.hand_over(message)
        if message.state == "refused":
            return await self._form(request, staff, place, refused=wish, failure=message.failure)
        return see_other(request, place.back, flash="message_waits" if message.state == "new" else "message_taken")

    async def _sender(self, request: Request) -> Staff:
        staff = await self._services.signin.staff(request)
        if not service.may_send_any(staff):
            raise Forbidden
        return staff

    async def _chosen(self, staff: Staff, template: str) -> OfferedTemplate:
        """As the vault offers it now: nothing of it is taken from the form but its name and version."""
        offered = await service.offered(self._services.relay, staff)
        for each in offered:
            if f"{each.id}.{each.version}" == template:
                return each
        raise NotFound

    async def _form(
        self, request: Request, staff: Staff, place: Place, *, refused: Wish | None = None, failure: str | None = None
    ) -> Response:
        """`refused` by the vault or by the CRM itself, with the code of the failure."""
        templates = await service.offered(self._services.relay, staff)
        t = reader_words(request)
        context: dict[str, Any] = {
            "place": place,
            # A key for each form: what was refused may be mended and sent as another message.
            "forms": [(new_id("msg"), each, _fields(each, place, refused)) for each in templates],
            "persons": [(contact, t(f"messages.to_{party}")) for contact, party in place.persons],
            "refused": t.titled("message_failure", failure) if failure else None,
        }
        status = 200 if refused is None else REFUSED
        return self._pages.render(request, "messages/new.html", staff=staff, status=status, **context)


async def _place(session: AsyncSession, *, order: str, contact: str) -> Place:
    """Raises NotFound."""
    if order:
        found = await orders.get_order(session, order)
        parties = [(found.contact, "customer"), (found.recipient, "recipient")]
        here = {person.id: party for person, party in reversed(parties) if person and person.erased_at is None}
        return Place(list(reversed(here.items())), f"/orders/{order}", order, found.number)
    person = await contacts.get_contact(session, contact)
    return Place([(person.id, "contact")] if person.erased_at is None else [], f"/contacts/{contact}")


def _fields(template: OfferedTemplate, place: Place, refused: Wish | None) -> list[Field]:
    """With what was typed into this template's form, or the order's number where one is asked for."""
    typed = refused.parameters if refused is not None and refused.template.id == template.id else {}
    return fields_of(template, number=place.number, given=typed)
