"""Orders as staff see them: the list, the card, and the forms of the card."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.ext.asyncio import AsyncSession

from app.contacts import service as contacts
from app.contacts.pages import correction_fields, note_fields, pair_up
from app.errors import NotFound, VersionMismatch
from app.kit.i18n import Words
from app.kit.schemas import MixedIn
from app.kit.staff import Staff
from app.kit.web import Pages, is_partial, reader_words, see_other
from app.messages import service as messages
from app.models import Order
from app.orders import service as orders
from app.orders.list_query import PERIODS, OrderListQuery
from app.orders.statuses import Status
from app.services import AppServices
from app.timeline import service as timeline

PAGE_SIZE: Final = 50
MARKS: Final = ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term")
SEARCHERS: Final = frozenset({"owner", "sales"})
Tokens = Annotated[list[str], Form(min_length=1, max_length=20)]
Mixed = Annotated[MixedIn | None, Form()]


def build_order_pages(services: AppServices, pages: Pages) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    _add_list(router, services, pages)
    _add_card(router, services, pages)
    _add_changes(router, services, pages)
    return router


def _add_list(router: APIRouter, services: AppServices, pages: Pages) -> None:
    @router.get("/orders")
    async def order_list(request: Request, asked: Annotated[OrderListQuery, Query()]) -> Response:
        """The page; for htmx the list under the filters, or with a cursor the next rows alone."""
        staff = await services.signin.staff(request)
        filters = asked.filters(services.clock(), staff.zone)
        async with services.db.tenant(staff.tenant) as session:
            page = await orders.list_orders(session, filters=filters, limit=PAGE_SIZE, cursor=asked.cursor)
            choices = {} if is_partial(request) else await _choices(session, reader_words(request))
        return pages.render(
            request,
            _list_template(request, asked),
            staff=staff,
            asked=asked,
            page=page,
            next_address=asked.next_address(page.next_cursor) if page.next_cursor else None,
            may_search=not SEARCHERS.isdisjoint(staff.roles),
            **choices,
        )

    @router.post("/orders/found")
    async def found(request: Request, subject: Annotated[list[str], Form(max_length=20)]) -> Response:
        """From the subjects that a search frame found to the orders of these persons."""
        staff = await services.signin.staff(request)
        async with services.db.tenant(staff.tenant) as session:
            persons = await contacts.list_contacts(session, subjects=subject, limit=len(subject) or 1)
        ids = [person.id for person in persons.data] or ["nobody"]
        return RedirectResponse("/orders?" + "&".join(f"contact={found_id}" for found_id in ids), status_code=303)


def _list_template(request: Request, asked: OrderListQuery) -> str:
    if not is_partial(request):
        return "orders/list.html"
    return "orders/_rows.html" if asked.cursor else "orders/_list.html"


async def _choices(session: AsyncSession, t: Words) -> dict[str, Any]:
    """The options of the filter: what stands in this shop's orders."""
    statuses = await orders.known_statuses(session)
    sources = await orders.known_sources(session)
    return {
        "status_choices": [(value, t.titled("status", value)) for value in statuses],
        "source_choices": [(value, t.titled("connector", value)) for value in sources],
        "period_choices": [(value, t(f"orders.period_{value}")) for value in PERIODS],
    }


def _add_card(router: APIRouter, services: AppServices, pages: Pages) -> None:
    @router.get("/orders/{order_id}")
    async def order_card(request: Request, order_id: str) -> Response:
        staff = await services.signin.staff(request)
        async with services.db.tenant(staff.tenant) as session:
            order = await orders.get_order(session, order_id)
            history = await timeline.order_history(session, order_id)
            sent = await messages.of_order(session, order_id)
        return pages.render(
            request,
            "orders/card.html",
            staff=staff,
            history=history,
            messages=sent,
            may_send=messages.may_send_any(staff) and bool(order.contact or order.recipient),
            corrections=_corrections(order, reader_words(request)),
            note_fields=note_fields(reader_words(request)),
            **_status_block(order),
        )


