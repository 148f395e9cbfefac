"""What operations take and give. Values stand in `value` fields only, and these never show in a repr."""

from typing import Literal

import msgspec

Kind = Literal["random", "deterministic"]
RetentionGroup = Literal["other", "statutory"]
RETENTION_KEYS: dict[RetentionGroup, int] = {"other": 0, "statutory": 1}


class TokeniseItem(msgspec.Struct, forbid_unknown_fields=True, rename={"class_id": "class"}, gc=False):
    """One value. `subject` is an id (`sub_…`), a label of this request (`@1`) or absent: a new subject."""

    class_id: str
    value: str
    subject: str | None = None
    kind: Kind = "random"

    def __repr__(self) -> str:
        return f"TokeniseItem(class={self.class_id!r})"


class TokeniseResult(msgspec.Struct, omit_defaults=True, gc=False):
    """`token` and `subject`, or the code of what is wrong with this item in `error`."""

    token: str | None = None
    subject: str | None = None
    error: str | None = None


class RevealResult(msgspec.Struct, omit_defaults=True, gc=False):
    """One of `value`, `mask` and `error`; `reason` is a policy's reason and holds no value."""

    value: str | None = None
    mask: str | None = None
    error: str | None = None
    reason: str | None = None

    def __repr__(self) -> str:
        return f"RevealResult(error={self.error!r})"


class TakenText(msgspec.Struct, omit_defaults=True, gc=False):
    """`token` stands for the whole text. `crossing` is the text with tokens in place: absent unless it may cross."""

    token: str
    subject: str
    crossing: str | None = None

    def __repr__(self) -> str:
        return f"TakenText(token={self.token!r})"


class FoundSubject(msgspec.Struct, gc=False):
    """A subject who has the searched value, with all its tokens by class, newest first."""

    subject: str
    tokens: dict[str, list[str]]
