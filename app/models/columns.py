"""Column types. They check the form of what is stored and do nothing else: no cryptography, no I/O.

A personal field of the public contour is a `TokenText` column; it refuses everything that is not a token, so that a
value in clear cannot be stored even by mistake. The migration states the same form as a CHECK constraint. `MixedText`
is the one exception, and stays empty unless an officer let classified texts cross.
"""

import re
from typing import Any, Final

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

from pii_vault.client import is_mixed, parse_token_shape

_SUBJECT: Final = re.compile(r"sub_[0-9a-hjkmnp-tv-z]{28}")


class NotAToken(ValueError):
    """Only a token may be stored in this column. The refused value is not repeated here on purpose."""

    def __init__(self) -> None:
        super().__init__("only a token may be stored in this column")


class TokenText(TypeDecorator[str]):
    """Text of a token (`tok_<class>_…`), optionally of one class only.

    Raises:
        NotAToken: when something else is bound to the column.
    """

    impl = Text
    cache_ok = True

    def __init__(self, class_id: str | None = None) -> None:
        super().__init__()
        self.class_id = class_id

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        if value is None:
            return None
        token = parse_token_shape(value) if isinstance(value, str) else None
        if token is None or (self.class_id is not None and token.class_id != self.class_id):
            raise NotAToken
        return str(value)


class NotMixed(ValueError):
    """Only a text with tokens in place may be stored in this column. The refused text is not repeated on purpose."""

    def __init__(self) -> None:
        super().__init__("only a text with tokens in place may be stored in this column")


class MixedText(TypeDecorator[str]):
    """A classified text: words as they were typed, a token in the place of each personal value that was found.

    Stands only beside the token of the whole text, in the column named `beside`, and goes with it. The officer of the
    private contour decides whether such texts come at all; what the classifier missed stands in them in clear.

    Raises:
        NotMixed: when there is no token in it, or the edge guard's detectors find personal data.
    """

    impl = Text
    cache_ok = True

    def __init__(self, *, beside: str) -> None:
        super().__init__()
        self.beside = beside

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        if value is None:
            return None
        if not isinstance(value, str) or not is_mixed(value):
            raise NotMixed
        return str(value)


class SubjectText(TypeDecorator[str]):
    """Text of a subject id (`sub_…`).

    Raises:
        NotAToken: when something else is bound to the column.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        if value is None:
            return None
        if not isinstance(value, str) or not _SUBJECT.fullmatch(value):
            raise NotAToken
        return str(value)
