"""The OpenID issuer as the CRM reaches it: discovery, keys and tokens over the vault's service listener only.

The listener's address is a loopback or cluster address; the issuer's name travels as Host and server name, and the
certificate is checked against the private contour's authority. The browser is sent to the issuer's origin.
"""

import asyncio
import logging
import time
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import httpx
import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from app.errors import AppError, IssuerUnavailable

logger = logging.getLogger(__name__)

DISCOVERY_TTL: Final = 600.0
DISCOVERY_MIN_AGE: Final = 2.0
KEYS_MIN_AGE: Final = 10.0
DOWN_FOR: Final = 10.0
_OK: Final = 200
# The request may have arrived; a connection that was never made has brought nothing.
_ANSWER_LOST: Final = (httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError)
# What ends a session (RFC 6749, 5.2). Any other refusal is about the CRM itself, and sessions outlive it.
_SESSION_OVER: Final = "invalid_grant"


class Refused(AppError):
    """The sign-in service refused. Sign in again."""

    status_code = 401
    code = "signin_refused"


class Issuer(Protocol):
    """What the sign-in needs of an issuer; tests bring their own."""

    origin: str

    async def discovery(self, *, fresh: bool = False) -> dict[str, Any]: ...

    async def keys(self, *, fresh: bool = False) -> KeySet: ...

    async def token(self, form: dict[str, str]) -> dict[str, Any]:
        """Raises Refused or IssuerUnavailable."""
        ...

    async def revoke(self, refresh_token: str) -> None: ...

    async def close(self) -> None: ...


class HttpIssuer:
    """Keys and discovery are cached; after a failure the issuer is left alone for a few seconds."""

    def __init__(self, client: httpx.AsyncClient, *, origin: str, client_id: str) -> None:
        self.origin = origin
        self._client = client
        self._client_id = client_id
        self._discovery: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._down_until = 0.0
        self._lock = asyncio.Lock()

    async def discovery(self, *, fresh: bool = False) -> dict[str, Any]:
        """The issuer's own description; `fresh` when it matters that it answers now. Raises IssuerUnavailable."""
        async with self._lock:
            now = time.monotonic()
            if self._discovery and now - self._discovery[0] < (DISCOVERY_MIN_AGE if fresh else DISCOVERY_TTL):
                return self._discovery[1]
            document = await self._json("GET", "/.well-known/openid-configuration")
            if document.get("issuer") != self.origin:
                logger.error("the discovery document names another issuer")
                raise IssuerUnavailable
            self._discovery = (now, document)
            return document

    async def keys(self, *, fresh: bool = False) -> KeySet:
        """The issuer's public keys; `fresh` asks again, at most every ten seconds."""
        jwks_uri = str((await self.discovery())["jwks_uri"])
        async with self._lock:
            now = time.monotonic()
            if self._keys and now - self._keys[0] < (KEYS_MIN_AGE if fresh else DISCOVERY_TTL):
                return self._keys[1]
            try:
                found = KeySet.import_key_set(await self._json("GET", urlsplit(jwks_uri).path))  # type: ignore[arg-type]
            except (JoseError, ValueError, KeyError) as error:
                raise IssuerUnavailable from error
            self._keys = (now, found)
            return found

    async def token(self, form: dict[str, str]) -> dict[str, Any]:
        """A refresh whose answer got lost is repeated once, at once: the issuer knows such a repeat from a theft by
        how soon it comes.
        """
        path = urlsplit(str((await self.discovery())["token_endpoint"])).path
        full = form | {"client_id": self._client_id}
        try:
            return await self._json("POST", path, form=full)
        except IssuerUnavailable as error:
            if form.get("grant_type") != "refresh_token" or not isinstance(error.__cause__, _ANSWER_LOST):
                raise
        self._down_until = 0.0
        return await self._json("POST", path, form=full)

    async def revoke(self, refresh_token: str) -> None:
        """Best effort: a session that cannot be revoked there runs out there."""
        try:
            endpoint = (await self.discovery()).get("revocation_endpoint")
            if endpoint:
                form = {"token": refresh_token, "token_type_hint": "refresh_token", "client_id": self._client_id}
                await self._send("POST", urlsplit(str(endpoint)).path, form=form)
        except AppError:
            logger.warning("the issuer could not be told of a sign-out")

    async def close(self) -> None:
        await self._client.aclose()

    async def _json(self, method: str, path: str, *, form: dict[str, str] | None = None) -> dict[str, Any]:
        answer = await self._send(method, path, form=form)
        try:
            document = msgspec.json.decode(answer.content, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise IssuerUnavailable from error
        if answer.status_code == _OK:
            return document
        if document.get("error") == _SESSION_OVER:
            raise Refused
        logger.error("the issuer does not serve this CRM: status %d", answer.status_code)
        raise IssuerUnavailable

    async def _send(self, method: str, path: str, *, form: dict[str, str] | None) -> httpx.Response:
        if time.monotonic() < self._down_until:
            raise IssuerUnavailable
        try:
            answer = await self._client.request(method, path, data=form)
        except httpx.HTTPError as error:
            self._down_until = time.monotonic() + DOWN_FOR
            logger.warning("the issuer does not answer: %s", type(error).__name__)
            raise IssuerUnavailable from error
        if (
            answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR
            or answer.status_code == httpx.codes.TOO_MANY_REQUESTS
        ):
            raise IssuerUnavailable
        return answer
