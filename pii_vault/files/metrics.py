"""Counters of files for /metrics. No names, no tenants."""

from typing import Final

from prometheus_client import Counter

FILES: Final = Counter("larets_files_total", "Files that were kept or fetched.", ["verb"])
BYTES: Final = Counter("larets_file_bytes_total", "Bytes of files that were kept.")
