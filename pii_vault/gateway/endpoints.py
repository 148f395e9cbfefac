"""POST /in/{connector}/{tenant}/{connection}: where outside systems deliver."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, Request, Response

from pii_vault.gateway.payload import read_bounded
from pii_vault.gateway.receive import Receiver
from pii_vault.gateway.registry import CONNECTORS
from pii_vault.services import Services
from pii_vault.vault import new_request_id


def build_gateway(services: Services) -> APIRouter:
    """The routes of the host hooks.*. Errors leave as problems, by the application's own handler.

    Any delivery that was taken, even one that changes nothing, gets exactly 200: senders switch a hook off after a
    few answers they do not expect.
    """
    receiver = Receiver(services.vault, CONNECTORS, services.classifier)

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        yield
        await receiver.refusals.flush()

    router = APIRouter(lifespan=lifespan)

    @router.post("/in/{connector}/{tenant}/{connection}", include_in_schema=False)
    async def take_delivery(connector: str, tenant: str, connection: str, request: Request) -> Response:
        body = await read_bounded(request.stream(), declared=request.headers.get("content-length"))
        await receiver.receive(
            connector, tenant, connection, headers=request.headers, body=body, request_id=new_request_id()
        )
        return Response(status_code=200)

    return router
