"""The hot endpoints as plain ASGI: no routing, no models, no middleware between the socket and the operation."""

import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from starlette.types import Receive, Scope, Send

from pii_vault.api import metrics
from pii_vault.api.auth import Authenticator, Caller
from pii_vault.api.body import read_body
from pii_vault.api.schemas import (
    RevealAnswer,
    RevealRequest,
    SearchAnswer,
    SearchRequest,
    TokeniseAnswer,
    TokeniseRequest,
    decode,
)
from pii_vault.errors import Forbidden, InvalidRequest, VaultError
from pii_vault.operations.access import refuse
from pii_vault.operations.reveal import reveal
from pii_vault.operations.search import search
from pii_vault.operations.tokenise import tokenise
from pii_vault.problems import MEDIA_TYPE, log_unexpected, problem_bytes, problem_headers
from pii_vault.vault import Vault, new_request_id

Handler = Callable[[Caller, Scope, bytes, str], Awaitable[tuple[msgspec.Struct, int]]]
MAX_KEY_CHARS: Final = 255

_encode = msgspec.json.Encoder().encode
_tokenise_request = msgspec.json.Decoder(TokeniseRequest)
_reveal_request = msgspec.json.Decoder(RevealRequest)
_search_request = msgspec.json.Decoder(SearchRequest)


class HotEndpoints:
    """POST /v1/tokenise, /v1/reveal, /v1/search. `routes` maps a path to an ASGI application."""

    def __init__(self, vault: Vault, authenticator: Authenticator) -> None:
        self._vault = vault
        self._authenticator = authenticator
        self.routes = {
            "/v1/tokenise": self._endpoint("tokenise", self._tokenise),
            "/v1/reveal": self._endpoint("reveal", self._reveal),
            "/v1/search": self._endpoint("search", self._search),
        }

    def _endpoint(self, verb: str, handler: Handler) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
        items = metrics.ITEMS.labels(verb)
        seconds = metrics.SECONDS.labels(verb)

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            started = time.perf_counter()
            request_id = new_request_id()
            error: VaultError
            try:
                caller = await self._admit(scope, verb, request_id)
                body = await read_body(scope, receive)
                result, count = await handler(caller, scope, body, request_id)
                await _send(send, 200, _encode(result), request_id)
                items.inc(count)
                status = 200
            except VaultError as known:
                status, error = known.status_code, known
                await _send_problem(send, error, request_id)
            except Exception as unknown:  # noqa: BLE001  its message may quote a value: it goes nowhere
                log_unexpected(unknown, request_id=request_id)
                status, error = 500, VaultError()
                await _send_problem(send, error, request_id)
            metrics.REQUESTS.labels(verb, str(status)).inc()
            seconds.observe(time.perf_counter() - started)

        return answer

    async def _admit(self, scope: Scope, verb: str, request_id: str) -> Caller:
        """The caller. Nobody of the public contour gets further, whatever a policy may come to say."""
        if scope["method"] != "POST":
            raise InvalidRequest("Use the POST method here.")
        caller = await self._authenticator.caller(scope)
        if caller.principal.contour != "private":
            await refuse(self._vault, caller.principal, Forbidden(), verb=verb, purpose="", request_id=request_id)
        return caller

    async def _tokenise(self, caller: Caller, scope: Scope, body: bytes, request_id: str) -> tuple[msgspec.Struct, int]:
        request = decode(_tokenise_request, body)
        results = await tokenise(
            self._vault,
            caller.principal,
            request.items,
            request_id=request_id,
            idempotency_key=_idempotency_key(scope),
        )
        return TokeniseAnswer(results), len(results)

    async def _reveal(self, caller: Caller, _scope: Scope, body: bytes, request_id: str) -> tuple[msgspec.Struct, int]:
        request = decode(_reveal_request, body)
        await self._check_registered(caller, "reveal", request.purpose, request_id)
        results = await reveal(
            self._vault,
            caller.principal,
            purpose=request.purpose,
            tokens=[item.token for item in request.items],
            request_id=request_id,
        )
        return RevealAnswer(results), len(results)

    async def _search(self, caller: Caller, _scope: Scope, body: bytes, request_id: str) -> tuple[msgspec.Struct, int]:
        request = decode(_search_request, body)
        await self._check_registered(caller, "search", request.purpose, request_id)
        found = await search(
            self._vault,
            caller.principal,
            purpose=request.purpose,
            class_id=request.class_id,
            value=request.value,
            request_id=request_id,
        )
        return SearchAnswer(found), 1

    async def _check_registered(self, caller: Caller, verb: str, purpose: str, request_id: str) -> None:
        """A program names only purposes it was registered for. An unknown purpose is told apart later."""
        registered = caller.purposes
        if registered is None or purpose in registered or purpose not in self._vault.purposes:
            return
        error = Forbidden("This program is not registered for this purpose. Ask the compliance officer.")
        await refuse(self._vault, caller.principal, error, verb=verb, purpose=purpose, request_id=request_id)


def _idempotency_key(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"idempotency-key":
            key: str = value.decode("latin-1").strip()
            if not (key.isascii() and key.isprintable() and 0 < len(key) <= MAX_KEY_CHARS):
                raise InvalidRequest(f"Idempotency-Key: 1 to {MAX_KEY_CHARS} printable ASCII characters")
            return key
    return None


async def _send(
    send: Send, status: int, body: bytes, request_id: str, *, extra: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    media_type = b"application/json" if status == 200 else MEDIA_TYPE.encode()  # noqa: PLR2004
    headers = [
        (b"content-type", media_type),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"larets-request-id", request_id.encode()),
        *extra,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _send_problem(send: Send, error: VaultError, request_id: str) -> None:
    extra = tuple((name.encode(), value.encode()) for name, value in problem_headers(error).items())
    await _send(send, error.status_code, problem_bytes(error), request_id, extra=extra)
