"""policies/relay.yaml: how much a shop may send within an hour."""

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pii_vault.errors import PolicyError
from pii_vault.relay.template import Channel


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    budgets: dict[Channel, int] = Field(min_length=3, max_length=3)


def load_relay_budgets(path: Path) -> dict[Channel, int]:
    """Raises PolicyError unless every channel has its limit."""
    try:
        found = _File.model_validate(yaml.safe_load(path.read_text("utf-8"))).budgets
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise PolicyError(f"{path.name}: {error}") from error
    if min(found.values()) < 0:
        raise PolicyError(f"{path.name}: a limit is not below 0")
    return found
