"""A server's certificate is exchanged while it is asked without a pause."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from cryptography import x509

from infra import pki
from tests.support.instance import until

LEFT = timedelta(days=7)  # of a certificate that `reissued` makes


def reissued(folder: Path, name: str, *, hosts: tuple[str, ...] = ("127.0.0.1",)) -> pki.Pair:
    """By the authority of this folder; it ends within LEFT."""
    authority = pki.Pair((folder / "ca.crt").read_text(), (folder / "ca.key").read_text())
    return pki.issue(authority, name, hosts=hosts, now=datetime.now(UTC) - pki.LEAF_LIFE + LEFT)


def served(url: str, tls: ssl.SSLContext) -> int:
    """The serial number of the certificate that a new connection gets."""
    parts = httpx.URL(url)
    with (
        socket.create_connection((parts.host, parts.port or 443), timeout=10) as plain,
        tls.wrap_socket(plain, server_hostname=parts.host) as connection,
    ):
        shown = connection.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown).serial_number


def serial(pair: pki.Pair) -> int:
    return x509.load_pem_x509_certificate(pair.certificate.encode()).serial_number


def comes_to_serve(url: str, tls: ssl.SSLContext, pair: pki.Pair) -> None:
    until(lambda: served(url, tls) == serial(pair), seconds=20)


@contextmanager
def asked_all_the_while(kept: httpx.Client, fresh: Callable[[], httpx.Client], path: str) -> Iterator[None]:
    """By a connection that stays open and by new ones. At the end: both have asked, and not one request failed."""
    stop, failed, counted = threading.Event(), [], {"kept": 0, "fresh": 0}

    def ask(name: str, client: httpx.Client) -> None:
        try:
            answer = client.get(path)
            if answer.status_code != httpx.codes.OK:
                failed.append(f"{name}: {answer.status_code}")
        except httpx.HTTPError as error:
            failed.append(f"{name}: {type(error).__name__}")
        counted[name] += 1

    def run() -> None:
        while not stop.is_set():
            ask("kept", kept)
            with fresh() as client:
                ask("fresh", client)

    asking = threading.Thread(target=run)
    asking.start()
    try:
        yield
    finally:
        stop.set()
        asking.join(30)
    assert min(counted.values()) > 0
    assert not failed, failed
