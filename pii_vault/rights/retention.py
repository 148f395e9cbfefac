"""How long values are kept: policies/retention.yaml."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pii_vault.access.conditions import MOSCOW
from pii_vault.errors import PolicyError
from pii_vault.operations.items import RETENTION_KEYS

OTHER: Final = RETENTION_KEYS["other"]
STATUTORY: Final = RETENTION_KEYS["statutory"]


@dataclass(frozen=True, slots=True)
class Retention:
    """Terms and groups. `confirmed_by` is empty while nobody has held the norm against its present wording."""

    buyer_statutory: frozenset[str]
    statutory_years: int
    norm: Mapping[str, str]
    confirmed_by: str
    titles: Mapping[int, Mapping[str, str]]
    documents_years: int
    trim_within: timedelta

    def buyer_group(self, class_id: str) -> int:
        """The group of a value of who ordered."""
        return STATUTORY if class_id in self.buyer_statutory else OTHER

    def kept_until(self, last: datetime) -> datetime:
        """The end of the statutory term that began with the year of the last order, Moscow time."""
        year = last.astimezone(MOSCOW).year + self.statutory_years
        return datetime(year + 1, 1, 1, tzinfo=MOSCOW).astimezone(UTC)


class _Text(BaseModel):
    model_config = ConfigDict(extra="forbid")
    ru: str = Field(min_length=1)
    en: str = Field(min_length=1)


class _Other(BaseModel):
    model_config = ConfigDict(extra="forbid")
    key: Literal[0]
    title: _Text
    kept: Literal["until_asked"]


class _Statutory(BaseModel):
    model_config = ConfigDict(extra="forbid")
    key: Literal[1]
    title: _Text
    kept: Literal["term"]
    years: int = Field(ge=1, le=75)
    norm: _Text
    confirmed_by: str


class _Groups(BaseModel):
    model_config = ConfigDict(extra="forbid")
    other: _Other
    statutory: _Statutory


class _Buyer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    statutory: list[str]


class _Orders(BaseModel):
    model_config = ConfigDict(extra="forbid")
    buyer: _Buyer


class _RetentionFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    groups: _Groups
    orders: _Orders
    documents_years: int = Field(ge=3)
    trim_days: int = Field(ge=1, le=180)  # 152-FZ, art. 21(6): blocked and destroyed within six months


def load_retention(path: Path, *, classes: Sequence[str]) -> Retention:
    """Raises PolicyError that names what is wrong."""
    try:
        content = _RetentionFile.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise PolicyError(f"{path.name}: {error}") from error
    unknown = sorted(set(content.orders.buyer.statutory) - set(classes))
    if unknown:
        raise PolicyError(f"{path.name}: not registered: {', '.join(unknown)}")
    groups = content.groups
    return Retention(
        buyer_statutory=frozenset(content.orders.buyer.statutory),
        statutory_years=groups.statutory.years,
        norm=groups.statutory.norm.model_dump(),
        confirmed_by=groups.statutory.confirmed_by,
        titles={OTHER: groups.other.title.model_dump(), STATUTORY: groups.statutory.title.model_dump()},
        documents_years=content.documents_years,
        trim_within=timedelta(days=content.trim_days),
    )
