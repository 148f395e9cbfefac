"""Counters of the streams for /metrics. No values, no tenants."""

from typing import Final

from prometheus_client import Counter

ROWS: Final = Counter("larets_stream_rows_total", "Rows of streams by verb and outcome.", ["verb", "outcome"])
