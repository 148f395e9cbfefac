"""HTTP on both kinds of listener: limits on a request's head and time, and who the peer is by its certificate.

The peer is read from the TLS connection and stands in `scope["larets.peer"]`; no header can set it.
"""

import asyncio
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

PEER: Final = "larets.peer"
HEAD_BYTES: Final = 32 * 1024
REQUEST_SECONDS: Final = 20.0  # from the first byte of a request to its last


class Peer(NamedTuple):
    """A client with a certificate: the domain whose authority signed it, and the common name in it."""

    trust_domain: str
    name: str


class LimitedProtocol(HttpToolsProtocol):
    """Closes a connection whose request is too long in its head or too slow to arrive: it holds no worker."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_bytes = 0
        self._head_done = False
        self._arrival: asyncio.TimerHandle | None = None
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._request_arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._head_done:
            self._head_bytes += len(data)
        super().data_received(data)
        if not self._head_done and self._head_bytes > HEAD_BYTES:
            self.send_400_response("Request head too large.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_request()

    def on_headers_complete(self) -> None:
        self._head_done = True
        head = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if head > HEAD_BYTES:
            message = "request head too large"  # the parser stops, uvicorn answers 400 and closes
            raise ValueError(message)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._request_arrived()
        self._head_done = False
        self._head_bytes = 0
        super().on_message_complete()

    def _await_request(self) -> None:
        if self._arrival is None:
            self._arrival = self.loop.call_later(REQUEST_SECONDS, self.transport.close)

    def _request_arrived(self) -> None:
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None


def peer_certificate_protocol(authorities: Mapping[str, Path]) -> type[LimitedProtocol]:
    """A protocol class that names the peer of each connection in `scope["larets.peer"]`.

    Args:
        authorities: trust domain → the file of its certificate authority.
    """
    identify = _identifier(authorities)

    class PeerCertificateProtocol(LimitedProtocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._peer: Peer | None = None
            tls = transport.get_extra_info("ssl_object")
            certificate = tls.getpeercert(binary_form=True) if tls is not None else None
            if certificate is not None:
                self._peer = identify(certificate)
            if self._peer is None:
                transport.close()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            scope: dict[str, Any] = self.scope  # type: ignore[assignment]
            scope[PEER] = self._peer

    return PeerCertificateProtocol


def _identifier(authorities: Mapping[str, Path]) -> Callable[[bytes], Peer | None]:
    """(certificate in DER) → peer. The domain is whose key signed it: a name of an issuer can be copied."""
    loaded = {domain: x509.load_pem_x509_certificate(path.read_bytes()) for domain, path in authorities.items()}

    @functools.lru_cache(maxsize=1024)
    def identify(der: bytes) -> Peer | None:
        leaf = x509.load_der_x509_certificate(der)
        names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        if len(names) != 1:
            return None
        for domain, authority in loaded.items():
            try:
                leaf.verify_directly_issued_by(authority)
            except (InvalidSignature, ValueError, TypeError):
                continue
            return Peer(domain, str(names[0].value))
        return None

    return identify
