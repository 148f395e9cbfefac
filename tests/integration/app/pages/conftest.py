"""Signed-in readers of the pages, without a browser."""

from collections.abc import Awaitable, Callable

import httpx
import pytest

from app.services import AppServices
from tests.integration.app.pages.stage import sign_in
from tests.integration.app.support import FakeIssuer

DOCUMENT = {"accept": "text/html", "sec-fetch-site": "none", "sec-fetch-mode": "navigate"}
FORM = {"accept": "text/html", "sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate"}
PART = {"hx-request": "true", "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}
Reader = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
def reader(browser: httpx.AsyncClient, issuer: FakeIssuer, services: AppServices) -> Reader:
    """Opens an address as a member of staff in a role, who signs in on first use."""
    del services
    signed_in: set[str] = set()

    async def send(method: str, path: str, *, role: str = "sales", **rest: object) -> httpx.Response:
        if role not in signed_in:
            await sign_in(browser, issuer, role)
            signed_in.clear()
            signed_in.add(role)
        headers = rest.pop("headers", DOCUMENT if method == "GET" else FORM)
        return await browser.request(method, path, headers=headers, **rest)  # type: ignore[arg-type]

    return send


@pytest.fixture
def read(reader: Reader) -> Reader:
    async def send(path: str, **rest: object) -> httpx.Response:
        return await reader("GET", path, **rest)

    return send
