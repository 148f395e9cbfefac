"""policies/alarms.yaml: the thresholds, checked when the process starts."""

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pii_vault.errors import PolicyError

Count = Annotated[int, Field(ge=1, le=10_000_000)]
Hour = Annotated[int, Field(ge=0, le=23)]
_STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)


class Volume(BaseModel):
    """Unusual is more than `times` the median, and never fewer than `floor`."""

    model_config = _STRICT
    times: Annotated[int, Field(ge=2, le=1000)]
    floor: Count


class Volumes(BaseModel):
    model_config = _STRICT
    history_days: Annotated[int, Field(ge=1, le=90)]
    staff: Volume
    program: Volume
    role: Volume


class OffHours(BaseModel):
    """From one hour to another, over midnight where `from` is the later one."""

    model_config = _STRICT
    begin: Hour = Field(alias="from")
    end: Hour = Field(alias="to")
    persons: Count

    def covers(self, hour: int) -> bool:
        if self.begin <= self.end:
            return self.begin <= hour < self.end
        return hour >= self.begin or hour < self.end


class Sweep(BaseModel):
    model_config = _STRICT
    searches: Count
    misses: Count


class AlarmPolicy(BaseModel):
    model_config = _STRICT
    volume: Volumes
    off_hours: OffHours
    sweep: Sweep
    refusals: Count
    over_budget: Count


def load_alarms(path: Path) -> AlarmPolicy:
    """Raises PolicyError that names what is wrong."""
    try:
        return AlarmPolicy.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise PolicyError(f"{path.name}: {error}") from error
