"""PostgreSQL settings sized to this machine, for two clusters beside their services."""

import os
from typing import Final

import psutil

# Two clusters and the services share the machine: each cluster may take an eighth of the memory as its own cache.
SHARE: Final = 8


def postgres_settings() -> dict[str, str]:
    """Memory in MiB by the size of the machine; connections by the number of processes."""
    memory = psutil.virtual_memory().total
    cores = os.cpu_count() or 2
    shared = max(128, min(8192, memory // SHARE // 1024**2))
    return {
        "shared_buffers": f"{shared}MB",
        "effective_cache_size": f"{max(256, memory // 4 // 1024**2)}MB",
        "maintenance_work_mem": f"{max(64, min(1024, shared // 4))}MB",
        "work_mem": "16MB",
        "max_wal_size": "4GB",
        "min_wal_size": "256MB",
        "checkpoint_timeout": "15min",
        "max_connections": "100",
        "max_worker_processes": str(max(4, cores)),
        "jit": "off",
    }
