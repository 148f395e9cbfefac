"""TLS of the listeners: the service listener asks for a certificate, the browser listener behind its edge does not."""

import asyncio
import contextlib
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra import pki
from pii_vault.transport import ServerTls, TransportProblem, browser_tls


@pytest.fixture
def files(tmp_path: Path) -> Path:
    authority = pki.make_authority("authority", now=datetime.now(UTC))
    pair = pki.issue(authority, "vault", hosts=["localhost"], now=datetime.now(UTC))
    for name, text in (("ca", authority.certificate), ("crt", pair.certificate), ("key", pair.key)):
        (tmp_path / name).write_text(text)
    return tmp_path


async def answered(tls: ServerTls, folder: Path) -> bytes:
    """What a client without a certificate gets."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        await writer.drain()
        writer.close()

    context = ssl.create_default_context(cafile=str(folder / "ca"))
    async with await asyncio.start_server(greet, "127.0.0.1", 0, ssl=tls.context) as server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
        try:
            return await reader.read()
        finally:
            writer.close()


async def test_an_edge_needs_no_certificate_of_its_own(files: Path) -> None:
    tls = browser_tls(files / "crt", files / "key")
    assert tls is not None
    assert await answered(tls, files) == b"hello"


async def test_a_service_client_does(files: Path) -> None:
    asking = ServerTls(files / "crt", files / "key", {"private": files / "ca"})
    # In TLS 1.3 the client learns of the refusal when it reads: an alert or nothing at all.
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        assert await answered(asking, files) == b""


def test_without_a_certificate_the_browser_listener_is_plain() -> None:
    assert browser_tls(None, None) is None


@pytest.mark.parametrize(("certificate", "key"), [(Path("crt"), None), (None, Path("key"))])
def test_half_a_pair_is_refused(certificate: Path | None, key: Path | None) -> None:
    with pytest.raises(TransportProblem, match="belong together"):
        browser_tls(certificate, key)
