"""PostgreSQL's settings for a machine or a pod: how much memory and how many cores it may have.

Full-page images after a checkpoint are most of the WAL, so checkpoints are rare; they are not compressed, because the
processor is what the vault runs out of first. Every setting can be changed without a rebuild of anything.
"""

from typing import Final

GIB: Final = 1024**3
MIB: Final = 1024**2

# A query on a standby is repeated at the primary, so it may be cancelled; held-up replay would let the standby lag, and
# its feedback would let the primary's tables grow.
STANDBY: Final[dict[str, str]] = {"max_standby_streaming_delay": "1s", "hot_standby_feedback": "off"}


def sized(memory: int, cores: int, *, clusters: int = 1) -> dict[str, str]:
    """Settings for one of so many clusters that share the machine. `memory` in bytes.

    A quarter of a cluster's memory goes to its buffers, the operating system's cache gets the rest.
    """
    own = memory // clusters
    buffers = _between(128 * MIB, own // 4, 16 * GIB)
    return {
        "shared_buffers": _text(buffers),
        "effective_cache_size": _text(_between(256 * MIB, own * 3 // 4, 192 * GIB)),
        "maintenance_work_mem": _text(_between(64 * MIB, own // 16, 2 * GIB)),
        "work_mem": _text(_between(4 * MIB, own // 512, 32 * MIB)),
        "wal_buffers": "16MB",
        "max_wal_size": _text(_between(2 * GIB, own // 2, 32 * GIB)),
        "min_wal_size": "512MB",
        "checkpoint_timeout": "15min",
        "checkpoint_completion_target": "0.9",
        "random_page_cost": "1.1",
        "max_worker_processes": str(max(8, cores)),
        "max_parallel_maintenance_workers": str(_between(1, cores // 2, 4)),
        "autovacuum_vacuum_insert_scale_factor": "0.05",  # keeps the visibility map of tables that only grow
    }


def _between(least: int, wished: int, most: int) -> int:
    return max(least, min(wished, most))


def _text(size: int) -> str:
    return f"{size // MIB}MB"
