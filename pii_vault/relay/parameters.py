"""The parameters that a template declares: each of one kind (core/kinds.py), approved with the text it stands in."""

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pii_vault.core.detect import find_personal_data
from pii_vault.core.kinds import Kind, find_misfits
from pii_vault.relay.errors import BadParameters

MOST_PARAMETERS: Final = 10
MOST_LISTED: Final = 30
MOST_WORD: Final = 60
MOST_START: Final = 150
LISTS: Final[Mapping[str, str]] = {"choice": "words", "link": "starts"}  # kind → what it is declared with
# A host by its name, no port, and an end after which a code is a step or a value of its own.
_START: Final = re.compile(
    r"https://(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]/(?:[!-~]*[/=])?"
)
_NOT_IN_A_START: Final = frozenset("@#%\\\"'<>{}")


class Parameter(BaseModel):
    """One parameter. `words`: what a choice may be. `starts`: what a link may begin with, its host included."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Kind
    words: list[str] = Field(default_factory=list, max_length=MOST_LISTED)
    starts: list[str] = Field(default_factory=list, max_length=MOST_LISTED)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, content: Any) -> Any:
        """`number: order_number` says the same as `number: {kind: order_number}`."""
        return {"kind": content} if isinstance(content, str) else content

    @field_validator("words")
    @classmethod
    def _plain_words(cls, words: list[str]) -> list[str]:
        if any(not 1 <= len(word) <= MOST_WORD or not word.isprintable() or word != word.strip() for word in words):
            message = f"a word has 1 to {MOST_WORD} characters and no blanks around it"
            raise ValueError(message)
        if len(set(words)) < len(words) or any(map(find_personal_data, words)):
            message = "each word stands once, and none holds what looks like personal data"
            raise ValueError(message)
        return words

    @field_validator("starts")
    @classmethod
    def _safe_starts(cls, starts: list[str]) -> list[str]:
        for start in starts:
            fits = len(start) <= MOST_START and _START.fullmatch(start) and _NOT_IN_A_START.isdisjoint(start)
            if not fits or "/../" in start or "/./" in start or find_personal_data(start):
                message = "a link begins as https://shop.example/track?id= does: a host, and / or = at its end"
                raise ValueError(message)
        return starts

    @model_validator(mode="after")
    def _with_its_list(self) -> "Parameter":
        for kind, name in LISTS.items():
            if bool(getattr(self, name)) != (self.kind == kind):
                message = f"a {kind} has `{name}`, and no other kind has"
                raise ValueError(message)
        return self


def check_given(given: Mapping[str, str], declared: Mapping[str, Parameter]) -> None:
    """Exactly the declared ones, each of its kind. Raises BadParameters, which names them and no value."""
    if found := find_misfits(given, declared):
        raise BadParameters(" ".join(f"{name or 'A parameter'}: {said}." for name, said in found.items()))
