"""Who the peer of a connection is: read from its TLS certificate, named in `scope["larets.peer"]`.

No header can set it.
"""

import asyncio
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID

from pii_vault.certificates import Followed
from pii_vault.direct import DirectProtocol
from pii_vault.protocol import PEER, Peer


def peer_certificate_protocol(authorities: Mapping[str, Path]) -> type[DirectProtocol]:
    """A protocol class that names the peer of each connection in `scope["larets.peer"]`.

    Args:
        authorities: trust domain → the file of its certificate authority, or of several while one follows another.
    """
    identifier = Followed(lambda: _identifier(authorities), authorities.values())

    class PeerCertificateProtocol(DirectProtocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._peer: Peer | None = None
            tls = transport.get_extra_info("ssl_object")
            certificate = tls.getpeercert(binary_form=True) if tls is not None else None
            if certificate is not None:
                self._peer = identifier.now()(certificate)
            if self._peer is None:
                transport.close()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            scope: dict[str, Any] = self.scope  # type: ignore[assignment]
            scope[PEER] = self._peer

    return PeerCertificateProtocol


def _identifier(authorities: Mapping[str, Path]) -> Callable[[bytes], Peer | None]:
    """(certificate in DER) → peer. The domain is whose key signed it: a name of an issuer can be copied."""
    loaded = [
        (domain, authority)
        for domain, path in authorities.items()
        for authority in x509.load_pem_x509_certificates(path.read_bytes())
    ]

    @functools.lru_cache(maxsize=1024)
    def identify(der: bytes) -> Peer | None:
        leaf = x509.load_der_x509_certificate(der)
        names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        if len(names) != 1:
            return None
        for domain, authority in loaded:
            try:
                leaf.verify_directly_issued_by(authority)
            except (InvalidSignature, ValueError, TypeError):
                continue
            return Peer(domain, str(names[0].value))
        return None

    return identify
