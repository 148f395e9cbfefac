"""GET /metrics of the intake listener, for the one client of the public contour itself."""

from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.kit.db import Database
from app.telemetry.counters import Counters
from app.telemetry.service import page

PATH: Final = "/metrics"


def metrics_route(db: Database, counters: Counters) -> Route:
    async def metrics(_: Request) -> Response:
        return Response(await page(db, counters), media_type=CONTENT_TYPE_LATEST)

    return Route(PATH, metrics, methods=["GET"])
