"""What wraps each application of the public contour: which hosts it serves, and the last resort for errors."""

import logging
import traceback
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import AppError, MisdirectedRequest
from app.kit.problems import problem

logger = logging.getLogger(__name__)

_HEALTH: Final = frozenset({"/healthz", "/readyz"})


class OnlyHost:
    """Answers 421 to a request for another host. Health checks come by address and need no name."""

    def __init__(self, app: ASGIApp, *, host: str) -> None:
        self._app = app
        self._host = host.encode("latin-1").lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hosts = [value.lower() for name, value in scope["headers"] if name == b"host"]
        if hosts == [self._host] or scope["path"] in _HEALTH:
            await self._app(scope, receive, send)
        else:
            await problem(MisdirectedRequest())(scope, receive, send)


class LastResort:
    """An error nobody foresaw becomes a 500 that tells nothing. The log gets its class and place, not its text:
    messages of libraries repeat the values they choked on.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:  # noqa: BLE001  the very purpose
            frames = traceback.extract_tb(error.__traceback__)[-3:]
            place = " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames))
            logger.error("unforeseen %s at %s", type(error).__name__, place)  # noqa: TRY400  not the message
            if not started:
                await problem(AppError())(scope, receive, send)
