"""How new an answer must be, where a standby could give it.

Nothing said, or `Larets-Consistency: latest`: everything that was committed before the request is seen. With
`Larets-After: N`, N being the `Larets-Position` of an earlier answer, a search need only see what was done up to there:
who looks for what it has just stored waits for nobody else's writes. What may be released of a person is the newest in
either case, and a reveal's values always are.
"""

from collections.abc import Iterable
from typing import Final

from pii_vault.errors import InvalidRequest

POSITION: Final = b"larets-position"
_CONSISTENCY: Final = b"larets-consistency"
_AFTER: Final = b"larets-after"
_MOST_DIGITS: Final = 18


def read_after(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """The size of the log that an answer must know at least; None for all there is.

    Raises:
        InvalidRequest: a value that is none, or both headers.
    """
    after: int | None = None
    given = 0
    for name, value in headers:
        if name == _CONSISTENCY:
            if value != b"latest":
                raise InvalidRequest("Larets-Consistency: the only value is latest")
            given += 1
        elif name == _AFTER:
            if not (value.isdigit() and len(value) <= _MOST_DIGITS):
                raise InvalidRequest("Larets-After: the number that stood in Larets-Position")
            after = int(value)
            given += 1
    if given > 1:
        raise InvalidRequest("Larets-Consistency and Larets-After: send one of them, once")
    return after
