"""For programs: the client of the vault, and what the public contour may know of it.

This is the one module of `pii_vault` that `app` imports. It needs no database driver and no policy engine.
"""

import asyncio
import random
import ssl
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Final, Protocol, Self, TypeVar

import httpx
import msgspec

from pii_vault.api.schemas import (
    RevealAnswer,
    RevealItem,
    RevealRequest,
    SearchAnswer,
    SearchRequest,
    TokeniseAnswer,
    TokeniseRequest,
)
from pii_vault.audit.note import (
    Checkpoint,
    Note,
    NoteError,
    Signature,
    VerifierKey,
    cosign,
    decode_base64,
    open_checkpoint,
    parse_checkpoint,
    parse_note,
    parse_size,
    parse_vkey,
    verify_cosignature,
    witness_key,
)
from pii_vault.audit.origin import key_of, number_of, open_succession
from pii_vault.audit.proof import EMPTY_ROOT, ProofError, verify_consistency
from pii_vault.core.decoded import iter_decoded
from pii_vault.core.detect import Finding, find_personal_data
from pii_vault.core.tokens import Token, new_id, parse_subject_shape, parse_token_shape
from pii_vault.errors import VaultError
from pii_vault.logs import configure as configure_logging
from pii_vault.operations.items import FoundSubject, RevealResult, TokeniseItem, TokeniseResult
from pii_vault.transport import (
    Listener,
    Peer,
    ServerTls,
    TransportProblem,
    browser_tls,
    peer_certificate_protocol,
    serve_listeners,
)

__all__ = [
    "EMPTY_ROOT",
    "Checkpoint",
    "Finding",
    "FoundSubject",
    "Listener",
    "Note",
    "NoteError",
    "Peer",
    "ProofError",
    "RevealResult",
    "ServerTls",
    "Signature",
    "Token",
    "TokeniseItem",
    "TokeniseResult",
    "TransportProblem",
    "VaultClient",
    "VaultPort",
    "VaultRefused",
    "VaultUnreachable",
    "VerifierKey",
    "browser_tls",
    "client_tls",
    "configure_logging",
    "cosign",
    "decode_base64",
    "find_personal_data",
    "iter_decoded",
    "key_of",
    "new_id",
    "number_of",
    "open_checkpoint",
    "open_succession",
    "parse_checkpoint",
    "parse_note",
    "parse_size",
    "parse_subject_shape",
    "parse_token_shape",
    "parse_vkey",
    "peer_certificate_protocol",
    "serve_listeners",
    "verify_consistency",
    "verify_cosignature",
    "witness_key",
]

T = TypeVar("T")
ATTEMPTS: Final = 3
_TEMPORARY: Final = frozenset((502, 503, 504))
_FIRST_PAUSE: Final = 0.1


class VaultUnreachable(VaultError):
    """The vault does not answer. Nothing was lost: retry later."""

    status_code: ClassVar[int] = 503
    code: ClassVar[str] = "vault_unreachable"


class VaultRefused(VaultError):
    """The vault refused the request. The problem's code and detail say why; repeating it does not help."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.problem = code


class VaultPort(Protocol):
    """What programs of the private contour ask of the vault; `pii_vault.testing` has one in memory."""

    async def tokenise(
        self, items: Sequence[TokeniseItem], *, idempotency_key: str | None = None
    ) -> list[TokeniseResult]:
        """Values to tokens, in order, a result per item; up to 1,000."""

    async def reveal(self, tokens: Sequence[str], *, purpose: str) -> list[RevealResult]:
        """Tokens to values or masks, in order, a result per item; up to 1,000."""

    async def search(self, value: str, *, class_id: str, purpose: str) -> list[FoundSubject]:
        """The subjects with exactly this value."""


def client_tls(*, certificate: Path, key: Path, authority: Path) -> ssl.SSLContext:
    """A context that trusts the vault's authority alone and shows our certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(authority)
    context.load_cert_chain(certificate, key)
    return context


class VaultClient:
    """The vault over its service listener. One per process; connections are kept and shared.

    Every call may be repeated safely (tokenise under an idempotency key), so what fails on the way is tried again,
    up to three times within `seconds`, with growing random pauses.
    """

    def __init__(
        self,
        url: str,
        *,
        tenant: str,
        tls: ssl.SSLContext | None = None,
        seconds: float = 10.0,
        connections: int = 16,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._seconds = seconds
        self._http = httpx.AsyncClient(
            base_url=url,
            verify=tls if tls is not None else True,
            headers={"larets-tenant": tenant, "content-type": "application/json"},
            timeout=httpx.Timeout(seconds, connect=min(2.0, seconds)),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            trust_env=False,
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def tokenise(
        self, items: Sequence[TokeniseItem], *, idempotency_key: str | None = None
    ) -> list[TokeniseResult]:
        """Raises VaultRefused, VaultUnreachable."""
        key = idempotency_key if idempotency_key is not None else uuid.uuid4().hex
        request = TokeniseRequest(list(items))
        return (await self._call("/v1/tokenise", request, TokeniseAnswer, key)).items

    async def reveal(self, tokens: Sequence[str], *, purpose: str) -> list[RevealResult]:
        """Raises VaultRefused, VaultUnreachable."""
        request = RevealRequest(purpose, [RevealItem(token) for token in tokens])
        return (await self._call("/v1/reveal", request, RevealAnswer)).items

    async def search(self, value: str, *, class_id: str, purpose: str) -> list[FoundSubject]:
        """Raises VaultRefused, VaultUnreachable."""
        request = SearchRequest(purpose, class_id, value)
        return (await self._call("/v1/search", request, SearchAnswer)).subjects

    async def _call(self, path: str, request: msgspec.Struct, answer: type[T], idempotency_key: str | None = None) -> T:
        body = msgspec.json.encode(request)
        headers = {"idempotency-key": idempotency_key} if idempotency_key is not None else {}
        try:
            async with asyncio.timeout(self._seconds):
                response = await self._send(path, body, headers)
        except (TimeoutError, httpx.HTTPError):
            # The cause is not chained: a transport's error may quote the request.
            raise VaultUnreachable from None
        if response.status_code == httpx.codes.OK:
            return msgspec.json.decode(response.content, type=answer)
        raise _refusal(response)

    async def _send(self, path: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        pause = _FIRST_PAUSE
        for left in reversed(range(ATTEMPTS)):
            try:
                response = await self._http.post(path, content=body, headers=headers)
            except httpx.TransportError:
                if not left:
                    raise
            else:
                if response.status_code not in _TEMPORARY or not left:
                    return response
            await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311  jitter, not a secret
            pause *= 3
        raise AssertionError("unreachable")


def _refusal(response: httpx.Response) -> VaultError:
    """The vault's problem as an error."""
    if response.status_code in _TEMPORARY:
        return VaultUnreachable()
    try:
        body = msgspec.json.decode(response.content, type=dict[str, object])
    except msgspec.DecodeError:
        body = {}
    code, detail = str(body.get("code", "http_error")), str(body.get("detail", "The vault refused the request."))
    return VaultRefused(response.status_code, code, detail)
