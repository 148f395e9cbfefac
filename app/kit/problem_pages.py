"""Errors as their readers meet them: the problem that a program would get becomes a page, a toast or the sign-in page.

It stands outside everything that answers with a problem, the edge guard included, so that no page has to handle
errors of its own.
"""

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.kit.web import Pages, address_of, is_partial, reader_words, see_other, signin_address

NOT_PAGES: Final = ("/api/", "/static/", "/healthz", "/readyz")
_PROBLEM: Final = b"application/problem+json"
_UNAUTHENTICATED: Final = 401
_SERVER_FAULT: Final = 500


class _Problem(msgspec.Struct):
    code: str
    status: int


class ProblemPages:
    """ASGI middleware of the browser listener. Programs, which ask for JSON or call the API, get the problem itself."""

    def __init__(self, app: ASGIApp, pages: Pages) -> None:
        self._app = app
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _for_a_reader(Request(scope)):
            await self._app(scope, receive, send)
            return
        held: list[Message] = []

        async def hold_problems(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_problem(message):
                held.append(message)
            elif held:
                held.append(message)
                if not message.get("more_body", False):
                    await self._shown(Request(scope), held)(scope, receive, send)
            else:
                await send(message)

        await self._app(scope, receive, hold_problems)

    def _shown(self, request: Request, held: list[Message]) -> Response:
        body = b"".join(message.get("body", b"") for message in held[1:])
        problem = msgspec.json.decode(body, type=_Problem)
        if problem.status == _UNAUTHENTICATED:
            return see_other(request, signin_address(request))
        t = reader_words(request)
        code = problem.code if t.has(f"error.{problem.code}.title") else "internal_error"
        if is_partial(request):
            text = f"{t(f'error.{code}.title')}. {t(f'error.{code}.text')}"
            return PlainTextResponse(text, problem.status)
        # Only our own fault leads back to the same address: a refused one may hold what was refused.
        retry = None
        if problem.status >= _SERVER_FAULT:
            retry = address_of(request) if request.method == "GET" else "/orders"
        answer = self._pages.render(request, "error.html", status=problem.status, code=code, retry=retry)
        for name, value in held[0]["headers"]:
            if name == b"retry-after":
                answer.headers["retry-after"] = value.decode("latin-1")
        return answer


def _is_problem(message: Message) -> bool:
    return any(name == b"content-type" and value.startswith(_PROBLEM) for name, value in message["headers"])


def _for_a_reader(request: Request) -> bool:
    if request.url.path.startswith(NOT_PAGES):
        return False
    return is_partial(request) or "text/html" in request.headers.get("accept", "")
