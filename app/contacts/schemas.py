from datetime import datetime

from pydantic import Field, model_validator

from app.kit.schemas import Answer, Body, MixedIn, SubjectIn, TokenIn


class ContactOut(Answer):
    """`tokens` by class, the current one first. Values are drawn by the vault's frames, never here."""

    id: str
    subject: str
    tokens: dict[str, list[str]]
    note_token: str | None
    note_mixed: str | None
    version: int
    created_at: datetime
    updated_at: datetime


class ContactNew(Body):
    """What a collect frame handed over: the subject and one token per class."""

    subject: SubjectIn
    tokens: dict[str, TokenIn] = Field(min_length=1, max_length=20)


class Correction(Body):
    """`new` stands where `old` stood; without `old` it is added to its class."""

    new: TokenIn
    old: TokenIn | None = None


class ContactPatch(Body):
    correct: list[Correction] = Field(default_factory=list, max_length=20)
    note_token: TokenIn | None = None
    note_mixed: MixedIn | None = None

    @model_validator(mode="after")
    def _something(self) -> "ContactPatch":
        if not self.correct and self.note_token is None:
            message = "nothing to change"
            raise ValueError(message)
        if self.note_mixed is not None and self.note_token is None:
            message = "note_mixed stands only beside the token of the whole note"
            raise ValueError(message)
        return self
