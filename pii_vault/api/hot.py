"""The hot endpoints: no routing, no models, no middleware between the socket and the operation."""

import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from starlette.types import Receive, Scope, Send

from pii_vault.api import metrics
from pii_vault.api.auth import Authenticator, Caller
from pii_vault.api.body import MAX_BODY_BYTES, read_body
from pii_vault.api.consistency import POSITION, read_after
from pii_vault.api.schemas import (
    RevealAnswer,
    RevealRequest,
    SearchAnswer,
    SearchRequest,
    TokeniseAnswer,
    TokeniseRequest,
    decode,
)
from pii_vault.direct import Answer, Direct
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
_GUARDS: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
_JSON: Final = ((b"content-type", b"application/json"), *_GUARDS)
_PROBLEM: Final = ((b"content-type", MEDIA_TYPE.encode()), *_GUARDS)
_search_request = msgspec.json.Decoder(SearchRequest)


class HotEndpoints:
    """POST /v1/tokenise, /v1/reveal, /v1/search.

    `routes` maps a path to an ASGI application; `direct` serves the same to a protocol that needs no ASGI.
    """

    def __init__(self, vault: Vault, authenticator: Authenticator) -> None:
        self._vault = vault
        self._authenticator = authenticator
        verbs = {"tokenise": self._tokenise, "reveal": self._reveal, "search": self._search}
        self.routes = {f"/v1/{verb}": self._endpoint(verb, handler) for verb, handler in verbs.items()}
        handlers = {f"/v1/{verb}".encode(): self._direct(verb, handler) for verb, handler in verbs.items()}
        self.direct = Direct(handlers, MAX_BODY_BYTES)

    def _endpoint(self, verb: str, handler: Handler) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
        answer = self._answer(verb, handler)

        async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
            status, headers, body = await answer(scope, receive)
            length = (b"content-length", b"%d" % len(body))
            await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
            await send({"type": "http.response.body", "body": body})

        return endpoint

    def _direct(self, verb: str, handler: Handler) -> Callable[[Scope, bytes], Awaitable[Answer]]:
        return self._answer(verb, handler)

    def _answer(self, verb: str, handler: Handler) -> Callable[[Scope, Receive | bytes], Awaitable[Answer]]:
        count = metrics.meter(verb).count

        async def answer(scope: Scope, receive: Receive | bytes) -> Answer:
            started = time.perf_counter()
            request_id = new_request_id()
            items = 0
            try:
                caller = await self._admit(scope, verb, request_id)
                body = receive if isinstance(receive, bytes) else await read_body(scope, receive)
                result, items = await handler(caller, scope, body, request_id)
                headers = (*_JSON, (b"larets-request-id", request_id.encode()), *self._position(verb))
                made = Answer(200, headers, _encode(result))
            except VaultError as known:
                made = _problem(known, request_id)
            except Exception as unknown:  # noqa: BLE001  its message may quote a value: it goes nowhere
                log_unexpected(unknown, request_id=request_id)
                made = _problem(VaultError(), request_id)
            count(made.status, items, time.perf_counter() - started)
            return made

        return answer

    async def _admit(self, scope: Scope, verb: str, request_id: str) -> Caller:
        """The caller. Nobody of the public contour gets further, whatever a policy may come to say."""
        if scope["method"] != "POST":
            raise InvalidRequest("Use the POST method here.")
        caller = await self._authenticator.caller(scope)
        if caller.principal.contour != "private":
            await refuse(self._vault, caller.principal, Forbidden(), verb=verb, purpose="", request_id=request_id)
        return caller

    def _position(self, verb: str) -> tuple[tuple[bytes, bytes], ...]:
        """What a search must know of to find what was stored (api/consistency.py)."""
        return ((POSITION, b"%d" % self._vault.audit.stats.size),) if verb == "tokenise" else ()

    async def _tokenise(self, caller: Caller, scope: Scope, body: bytes, request_id: str) -> tuple[msgspec.Struct, int]:
        request = decode(_tokenise_request, body)
        results = await tokenise(
            self._vault,
            caller.principal,
            request.items,
            request_id=request_id,
            idempotency_key=_idempotency_key(scope),
            purposes=caller.purposes,
        )
        return TokeniseAnswer(results), len(results)

    async def _reveal(self, caller: Caller, scope: Scope, body: bytes, request_id: str) -> tuple[msgspec.Struct, int]:
        request = decode(_reveal_request, body)
        read_after(scope["headers"])  # a reveal is never older than that
        await self._check_registered(caller, "reveal", request.purpose, request_id)
        results = await reveal(
            self._vault,
            caller.principal,
            purpose=request.purpose,
            tokens=[item.token for item in request.items],
            request_id=request_id,
        )
        return RevealAnswer(results), len(results)

    async def _search(self, caller: Caller, scope: Scope, body: bytes, request_id: str) -> tuple[msgspec.Struct, int]:
        request = decode(_search_request, body)
        after = read_after(scope["headers"])
        await self._check_registered(caller, "search", request.purpose, request_id)
        found = await search(
            self._vault,
            caller.principal,
            purpose=request.purpose,
            class_id=request.class_id,
            value=request.value,
            request_id=request_id,
            match=request.match,
            after=after,
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


def _problem(error: VaultError, request_id: str) -> Answer:
    extra = tuple((name.encode(), value.encode()) for name, value in problem_headers(error).items())
    headers = (*_PROBLEM, (b"larets-request-id", request_id.encode()), *extra)
    return Answer(error.status_code, headers, problem_bytes(error))
