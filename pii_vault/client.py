"""For programs: the client of the vault, and what the public contour may know of it.

This is the one module of `pii_vault` that `app` imports. It needs no database driver and no policy engine.
"""

import ssl
import uuid
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self, TypeVar

import httpx
import msgspec

from pii_vault.answers import VaultRefused, VaultUnreachable, answer_of
from pii_vault.api.schemas import (
    ClassifyRequest,
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
from pii_vault.audit.origin import Succession, key_of, number_of, open_succession
from pii_vault.audit.proof import EMPTY_ROOT, ProofError, verify_consistency
from pii_vault.certificates import client_tls
from pii_vault.core.detect import find_personal_data
from pii_vault.core.kinds import Kind, find_misfits, fits
from pii_vault.core.mixed import MAX_MIXED, Piece, is_mixed, personal_classes, pieces_of
from pii_vault.core.tokens import Token, new_id, parse_subject_shape, parse_token_shape
from pii_vault.logs import configure as configure_logging
from pii_vault.operations.items import FoundSubject, RevealResult, TakenText, TokeniseItem, TokeniseResult
from pii_vault.relay.client import RelayClient, RelayPort
from pii_vault.relay.schemas import OfferedParameter, OfferedTemplate, RelayRequest
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
    "MAX_MIXED",
    "Checkpoint",
    "FoundSubject",
    "Kind",
    "Listener",
    "Note",
    "NoteError",
    "OfferedParameter",
    "OfferedTemplate",
    "Peer",
    "Piece",
    "ProofError",
    "RelayClient",
    "RelayPort",
    "RelayRequest",
    "RevealResult",
    "ServerTls",
    "Signature",
    "Succession",
    "TakenText",
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
    "find_misfits",
    "find_personal_data",
    "fits",
    "is_mixed",
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
    "personal_classes",
    "pieces_of",
    "serve_listeners",
    "verify_consistency",
    "verify_cosignature",
    "witness_key",
]

T = TypeVar("T")


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

    async def classify(self, text: str, *, subject: str | None = None, idempotency_key: str | None = None) -> TakenText:
        """A text to one token, and to its form with tokens in place where the officer lets it cross."""


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

    async def classify(self, text: str, *, subject: str | None = None, idempotency_key: str | None = None) -> TakenText:
        """Raises VaultRefused, VaultUnreachable."""
        key = idempotency_key if idempotency_key is not None else uuid.uuid4().hex
        return await self._call("/v1/classify", ClassifyRequest(text, subject=subject), TakenText, key)

    async def _call(self, path: str, request: msgspec.Struct, answer: type[T], idempotency_key: str | None = None) -> T:
        body = msgspec.json.encode(request)
        headers = {"idempotency-key": idempotency_key} if idempotency_key is not None else {}
        response = await answer_of(lambda: self._http.post(path, content=body, headers=headers), seconds=self._seconds)
        return msgspec.json.decode(response.content, type=answer)
