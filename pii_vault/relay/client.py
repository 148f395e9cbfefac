"""The relay as the public contour's service calls it: for any shop, over one set of connections. No value passes."""

import ssl
from collections.abc import Mapping
from typing import Final, Protocol

import httpx
import msgspec

from pii_vault.answers import answer_of
from pii_vault.relay.schemas import OfferedTemplate, OfferedTemplates, RelayAccepted, RelayRequest

SECONDS: Final = 8.0
_templates = msgspec.json.Decoder(OfferedTemplates)
_accepted = msgspec.json.Decoder(RelayAccepted)


class RelayPort(Protocol):
    """What the public contour asks of the relay; tests bring their own."""

    async def templates(self, tenant: str) -> list[OfferedTemplate]:
        """Approved templates of a shop, without their texts."""

    async def send(self, tenant: str, request: RelayRequest, *, key: str) -> str:
        """Has one message sent to one person; gives its dispatch. The same `key` sends nothing twice."""

    async def close(self) -> None: ...


class RelayClient:
    """The relay over the vault's service listener. One per process."""

    def __init__(
        self,
        url: str,
        *,
        host: str,
        tls: ssl.SSLContext,
        seconds: float = SECONDS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`host`: the vault's own name, where `url` names an address. `seconds`: for a call with its repetitions."""
        self._seconds = seconds
        self._http = httpx.AsyncClient(
            base_url=url,
            verify=tls,
            headers={"host": host, "content-type": "application/json"},
            timeout=httpx.Timeout(seconds, connect=min(2.0, seconds)),
            trust_env=False,
            transport=transport,
        )

    async def templates(self, tenant: str) -> list[OfferedTemplate]:
        """Raises VaultRefused, VaultUnreachable."""
        headers = {"larets-tenant": tenant}
        answer = await answer_of(lambda: self._http.get("/v1/relay/templates", headers=headers), seconds=self._seconds)
        return _templates.decode(answer.content).templates

    async def send(self, tenant: str, request: RelayRequest, *, key: str) -> str:
        """Raises VaultRefused, VaultUnreachable."""
        headers: Mapping[str, str] = {"larets-tenant": tenant, "idempotency-key": key}
        body = msgspec.json.encode(request)
        answer = await answer_of(
            lambda: self._http.post("/v1/relay", content=body, headers=headers), seconds=self._seconds
        )
        return _accepted.decode(answer.content).dispatch

    async def close(self) -> None:
        await self._http.aclose()
