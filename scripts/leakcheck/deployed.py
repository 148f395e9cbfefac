"""The ground of an environment: the trial shop, its seller's browser, and commands beside the vault."""

import http.client
from collections.abc import Mapping

import httpx

from scripts.local.shop import Shop
from scripts.smoke.deployed import Commands, DeployedStand, Origins, told_by
from scripts.smoke.doors import Doors
from scripts.smoke.visitor import Visitor


class DeployedGround:
    """`stand`: opened, with its staff signed in."""

    def __init__(self, origins: Origins, doors: Doors, commands: Commands, stand: DeployedStand) -> None:
        self._origins = origins
        self._doors = doors
        self._commands = commands
        self._stand = stand
        self._crm = httpx.Client(
            transport=_Edge(doors, origins.crm), base_url=origins.crm, headers=self.signed(), timeout=20
        )

    @property
    def shop(self) -> Shop:
        return self._stand.shop

    @property
    def seller(self) -> Visitor:
        return self._stand.person("sales")

    def hooks(self) -> httpx.Client:
        return self._doors.client(self._origins.hooks)

    def crm(self) -> httpx.Client:
        return self._crm

    def signed(self) -> Mapping[str, str]:
        return self.seller.signed(self._origins.crm)

    def crm_connection(self) -> http.client.HTTPConnection:
        return self._doors.connection(self._origins.crm)

    @property
    def crm_host(self) -> str:
        return self._origins.crm.partition("://")[2]

    def settle(self) -> None:
        told_by(self._commands, "trial", "settle")

    def erase_one(self) -> None:
        told_by(self._commands, "trial", "erase")


class _Edge(httpx.BaseTransport):
    """Sends what is meant for an origin through its door."""

    def __init__(self, doors: Doors, origin: str) -> None:
        self._doors = doors
        self._origin = origin

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        client = self._doors.client(self._origin)
        headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"host"]
        answer = client.request(request.method, path, headers=headers, content=request.read())
        kept = [(name, value) for name, value in answer.headers.raw if name.lower() not in _UNDONE]
        return httpx.Response(answer.status_code, headers=kept, content=answer.content)


_UNDONE = frozenset({b"content-encoding", b"transfer-encoding", b"content-length"})
