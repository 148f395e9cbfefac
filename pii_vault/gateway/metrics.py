"""Counters of the gateway for /metrics: what came, what became of it, how long it took. No values, no tenants."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

DELIVERIES: Final = Counter(
    "larets_gateway_deliveries_total", "Deliveries by connector and outcome.", ["connector", "outcome"]
)
ACCEPT_SECONDS: Final = Histogram(
    "larets_gateway_accept_seconds",
    "From a delivery's last byte to its commit.",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
FORWARDED: Final = Counter("larets_outbox_events_total", "Events by what became of an attempt.", ["outcome"])
FORWARD_SECONDS: Final = Histogram(
    "larets_outbox_age_seconds",
    "From an event's commit to the public contour's answer.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 60, 3600),
)
WAITING: Final = Gauge("larets_outbox_waiting", "Events not yet taken by the public contour.")
DEAD: Final = Gauge("larets_outbox_dead", "Events the public contour refused for good; a person must look.")
