"""GET /metrics of the intake listener: who is shown it, what it tells; alarms and boards find what they name."""

from typing import Any

import httpx
import psycopg
import pytest
from fastapi import APIRouter

from app.compose import build_browser, build_intake
from app.services import AppServices
from app.telemetry.service import page
from tests.integration.app.support import CRM
from tests.support.postgres import Database as Clone
from tests.support.telemetry import exported, expressions, spoken

WATCHER = ("public", "metrics")
TENANT = "tnt_of_a_test"


def intake(services: AppServices, peer: tuple[str, str] | None) -> httpx.AsyncClient:
    """A client of the intake listener whose certificate names `peer`."""
    app = build_intake(services, witness=APIRouter())

    async def named(scope: Any, receive: Any, send: Any) -> None:
        await app(scope | ({"larets.peer": peer} if peer else {}), receive, send)

    return httpx.AsyncClient(transport=httpx.ASGITransport(named), base_url="https://intake")


@pytest.fixture
async def shown(services: AppServices, app_database: Clone) -> str:
    """The page after a request of each listener, with a worker, a job that failed and a cosigned checkpoint."""
    with psycopg.connect(app_database.owner_url, autocommit=True) as connection:
        connection.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '70 seconds')")
        connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status) "
            "VALUES ('default', 'purge', '{}', 'failed')"
        )
        connection.execute(
            "INSERT INTO witness_checkpoint (origin, hour, size, root, note) "
            "VALUES ('vault/audit', now() - interval '600 seconds', 1, '', '')"
        )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(build_browser(services)), base_url=CRM) as browser:
        assert (await browser.get("/api/v1/orders?cursor=ivan@example.ru")).status_code in {401, 422}
        await browser.get("/healthz")
    async with intake(services, ("private", services.settings.outbox_name)) as outbox:
        assert (await outbox.get("/witness/nowhere")).status_code == 404
    async with intake(services, WATCHER) as watcher:
        answer = await watcher.get("/metrics")
    assert answer.status_code == 200
    return answer.text


async def test_requests_and_the_worker_are_told_without_paths_or_values(shown: str) -> None:
    lines = dict(line.rpartition(" ")[::2] for line in shown.splitlines() if not line.startswith("#"))
    assert lines['larets_app_requests_total{listener="intake",status="404"}'] == "1.0"
    assert [lines[name] for name in lines if "_seconds_count" in name] == [
        "1.0",
        "1.0",
    ]  # health checks are not counted
    assert lines['larets_app_jobs{state="failed"}'] == "1.0"
    assert 70 <= float(lines["larets_app_worker_silent_seconds"]) < 600
    assert 600 <= float(lines["larets_app_cosigned_seconds"]) < 4000
    assert not [word for word in ("orders", "ivan", "nowhere", "vault/audit") if word in shown]


async def test_alarms_and_boards_speak_of_what_is_shown(shown: str) -> None:
    assert spoken(expressions("public")) - exported(shown.encode()) == set()
    assert spoken(["rate(larets_app_made_up_total[5m])"]) - exported(shown.encode()) == {"larets_app_made_up_total"}


@pytest.mark.parametrize("peer", [None, ("public", "crm"), ("private", "metrics"), ("private", "outbox")])
async def test_nobody_else_is_shown_them(services: AppServices, peer: tuple[str, str] | None) -> None:
    async with intake(services, peer) as stranger:
        assert (await stranger.get("/metrics")).status_code == 403


@pytest.mark.parametrize("path", ["/intake/v1/events", "/witness/add-checkpoint", "/metrics/"])
async def test_whoever_watches_sees_metrics_alone(services: AppServices, path: str) -> None:
    async with intake(services, WATCHER) as watcher:
        assert (await watcher.post(path)).status_code == 403


async def test_without_a_worker_there_is_no_silence_to_measure(services: AppServices) -> None:
    """The alarm is on the metric's absence then."""
    assert b"larets_app_worker_silent_seconds" not in await page(services.db, services.counters)


async def test_without_a_database_the_counters_are_told_alone(services: AppServices, app_database: Clone) -> None:
    admin = app_database.superuser_url.rpartition("/")[0] + "/postgres"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{app_database.name}" WITH ALLOW_CONNECTIONS false')
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (app_database.name,)
        )
        told = await page(services.db, services.counters)
        connection.execute(f'ALTER DATABASE "{app_database.name}" WITH ALLOW_CONNECTIONS true')
    assert b"# TYPE larets_app_requests_total counter" in told
    assert b"larets_app_jobs" not in told
