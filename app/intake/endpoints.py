"""The intake listener's side of the outbox. A plain route: every order of every shop passes here."""

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.edge_guard.middleware import MAX_BODY
from app.errors import AppError, BodyTooLarge, Forbidden
from app.intake.service import Intake
from app.kit.problems import problem

PEER: Final = "larets.peer"  # set by the listener from the client's certificate, never from a header
PRIVATE: Final = "private"
PUBLIC: Final = "public"
WATCHER: Final = "metrics"  # common name of the certificate that Prometheus shows


def intake_route(intake: Intake) -> Route:
    async def take(request: Request) -> Response:
        try:
            taken = await intake.take(await read_body(request))
        except AppError as error:
            return problem(error)
        return Response(msgspec.json.encode(taken), media_type="application/json")

    return Route("/intake/v1/events", take, methods=["POST"])


async def read_body(request: Request) -> bytes:
    """Raises BodyTooLarge."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            raise BodyTooLarge
        chunks.append(chunk)
    return b"".join(chunks)


class OnlyOutbox:
    """ASGI middleware: answers nobody but the private contour's outbox, whatever the path. What `own` serves, metrics,
    is for the public contour's own watcher, and for it alone.
    """

    def __init__(self, app: ASGIApp, *, name: str, own: str) -> None:
        self._app = app
        self._name = name
        self._own = own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        peer = scope.get(PEER)
        allowed = (PUBLIC, WATCHER) if scope["path"] == self._own else (PRIVATE, self._name)
        if peer is not None and tuple(peer) == allowed:
            await self._app(scope, receive, send)
        else:
            await problem(Forbidden("Only the private contour's outbox is served here."))(scope, receive, send)
