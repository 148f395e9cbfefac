"""Counters of the gateway for /metrics: what came, what became of it, how long it took. No values, no tenants."""

from typing import Final

from prometheus_client import Counter, Histogram

DELIVERIES: Final = Counter(
    "larets_gateway_deliveries_total", "Deliveries by connector and outcome.", ["connector", "outcome"]
)
ACCEPT_SECONDS: Final = Histogram(
    "larets_gateway_accept_seconds",
    "From a delivery's last byte to its commit.",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
