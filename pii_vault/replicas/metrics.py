"""Counters of the standbys for /metrics. Labels are a standby's place in the settings and an outcome, no addresses."""

from typing import Final

from prometheus_client import Counter, Gauge

LAG_SECONDS: Final = Gauge(
    "larets_replica_lag_seconds",
    "How long ago the primary had what this standby lacks; 0 when it lacks nothing.",
    ["replica"],
    multiprocess_mode="mostrecent",
)
USABLE: Final = Gauge(
    "larets_replica_usable", "Whether the standby is asked: 1 or 0.", ["replica"], multiprocess_mode="mostrecent"
)
READS: Final = Counter(
    "larets_replica_reads",
    "Reads that a standby could answer: `replica` did, or the primary because none was up to date (`behind`) or none "
    "answered (`broken`).",
    ["outcome"],
)
COMPLETED: Final = Counter(
    "larets_replica_completed_rows", "Rows that a standby did not have yet and the primary gave."
)
