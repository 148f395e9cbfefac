"""Orders over the API. Who asks comes from the session cookie or a bearer token of audience `crm`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime

from app.kit.etag import etag, required_version, unchanged
from app.kit.idempotency import Answer, once
from app.kit.schemas import Cursor, Limit, PageOut, TokenIn
from app.kit.staff import Staff
from app.models import Order
from app.orders import service
from app.orders.filters import OrderFilters
from app.orders.schemas import NoteNew, OrderCardOut, OrderOut, OrderPatch
from app.services import AppServices

Short = Annotated[str | None, Query(max_length=64)]


def build_orders(services: AppServices) -> APIRouter:
    router = APIRouter(prefix="/orders", tags=["orders"])
    _add_reads(router, services)
    _add_writes(router, services)
    return router


def _add_reads(router: APIRouter, services: AppServices) -> None:
    # As a dependency: who may not be here is told so before anything is said about the request's body.
    who = Depends(services.signin.staff)

    @router.get("")
    async def list_orders(
        staff: Annotated[Staff, who],
        *,
        status: Short = None,
        source: Short = None,
        utm_source: Short = None,
        number: Short = None,
        placed_from: AwareDatetime | None = None,
        placed_to: AwareDatetime | None = None,
        contact: Short = None,
        token: TokenIn | None = None,
        deleted: bool = False,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> PageOut[OrderOut]:
        """Newest first. `source` is a connector such as `woocommerce`, `number` the beginning or the end of the
        order's number, `token` any token an order carries.
        """
        filters = OrderFilters(
            status=status,
            source=source,
            utm_source=utm_source,
            number=number,
            placed_from=placed_from,
            placed_to=placed_to,
            contact_id=contact,
            token=token,
            deleted=deleted,
        )
        async with services.db.tenant(staff.tenant) as session:
            page = await service.list_orders(session, filters=filters, limit=limit, cursor=cursor)
        data = [OrderOut.model_validate(row) for row in page.data]
        return PageOut(data=data, next_cursor=page.next_cursor)

    @router.get("/{order_id}", response_model=OrderCardOut)
    async def get_order(request: Request, staff: Annotated[Staff, who], order_id: str) -> Response:
        """One order with its items; the ETag goes into `If-Match` of a change."""
        async with services.db.tenant(staff.tenant) as session:
            order = await service.get_order(session, order_id)
        if unchanged(request, order.version):
            return Response(status_code=304, headers={"etag": etag(order.version)})
        return _card(order, status=200).response()


def _add_writes(router: APIRouter, services: AppServices) -> None:
    # As a dependency: who may not be here is told so before anything is said about the request's body.
    who = Depends(services.signin.staff)

    @router.patch("/{order_id}", response_model=OrderCardOut)
    async def change_order(request: Request, staff: Annotated[Staff, who], order_id: str, body: OrderPatch) -> Response:
        """Set the status; `If-Match` is required. The change stands in the order's history."""
        version = required_version(request)
        now = services.clock()
        async with services.db.tenant(staff.tenant) as session:

            async def act() -> Answer:
                order = await service.change_status(
                    session, staff, order_id, status=body.status, version=version, now=now
                )
                return _card(order, status=200)

            return await once(session, request, staff, now=now, act=act)

    @router.post("/{order_id}/notes", response_model=OrderCardOut, status_code=201)
    async def add_note(request: Request, staff: Annotated[Staff, who], order_id: str, body: NoteNew) -> Response:
        """Add a note that was typed in a collect frame: one token of class `text`."""
        now = services.clock()
        async with services.db.tenant(staff.tenant) as session:

            async def act() -> Answer:
                order = await service.add_note(session, staff, order_id, token=body.token, mixed=body.mixed, now=now)
                return _card(order, status=201)

            return await once(session, request, staff, now=now, act=act)


def _card(order: Order, *, status: int) -> Answer:
    body = OrderCardOut.model_validate(order).model_dump_json().encode()
    return Answer(status, body, etag(order.version))
