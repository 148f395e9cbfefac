"""Who may change a row, decided once: it is there, the role writes, and nobody changed it meanwhile."""

from typing import Protocol, TypeVar

from app.errors import Forbidden, NotFound, VersionMismatch
from app.kit.staff import Staff


class Versioned(Protocol):
    """A row that counts its changes."""

    @property
    def version(self) -> int: ...


Row = TypeVar("Row", bound=Versioned)


def writable(row: Row | None, staff: Staff, *, version: int | None) -> Row:
    """The row, held by the caller's transaction, if this member of staff may change it as it is now.

    `version` is the one the change was decided on; None skips that check. The order of the checks tells a stranger
    nothing: what is not there, or another shop's, is not found whoever asks.

    Raises:
        NotFound, Forbidden, VersionMismatch.
    """
    if row is None:
        raise NotFound
    if not staff.may_write:
        raise Forbidden
    if version is not None and version != row.version:
        raise VersionMismatch
    return row
