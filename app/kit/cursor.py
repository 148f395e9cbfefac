"""Opaque keyset cursors: where the last row of a page stood, as text that only this module reads."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Generic, TypeVar

from app.errors import InvalidCursor

T = TypeVar("T")
MAX_LIMIT: Final = 100
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_VERSION: Final = b"\x01"
_HEAD: Final = 9  # version, microseconds
_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list. `next_cursor` is null on the last one."""

    data: Sequence[T]
    next_cursor: str | None


def encode_cursor(at: datetime, row_id: str) -> str:
    micros = (at - _EPOCH) // timedelta(microseconds=1)
    packed = _VERSION + micros.to_bytes(8, "big", signed=True) + row_id.encode()
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def decode_cursor(cursor: str) -> tuple[datetime, str]:
    """Raises InvalidCursor for everything that `encode_cursor` cannot have made."""
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        if packed[:1] != _VERSION or not _HEAD < len(packed) <= _MAX:
            raise InvalidCursor
        at = _EPOCH + timedelta(microseconds=int.from_bytes(packed[1:_HEAD], "big", signed=True))
        return at, packed[_HEAD:].decode("ascii")
    except (binascii.Error, UnicodeError, ValueError, OverflowError) as error:
        raise InvalidCursor from error


def page_of(rows: Sequence[T], *, limit: int, key: Callable[[T], tuple[datetime, str]]) -> Page[T]:
    """A page out of `limit + 1` rows: the extra one only tells that there is more."""
    more = len(rows) > limit
    shown = rows[:limit]
    return Page(data=shown, next_cursor=encode_cursor(*key(shown[-1])) if more else None)
