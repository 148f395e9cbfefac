"""C2SP tlog-witness over the intake listener, which serves nobody but the private contour."""

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from app.errors import BodyTooLarge, NotFound
from app.services import AppServices
from app.witness.announcement import parse_announcement
from app.witness.errors import OtherSize
from app.witness.keys import load_witness_keys
from app.witness.service import Witness, parse_submission

MAX_BODY: Final = 65_536


def build_witness(services: AppServices) -> APIRouter:
    """Raises WitnessKeyProblem when a key cannot be read."""
    settings = services.settings
    keys = load_witness_keys(settings.witness_key_file, settings.checkpoint_public_key)
    return witness_router(Witness(services.db.anonymous, keys))


def witness_router(witness: Witness) -> APIRouter:
    async def add_checkpoint(request: Request) -> Response:
        try:
            line = await witness.add(parse_submission(await _body(request)))
        except OtherSize as error:
            return Response(f"{error.size}\n", status_code=error.status_code, media_type="text/x.tlog.size")
        return PlainTextResponse(line)

    async def new_origin(request: Request) -> Response:
        await witness.succeed(parse_announcement(await _body(request)))
        return Response(status_code=204)

    async def history(_: Request) -> Response:
        statements, checkpoints = await witness.history()
        return JSONResponse({"origins": statements, "checkpoints": checkpoints})

    async def newest_checkpoint(_: Request) -> Response:
        note = await witness.newest()
        if note is None:
            raise NotFound("Nothing was cosigned here yet.")
        return PlainTextResponse(note)

    router = APIRouter()
    router.add_route("/witness/add-checkpoint", add_checkpoint, methods=["POST"], include_in_schema=False)
    router.add_route("/witness/new-origin", new_origin, methods=["POST"], include_in_schema=False)
    router.add_route("/witness/history", history, methods=["GET"], include_in_schema=False)
    router.add_route("/witness/checkpoint", newest_checkpoint, methods=["GET"], include_in_schema=False)
    return router


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise BodyTooLarge
    return body
