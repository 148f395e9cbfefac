"""Messages over the API, and the intake listener's side of the relay: what became of them."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.routing import Route

from app.contacts import service as contacts
from app.errors import AppError, FieldProblem, InvalidRequest, NotFound
from app.intake.endpoints import read_body
from app.kit.idempotency import HEADER, Answer, once
from app.kit.problems import problem
from app.kit.staff import Staff
from app.messages import service
from app.messages.hand_over import Messages
from app.messages.schemas import MessageNew, MessageOut, MessagesOut, TemplateOut, TemplatesOut
from app.messages.service import Wish
from app.models import Message
from app.orders import service as orders
from app.services import AppServices
from pii_vault.client import new_id

Short = Annotated[str | None, Query(max_length=64)]


def dispatches_route(messages: Messages) -> Route:
    async def take(request: Request) -> Response:
        try:
            noted = await messages.take(await read_body(request))
        except AppError as error:
            return problem(error)
        return Response(msgspec.json.encode(noted), media_type="application/json")

    return Route("/intake/v1/dispatches", take, methods=["POST"])


def build_messages(services: AppServices) -> APIRouter:
    router = APIRouter(prefix="/messages", tags=["messages"])
    messages = Messages(services.db, services.relay, clock=services.clock)
    # As a dependency: who may not be here is told so before anything is said about the request's body.
    who = Depends(services.signin.staff)

    @router.get("")
    async def list_messages(staff: Annotated[Staff, who], order: Short = None, contact: Short = None) -> MessagesOut:
        """The newest fifty of an order or a contact: give one of them."""
        if (order is None) == (contact is None):
            raise InvalidRequest(errors=[FieldProblem("", "give either order or contact")])
        async with services.db.tenant(staff.tenant) as session:
            if order is not None:
                await orders.get_order(session, order)
                found = await service.of_order(session, order)
            else:
                await contacts.get_contact(session, contact or "")
                found = await service.of_contact(session, contact or "")
        return MessagesOut(data=[MessageOut.model_validate(each) for each in found])

    @router.get("/templates")
    async def list_templates(staff: Annotated[Staff, who]) -> TemplatesOut:
        """What this member of staff may have sent, without its text."""
        found = await service.offered(services.relay, staff)
        return TemplatesOut(data=[TemplateOut.model_validate(each) for each in found])

    @router.post("", response_model=MessageOut, status_code=202)
    async def send(request: Request, staff: Annotated[Staff, who], body: MessageNew) -> Response:
        """Have an approved template sent to one person; `Idempotency-Key` is required: a mail cannot be taken back.

        What the vault refuses is answered as a message of the state `refused` with its code.
        """
        if HEADER not in request.headers:
            raise InvalidRequest(errors=[FieldProblem("", "Idempotency-Key is required here")])
        wish = await _wish(services, staff, body)
        now = services.clock()
        async with services.db.tenant(staff.tenant) as session:

            async def act() -> Answer:
                return _answer(await service.order(session, staff, wish, now=now))

            first = await once(session, request, staff, now=now, act=act)
            known = msgspec.json.decode(bytes(first.body))["id"]
            message = await service.get_message(session, known)
        return _answer(await messages.hand_over(message)).response()

    return router


async def _wish(services: AppServices, staff: Staff, body: MessageNew) -> Wish:
    """Raises NotFound (it is not offered), VaultUnavailable."""
    for each in await service.offered(services.relay, staff):
        if (each.id, each.version) == (body.template, body.version):
            return Wish(new_id("msg"), each, body.contact_id, body.order_id, body.parameters)
    raise NotFound


def _answer(message: Message) -> Answer:
    return Answer(202, MessageOut.model_validate(message).model_dump_json().encode())
