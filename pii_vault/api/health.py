"""GET /healthz, /readyz, /metrics, /v1/audit/checkpoint."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from pii_vault import store
from pii_vault.api import metrics
from pii_vault.api.auth import Authenticator
from pii_vault.api.gauges import certificate_gauge, gauges
from pii_vault.audit.checkpoint import newest_note
from pii_vault.audit.query import witness_lag
from pii_vault.errors import Forbidden, NotFound, StoreUnavailable, VaultError
from pii_vault.protocol import PEER
from pii_vault.vault import Vault

CHECK_SECONDS = 3.0


def build_health(vault: Vault, *, witness: bool = False) -> APIRouter:
    """Liveness and readiness, for whoever can reach the listener: they name parts, never data.

    `witness` tells how far the witness is behind: for the service listener, not for strangers.
    """
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @router.get("/readyz")
    async def readyz() -> Response:
        """Whether a reveal would succeed now. A silent witness never makes the vault unready."""
        lag: dict[str, Any] = {}
        checks = {
            "database": await _check(_database(vault)),
            "keys": await _check(vault.keys.ready()),
            "audit": await _check(_audit(vault, lag)),
        }
        ready = all(outcome == "ok" for outcome in checks.values())
        body = {"status": "ready" if ready else "not_ready", "checks": checks} | ({"witness": lag} if witness else {})
        return Response(msgspec.json.encode(body), 200 if ready else 503, media_type="application/json")

    return router


def build_service_pages(
    vault: Vault,
    authenticator: Authenticator,
    metrics_dir: Path | None,
    certificates: Mapping[str, Callable[[], datetime]],
) -> APIRouter:
    """What only callers with an identity may read. `certificates`: use → when the one in use ends."""
    router = APIRouter(tags=["service"])

    @router.get("/v1/audit/checkpoint", response_class=Response)
    async def checkpoint(request: Request) -> Response:
        """The newest checkpoint of the audit log as a C2SP signed note, with its cosignature if there is one."""
        await authenticator.caller(request.scope)
        try:
            note = await newest_note(vault.pool)
        except (*store.GONE, asyncpg.PostgresError) as error:
            raise StoreUnavailable from error
        if note is None:
            raise NotFound("The audit log has no checkpoint yet. Ask again in a few seconds.")
        return Response(note, media_type="text/plain; charset=utf-8")

    @router.get("/metrics", response_class=Response, include_in_schema=False)
    async def metric_page(request: Request) -> Response:
        peer = request.scope.get(PEER)
        if peer is None or peer.trust_domain != "private":
            raise Forbidden("Metrics are for programs of the private contour. Use the service listener.")
        told = metrics.render(metrics_dir) + certificate_gauge(certificates, now=vault.clock()) + await gauges(vault)
        return Response(told, media_type=CONTENT_TYPE_LATEST)

    return router


async def _check(act: Awaitable[None]) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await act
    except VaultError as error:
        return error.code
    except (*store.GONE, asyncpg.PostgresError):
        return "unavailable"
    return "ok"


async def _database(vault: Vault) -> None:
    await store.fetch(vault.pool, "SELECT 1")


async def _audit(vault: Vault, lag: dict[str, Any]) -> None:
    found = await witness_lag(vault.pool)
    lag |= {"records_unwitnessed": found.records, "seconds": found.seconds, "silent": found.silent}
