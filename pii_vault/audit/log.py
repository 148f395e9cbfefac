"""Group commit of audit records: an act and its record stand or fall together."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import asyncpg

from pii_vault.audit.errors import AuditUnavailable

__all__ = ["AuditCommitter", "AuditEntry", "AuditUnavailable"]

T = TypeVar("T")
Apply = Callable[[asyncpg.Connection], Awaitable[T]]


@dataclass(slots=True, kw_only=True)
class AuditEntry:
    """One act for the log. Never a value: ids, class and purpose names, counts.

    `apply` may complete the entry (subjects, counts, decision): the record is encoded after it returned.
    `index` is set once the record is committed.
    """

    tenant: str
    principal_id: str
    principal_kind: Literal["staff", "service"]
    verb: str
    purpose: str
    decision: str
    counts: Mapping[str, Mapping[str, int]]  # outcome -> class -> how many: {"value": {"phone": 3}}
    matrix_version: str
    request_id: str
    subjects: Sequence[bytes] = field(default=())  # 16-byte ids; they are hashed under a key before they are written
    index: int | None = None


class AuditCommitter:
    """One per worker process. Callers waiting at the same time share one transaction."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        *,
        hash_key: bytes,
        deadline: float = 2.0,
        act_deadline: float = 10.0,
    ) -> None:
        raise NotImplementedError

    async def start(self) -> None:
        raise NotImplementedError

    async def stop(self) -> None:
        raise NotImplementedError

    async def commit(
        self, entry: AuditEntry, *, apply: Apply[T] | None = None, refusal: AuditEntry | None = None
    ) -> T | None:
        """Run `apply` in the shared transaction, append the record last, COMMIT; then return what `apply` returned.

        `apply` runs under a savepoint; it may be run again after a deadlock, so it must have no effect but on its
        connection. The caller must not hold a connection of the same pool while it waits.

        Raises:
            AuditUnavailable: the record could not be written in time; nothing may be released.
            Exception: `apply`'s own error, for this act alone; `refusal`, if given, is recorded.
        """
        raise NotImplementedError
