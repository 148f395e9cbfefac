"""What one process counts: answers and their time, by listener. Labels are a listener's name and a status: never a
path, an id, a shop or a value.
"""

import time
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_UNCOUNTED: Final = frozenset({"/healthz", "/readyz", "/metrics"})  # asked for by machines all day long
_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Counters:
    """Counters of their own for each application that is built: nothing is shared by import."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "larets_app_requests", "Requests by listener and status.", ["listener", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "larets_app_request_seconds",
            "Time to answer by listener.",
            ["listener"],
            buckets=_BOUNDS,
            registry=self.registry,
        )

    def around(self, app: ASGIApp, *, listener: str) -> ASGIApp:
        """ASGI middleware that counts what `app` answers."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["path"] in _UNCOUNTED:
                await app(scope, receive, send)
                return
            status = 500  # of an answer that never began
            began = time.perf_counter()

            async def noted(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            try:
                await app(scope, receive, noted)
            finally:
                self._requests.labels(listener, str(status)).inc()
                self._seconds.labels(listener).observe(time.perf_counter() - began)

        return counted
