"""A public contour that obeys the intake's contract and nothing more: for the outbox's tests."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import msgspec


class FakeIntake:
    """Answers `POST /intake/v1/events` as the application does; may be told to be away or to refuse.

    `received` holds every body that reached it, `orders` the state that follows from the applied ones.
    """

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.applied: list[dict[str, Any]] = []
        self.orders: dict[str, dict[str, Any]] = {}
        self.deleted: set[str] = set()
        self.statuses: Counter[str] = Counter()
        self.answers: list[int | Exception] = []  # taken one by one before the contract's own answer
        self.refused: set[str] = set()  # external ids answered with 422
        self.away = False
        self._grown = asyncio.Condition()
        self._sequences: dict[str, int] = {}
        self._seen: set[str] = set()

    async def wait_for(self, applied: int, *, seconds: float = 10.0) -> None:
        """Until this many events are applied."""
        async with asyncio.timeout(seconds), self._grown:
            await self._grown.wait_for(lambda: len(self.applied) >= applied)

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url="https://intake.test", transport=httpx.MockTransport(self._answer))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectError("away", request=request)
        assert request.url.path == "/intake/v1/events"
        body = await request.aread()
        self.received.append(body)
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return httpx.Response(answer, json={"code": "told_to"})
        event = msgspec.json.decode(body)
        if event["external_id"] in self.refused:
            return httpx.Response(422, json={"code": "invalid_request"})
        status = self._apply(event)
        self.statuses[status] += 1
        async with self._grown:
            self._grown.notify_all()
        return httpx.Response(200, json={"status": status, "order": None})

    def _apply(self, event: dict[str, Any]) -> str:
        external_id = event["external_id"]
        if event["id"] in self._seen:
            return "duplicate"
        if event["sequence"] <= self._sequences.get(external_id, 0):
            return "stale"
        self._seen.add(event["id"])
        self._sequences[external_id] = event["sequence"]
        self.applied.append(event)
        if event["type"] == "order.deleted":
            self.deleted.add(external_id)
        else:
            self.deleted.discard(external_id)
            self.orders[external_id] = event["data"]
        return "applied"
