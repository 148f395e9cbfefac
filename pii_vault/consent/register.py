"""Which purposes need consent, and the bit that each purpose and channel has beside a person. Pure but for loading."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pii_vault.errors import PolicyError

CHANNELS_PER_PURPOSE: Final = 8  # bits
MOST_PURPOSES: Final = 7  # eight bits each, in a signed number of 64


@dataclass(frozen=True, slots=True)
class Channel:
    """A way to reach a person.

    `by` is who uses the value; `confirm` is `code` where only an answered code proves whose address it is.
    """

    id: str
    key: int
    class_id: str
    by: Literal["relay", "staff"]
    confirm: Literal["code", "any"]
    title: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ConsentRegister:
    """policies/consents.yaml."""

    channels: Mapping[str, Channel]
    purposes: Mapping[str, int]  # purpose → key
    code_lifetime: timedelta
    code_attempts: int
    asks_per_day: int
    proof_years: int

    def needed(self, purpose: str) -> bool:
        """Whether this purpose rests on consent."""
        return purpose in self.purposes

    def bit(self, purpose: str, channel: str) -> int:
        """Raises KeyError for a purpose without consents or an unknown channel."""
        return 1 << (self.purposes[purpose] * CHANNELS_PER_PURPOSE + self.channels[channel].key)

    def mask(self, purpose: str, class_id: str) -> int:
        """The bits of which one suffices to be shown a value of this class; 0 where the purpose needs no consent.

        Only channels that staff use themselves count: a consent to mailings shows nobody the address. A class that is
        no such channel, say a name, is shown with any of them.
        """
        if purpose not in self.purposes:
            return 0
        shown = [channel for channel in self.channels.values() if channel.by == "staff"]
        fitting = [channel for channel in shown if channel.class_id == class_id]
        if not fitting and any(channel.class_id == class_id for channel in self.channels.values()):
            return 0
        return sum(self.bit(purpose, channel.id) for channel in fitting or shown)

    def read(self, consents: int) -> Iterator[tuple[str, str]]:
        """The (purpose, channel) pairs of a person's bits."""
        for purpose in self.purposes:
            for channel in self.channels:
                if consents & self.bit(purpose, channel):
                    yield purpose, channel


class _Title(BaseModel):
    model_config = ConfigDict(extra="forbid")
    ru: str = Field(min_length=1)
    en: str = Field(min_length=1)


class _ChannelEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    key: int = Field(ge=0, lt=CHANNELS_PER_PURPOSE)
    class_id: str = Field(alias="class")
    by: Literal["relay", "staff"]
    confirm: Literal["code", "any"]
    title: _Title


class _PurposeEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    key: int = Field(ge=0, lt=MOST_PURPOSES)


class _ConsentFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    channels: dict[str, _ChannelEntry] = Field(min_length=1)
    purposes: dict[str, _PurposeEntry]
    code_minutes: int = Field(ge=1, le=10_080)
    code_attempts: int = Field(ge=1, le=20)
    asks_per_day: int = Field(ge=1, le=20)
    proof_years: int = Field(ge=1, le=10)

    @model_validator(mode="after")
    def _keys_are_unique(self) -> Self:
        for entries in (self.channels, self.purposes):
            keys = [entry.key for entry in entries.values()]
            if len(keys) != len(set(keys)):
                raise ValueError("a key stands twice; each channel and each purpose has its own")
        return self


def load_consents(path: Path, *, purposes: Sequence[str], classes: Sequence[str]) -> ConsentRegister:
    """Raises PolicyError that names what is wrong: a broken file, or a purpose or class that is not registered."""
    try:
        content = _ConsentFile.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise PolicyError(f"{path.name}: {error}") from error
    unknown = sorted(set(content.purposes) - set(purposes))
    unknown += sorted({entry.class_id for entry in content.channels.values()} - set(classes))
    if unknown:
        raise PolicyError(f"{path.name}: not registered: {', '.join(unknown)}")
    return ConsentRegister(
        channels={
            id_: Channel(id_, entry.key, entry.class_id, entry.by, entry.confirm, entry.title.model_dump())
            for id_, entry in content.channels.items()
        },
        purposes={id_: entry.key for id_, entry in content.purposes.items()},
        code_lifetime=timedelta(minutes=content.code_minutes),
        code_attempts=content.code_attempts,
        asks_per_day=content.asks_per_day,
        proof_years=content.proof_years,
    )
