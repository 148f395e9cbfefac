"""Where the origins of an environment are reached, and which authorities are believed there.

Nothing is resolved: each host leads to the address that the settings or the other contour's contract name, and its
certificate is checked against its name all the same.
"""

import http.client
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final
from urllib.parse import urlsplit

import httpx

SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Door:
    """One host's edge: its address, and the authority of its contour beside those this machine trusts."""

    address: str
    port: int
    authority: str = ""


@dataclass(slots=True)
class Doors:
    """Clients by origin. `doors` are by host name."""

    doors: Mapping[str, Door]
    heard: Callable[[str, httpx.Response], None] | None = None  # is told every answer, with its origin
    _clients: dict[str, httpx.Client] = field(default_factory=dict, repr=False)

    def base(self, origin: str) -> str:
        """The origin's address, to be called with its host as Host and server name."""
        found = urlsplit(origin)
        door = self.doors[found.hostname or ""]
        address = f"[{door.address}]" if ":" in door.address else door.address
        return f"{found.scheme}://{address}:{door.port}"

    def client(self, origin: str) -> httpx.Client:
        """A client that speaks to one origin alone; it keeps no cookies and follows no redirects."""
        if origin not in self._clients:
            self._clients[origin] = self._made(origin)
        return self._clients[origin]

    def _made(self, origin: str) -> httpx.Client:
        found = urlsplit(origin)
        host = found.hostname or ""

        def name(request: httpx.Request) -> None:
            request.extensions["sni_hostname"] = host

        def hear(response: httpx.Response) -> None:
            if self.heard is not None:
                response.read()
                self.heard(origin, response)

        return httpx.Client(
            base_url=self.base(origin),
            verify=_trust(self.doors[host]) if found.scheme == "https" else False,
            headers={"host": found.netloc},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # browsers share a door, not a session
            event_hooks={"request": [name], "response": [hear]},
            trust_env=False,
            timeout=SECONDS,
        )

    def connection(self, origin: str) -> http.client.HTTPConnection:
        """A connection for requests that no client library would send."""
        found = urlsplit(origin)
        door = self.doors[found.hostname or ""]
        if found.scheme == "http":
            return http.client.HTTPConnection(door.address, door.port, timeout=SECONDS)
        return _Named(door, found.hostname or "")

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        self._clients.clear()


class _Named(http.client.HTTPSConnection):
    """HTTPS to an address, known by a name."""

    def __init__(self, door: Door, name: str) -> None:
        super().__init__(door.address, door.port, timeout=SECONDS)
        self._trusted, self._name = _trust(door), name

    def connect(self) -> None:
        plain = socket.create_connection((self.host, self.port), timeout=SECONDS)
        self.sock = self._trusted.wrap_socket(plain, server_hostname=self._name)


def _trust(door: Door) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if door.authority:
        context.load_verify_locations(cadata=door.authority)
    return context
