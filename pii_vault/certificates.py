"""Certificates that are exchanged while their process runs: what their files say now holds for each new connection.

A mounted Secret is renewed by the exchange of one link, so all its files change at once. They are looked at when a
connection begins, at most once in LOOK_SECONDS; connections that are open go on. Files of which nothing can be made
(a half, a key of another certificate) leave what was there in force, and are told by their names.
"""

import logging
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Generic, Self, TypeVar

from cryptography import x509

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
T = TypeVar("T")


class Followed(Generic[T]):
    """What `make` makes of files, made anew when they have changed. Raises what the first `make` raises."""

    def __init__(self, make: Callable[[], T], files: Iterable[Path]) -> None:
        self._make = make
        self._files = tuple(files)
        self._lock = threading.Lock()
        self._seen = _marks(self._files)
        self._made = make()
        self._look_at = time.monotonic() + LOOK_SECONDS

    def now(self) -> T:
        with self._lock:
            if time.monotonic() >= self._look_at:
                self._look()
                self._look_at = time.monotonic() + LOOK_SECONDS
            return self._made

    def _look(self) -> None:
        # The marks are from before the files are read: an exchange in between is seen the next time.
        marks = _marks(self._files)
        if marks == self._seen:
            return
        changed = [path for path, old, new in zip(self._files, self._seen, marks, strict=True) if old != new]
        told = ", ".join(f"{path.parent.name}/{path.name}" for path in changed)
        self._seen = marks
        try:
            self._made = self._make()
        except (OSError, ValueError) as error:
            logger.error("%s changed and cannot be used: %s; the one before stays", told, type(error).__name__)  # noqa: TRY400
        else:
            logger.info("%s changed; new connections are under it", told)


def _marks(files: Sequence[Path]) -> list[tuple[int, ...]]:
    """By which a changed file is known, behind whatever links lead to it; of an absent one there are none."""
    found: list[tuple[int, ...]] = []
    for path in files:
        try:
            state = path.stat()
        except OSError:
            found.append(())
        else:
            found.append((state.st_dev, state.st_ino, state.st_mtime_ns, state.st_size))
    return found


@dataclass(frozen=True, slots=True)
class Loaded:
    """A context and the certificate that it shows, in PEM."""

    context: ssl.SSLContext
    certificate: bytes


class FollowingContext(ssl.SSLContext):
    """Stands where a context is asked for; every new connection is of the newest that its files made.

    It is never used itself, and would trust nobody. A context that is loaded anew in place would keep authorities
    that are gone, and after a broken file neither the old key nor a new one.
    """

    def __new__(cls, load: Callable[[], Loaded], files: Iterable[Path]) -> Self:
        del load, files
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, load: Callable[[], Loaded], files: Iterable[Path]) -> None:
        """Raises OSError: there is nothing to begin with."""
        self._loaded = Followed(load, files)
        self._protocols: list[str] = []

    def ends(self) -> datetime:
        """When the certificate that is shown now ends. Raises ValueError: it cannot be read."""
        return end_of(self._loaded.now().certificate)

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        self._protocols = list(alpn_protocols)

    def wrap_bio(self, *args: Any, **more: Any) -> ssl.SSLObject:
        return self._newest().wrap_bio(*args, **more)

    def wrap_socket(self, *args: Any, **more: Any) -> ssl.SSLSocket:
        return self._newest().wrap_socket(*args, **more)

    def _newest(self) -> ssl.SSLContext:
        context = self._loaded.now().context
        if self._protocols:
            context.set_alpn_protocols(self._protocols)
        return context


def end_of(certificate: bytes) -> datetime:
    """When a certificate (PEM, the first of a chain) ends. Raises ValueError."""
    return x509.load_pem_x509_certificate(certificate).not_valid_after_utc


def end_in(path: Path) -> datetime:
    """When the certificate of a file ends. Raises OSError, ValueError."""
    return end_of(path.read_bytes())


def client_tls(*, certificate: Path, key: Path, authority: Path) -> FollowingContext:
    """A context that trusts one authority alone and shows our certificate; it follows all three files.

    Raises OSError: they cannot be read, or do not belong together.
    """

    def load() -> Loaded:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_verify_locations(authority)
        context.load_cert_chain(certificate, key)
        return Loaded(context, certificate.read_bytes())

    return FollowingContext(load, (certificate, key, authority))
