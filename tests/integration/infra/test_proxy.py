"""The edge's proxy, really run: its certificate is exchanged under it, and no request fails."""

import asyncio
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from infra import pki
from infra.lib import proxy
from infra.lib.names import EDGE_BROWSER
from infra.lib.pods import RUN
from scripts.local.sockets import free_ports
from scripts.tools.build import make
from scripts.tools.haproxy import LIBRARIES, PROGRAM
from scripts.tools.tool import PLACE, ToolProblem
from tests.support.exchange import asked_all_the_while, comes_to_serve, served
from tests.support.instance import until
from tests.support.mounted import Mounted

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@pytest.fixture(scope="module", autouse=True)
def _made() -> None:
    try:
        make(["haproxy"])
    except ToolProblem as problem:
        pytest.skip(f"{problem}; the rendering of its configuration is tested all the same (tests/unit/infra)")


@dataclass
class Contour:
    """What a proxy stands before, and its folder; `run` is where the pod's /run/larets would be."""

    run: Path
    port: int
    authority: pki.Pair = field(default_factory=lambda: pki.make_authority("contour", now=datetime.now(UTC)))
    mounted: Mounted | None = None

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self.authority.certificate)

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, verify=self.tls(), headers={"host": "vault.example.ru"}, timeout=10)

    def exchange(self, certificate: str, key: str) -> None:
        files = {"edge.pem": certificate, "edge.pem.key": key}
        if self.mounted:
            self.mounted.exchange(files)
        else:
            self.mounted = Mounted(self.run / "tls", files)

    def told(self) -> str:
        return (self.run / "log").read_text()


def leaf(signer: pki.Pair) -> pki.Pair:
    return pki.issue(signer, "edge", hosts=["127.0.0.1", "localhost"], now=datetime.now(UTC))


@contextmanager
def upstream(pair: pki.Pair, folder: Path, port: int) -> Iterator[None]:
    """The vault's listener, as far as the proxy knows."""
    (folder / "up.pem").write_text(pair.certificate + pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "up.pem")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(ANSWER)
        writer.close()

    async def serve(stop: asyncio.Event) -> None:
        async with await asyncio.start_server(answer, "127.0.0.1", port, ssl=context):
            await stop.wait()

    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve(stop)))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


def configured(contour: Contour, *, behind: int, health: int) -> None:
    text = proxy.text(
        hosts=["vault.example.ru"], link_host="", upstream="localhost", browser_port=behind, service_port=behind,
        health_port=health,
    )  # fmt: skip
    text = text.replace(f"bind :{EDGE_BROWSER} ", f"bind 127.0.0.1:{contour.port} ").replace(
        "bind :", "bind 127.0.0.1:"
    )
    (contour.run / "config").mkdir()
    for name, content in (("haproxy.cfg", text), ("certificates.lua", proxy.watching())):
        moved = content.replace(RUN, str(contour.run)).replace(proxy.ADMIN, f"{contour.run}/admin.sock")
        (contour.run / "config" / name).write_text(moved)


@pytest.fixture
def contour(tmp_path: Path) -> Iterator[Contour]:
    port, behind, health = free_ports(3)
    made = Contour(tmp_path, port)
    configured(made, behind=behind, health=health)
    pair = leaf(made.authority)
    made.exchange(pair.certificate, pair.key)
    (tmp_path / "authority").mkdir()
    (tmp_path / "authority" / "ca.crt").write_text(made.authority.certificate)
    command = [str(PLACE / PROGRAM), "-W", "-db", "-f", str(tmp_path / "config" / "haproxy.cfg")]
    with upstream(leaf(made.authority), tmp_path, behind), (tmp_path / "log").open("wb") as log:
        libraries = os.environ | {"LD_LIBRARY_PATH": str(PLACE / LIBRARIES)}
        process = subprocess.Popen(command, stdout=log, stderr=log, env=libraries)  # noqa: S603  made above
        try:
            until(lambda: process.poll() is not None or healthy(health))
            assert process.poll() is None, made.told()
            yield made
        finally:
            process.terminate()
            process.wait(30)


def healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def test_an_exchanged_certificate_is_served_without_a_failed_request(contour: Contour) -> None:
    fresh = leaf(contour.authority)
    with contour.client() as kept, asked_all_the_while(kept, contour.client, "/"):
        contour.exchange(fresh.certificate, fresh.key)
        comes_to_serve(contour.url, contour.tls(), fresh)
    assert "edge.pem changed; new connections are under it" in contour.told()


@pytest.mark.parametrize("how", ["half", "key of another", "gone", "a command"])
def test_a_broken_one_is_not_served_and_is_told(contour: Contour, how: str) -> None:
    before = served(contour.url, contour.tls())
    fresh = leaf(contour.authority)
    key = {"half": fresh.key[:100], "key of another": leaf(contour.authority).key, "gone": "",
           "a command": "\n\nshutdown frontend browsers\n"}[how]  # fmt: skip
    # A key of another may cost HAProxy 2.6 one connection that is open: the next one to read finds OpenSSL's error.
    asked = how != "key of another"
    with contour.client() as kept, asked_all_the_while(kept, contour.client, "/") if asked else nullcontext():
        contour.exchange(fresh.certificate, key)
        until(lambda: "edge.pem changed and cannot be used" in contour.told())
        assert served(contour.url, contour.tls()) == before
    assert fresh.certificate.splitlines()[2] not in contour.told()
    whole = leaf(contour.authority)
    contour.exchange(whole.certificate, whole.key)
    comes_to_serve(contour.url, contour.tls(), whole)
