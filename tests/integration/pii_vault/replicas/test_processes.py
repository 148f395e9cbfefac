"""The shipped processes with a standby in their settings."""

import re
import time
from pathlib import Path

import httpx

from tests.integration.pii_vault.replicas.conftest import CROWD
from tests.support.postgres import Database
from tests.support.replica import Replica
from tests.support.server import serve

DEMO = {"larets-tenant": "demo"}


def metric(http: httpx.Client, name: str) -> float:
    found = re.findall(rf"^{re.escape(name)} ([0-9.e+]+)$", http.get("/metrics").text, re.MULTILINE)
    return sum(map(float, found))


def test_large_reveals_go_to_the_standby_and_metrics_say_so(
    vault_database: Database, replica: Replica, tmp_path: Path
) -> None:
    items = [{"class": "phone", "value": f"+7900{number:07}"} for number in range(CROWD)]
    more = {"replica_urls": replica.url_of(vault_database)}
    with serve(tmp_path, vault_database, workers=2, more=more) as server, server.http() as http:
        stored = http.post("/v1/tokenise", json={"items": items}, headers=DEMO)
        assert int(stored.headers["larets-position"]) >= 1
        tokens = [{"token": item["token"]} for item in stored.json()["items"]]
        replica.catch_up()
        until = time.monotonic() + 20
        while not metric(http, 'larets_replica_reads_total{outcome="replica"}') and time.monotonic() < until:
            shown = http.post("/v1/reveal", json={"purpose": "support", "items": tokens}, headers=DEMO)
            assert [item["value"] for item in shown.json()["items"]] == [item["value"] for item in items]
        assert metric(http, 'larets_replica_reads_total{outcome="replica"}') > 0
        assert metric(http, 'larets_replica_usable{replica="1"}') == 1
        assert "larets_replica_lag_seconds" in http.get("/metrics").text
        assert more["replica_urls"] not in http.get("/metrics").text + server.log
