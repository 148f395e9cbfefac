"""Errors while orders are on their way, provoked in the check's own instance, and the wait until none is left."""

import time
from typing import Final

import psycopg

from scripts.leakcheck.rig import Rig
from scripts.leakcheck.webhooks import Webhooks
from scripts.local.instance import InstanceProblem

PATIENCE_SECONDS: Final = 30.0


def wait_for_outbox(rig: Rig) -> int:
    """Until everything accepted has been forwarded. Returns how many events the CRM refused for good."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    query = "SELECT count(*) FILTER (WHERE dead IS NULL), count(*) FILTER (WHERE dead IS NOT NULL) FROM gateway_outbox"
    with rig.private_database() as connection:
        while time.monotonic() < deadline:
            row = connection.execute(query).fetchone()
            if row is not None and row[0] == 0:
                return int(row[1])
            # What has failed need not sit out its pause: the CRM is back.
            connection.execute("UPDATE gateway_outbox SET due = now() WHERE dead IS NULL AND failure IS NOT NULL")
            time.sleep(0.3)
    message = f"the outbox has not drained after {PATIENCE_SECONDS:.0f} s; run with --keep and look at the worker's log"
    raise InstanceProblem(message)


def provoke_errors(rig: Rig, hooks: Webhooks) -> None:
    """The CRM down, its table refusing rows, its database away: each while a person's order is on its way."""
    rig.stop_app()
    hooks.plain("CRM down")
    _wait_for_failure(rig)
    rig.start_app()
    wait_for_outbox(rig)
    with rig.public_database() as connection:
        connection.execute("ALTER TABLE orders ADD CONSTRAINT refuse_all CHECK (false) NOT VALID")
        hooks.plain("CRM's table refuses rows")
        _wait_for_failure(rig)
        connection.execute("ALTER TABLE orders DROP CONSTRAINT refuse_all")
    wait_for_outbox(rig)
    # From another database: this one is closed to everybody meanwhile.
    elsewhere = rig.instance.superuser_url("public").rpartition("/")[0] + "/postgres"
    with psycopg.connect(elsewhere, autocommit=True) as connection:
        connection.execute("ALTER DATABASE app WITH ALLOW_CONNECTIONS false")
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'app'")
        hooks.plain("CRM's database away")
        _wait_for_failure(rig)
        connection.execute("ALTER DATABASE app WITH ALLOW_CONNECTIONS true")


def _wait_for_failure(rig: Rig) -> None:
    """Until the order was offered to the CRM in vain.

    Raises:
        InstanceProblem: it was not, so the error that should have been provoked did not happen.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    with rig.private_database() as connection:
        while time.monotonic() < deadline:
            row = connection.execute("SELECT count(*) FROM gateway_outbox WHERE failure IS NOT NULL").fetchone()
            if row is not None and row[0] > 0:
                return
            time.sleep(0.1)
    message = "an order was not offered to a CRM that cannot take it: the provoked error did not happen"
    raise InstanceProblem(message)
