"""The intake listener's side of an erasure."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.erasures.service import Erasures
from app.errors import AppError
from app.intake.endpoints import read_body
from app.kit.problems import problem


def erasures_route(erasures: Erasures) -> Route:
    async def take(request: Request) -> Response:
        try:
            done = await erasures.take(await read_body(request))
        except AppError as error:
            return problem(error)
        return Response(msgspec.json.encode(done), media_type="application/json")

    return Route("/intake/v1/erasures", take, methods=["POST"])