def _status_block(order: Order, *, wanted: str | None = None, history_too: bool = False) -> dict[str, Any]:
    """What `orders/_status.html` needs. `wanted` is a choice that somebody else's change got in the way of."""
    known = [status.value for status in Status]
    statuses = known if order.status in known else [order.status, *known]
    marks = sorted(order.source, key=lambda mark: (MARKS.index(mark) if mark in MARKS else len(MARKS), mark))
    block = {"order": order, "statuses": statuses, "wanted": wanted, "history_too": history_too}
    return block | {"marks": marks}


def _corrections(order: Order, t: Words) -> list[dict[str, Any]]:
    """A form per person of the order. A recipient who is the customer is corrected once."""
    forms = []
    for party, person, tokens in (
        ("contact", order.contact, order.contact_tokens),
        ("recipient", order.recipient, order.recipient_tokens),
    ):
        if person is not None:
            fields = correction_fields(tokens, t)
            action = f"/orders/{order.id}/corrections/{party}"
            forms.append({"party": party, "subject": person.subject, "fields": fields, "action": action})
    return forms


def _add_changes(router: APIRouter, services: AppServices, pages: Pages) -> None:
    @router.post("/orders/{order_id}/status")
    async def change_status(
        request: Request, order_id: str, status: Annotated[Status, Form()], version: Annotated[int, Form()]
    ) -> Response:
        """A choice that came too late is kept beside the present status, for the reader to decide anew."""
        staff = await services.signin.staff(request)
        wanted: str | None = None
        try:
            async with services.db.tenant(staff.tenant) as session:
                await orders.change_status(
                    session, staff, order_id, status=status, version=version, now=services.clock()
                )
        except VersionMismatch:
            wanted = status.value
        if wanted is None and not is_partial(request):
            return see_other(request, f"/orders/{order_id}", flash="status_changed")
        return await _after_change(request, staff, order_id, wanted=wanted)

    async def _after_change(request: Request, staff: Staff, order_id: str, *, wanted: str | None) -> Response:
        async with services.db.tenant(staff.tenant) as session:
            order = await orders.get_order(session, order_id)
            history = await timeline.order_history(session, order_id)
            sent = await messages.of_order(session, order_id)
        partial = is_partial(request)
        t = reader_words(request)
        return pages.render(
            request,
            "orders/_status.html" if partial else "orders/card.html",
            staff=staff,
            status=VersionMismatch.status_code if wanted else 200,
            history=history,
            messages=sent,
            may_send=messages.may_send_any(staff) and bool(order.contact or order.recipient),
            corrections=_corrections(order, t),
            note_fields=note_fields(t),
            **_status_block(order, wanted=wanted, history_too=partial),
        )

    @router.post("/orders/{order_id}/notes")
    async def add_note(request: Request, order_id: str, token: Tokens, mixed: Mixed = None) -> Response:
        staff = await services.signin.staff(request)
        async with services.db.tenant(staff.tenant) as session:
            await orders.add_note(session, staff, order_id, token=token[0], mixed=mixed, now=services.clock())
            history = await timeline.order_history(session, order_id)
        if not is_partial(request):
            return see_other(request, f"/orders/{order_id}")
        return pages.render(request, "parts/_history.html", staff=staff, history=history, numbers={})

    @router.post("/orders/{order_id}/corrections/{party}")
    async def correct(
        request: Request, order_id: str, party: str, token: Tokens, old: Annotated[Sequence[str], Form()] = ()
    ) -> Response:
        staff = await services.signin.staff(request)
        async with services.db.tenant(staff.tenant) as session:
            order = await orders.get_order(session, order_id)
            person_id = {"contact": order.contact_id, "recipient": order.recipient_id}.get(party)
            if person_id is None:
                raise NotFound
            await contacts.change_contact(
                session, staff, person_id, correct=pair_up(token, old), version=None, now=services.clock()
            )
        return see_other(request, f"/orders/{order_id}", flash="corrected")
