"""Column types. They check the form of what is stored and do nothing else: no cryptography, no I/O.

A personal field of the public contour is a `TokenText` column; it refuses everything that is not a token, so that a
value in clear cannot be stored even by mistake. The migration states the same form as a CHECK constraint.
"""

import re
from typing import Any, Final

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

from pii_vault.client import parse_token_shape

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
