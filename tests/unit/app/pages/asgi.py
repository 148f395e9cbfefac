"""The smallest applications and client that a middleware needs to be tried."""

from collections.abc import Mapping

import httpx
from starlette.responses import Response
from starlette.types import ASGIApp

Answer = httpx.Response


def reply(body: bytes, headers: Mapping[str, str] | None = None, *, status: int = 200) -> ASGIApp:
    return Response(body, status, headers=dict(headers or {}))


async def ask(app: ASGIApp, path: str = "/orders", *, method: str = "GET", **headers: str) -> Answer:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://crm.shop.example") as client:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await client.request(method, path, headers=named)
