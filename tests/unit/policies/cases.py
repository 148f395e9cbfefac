"""Reads policies/access/cases/*.yaml."""

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from pii_vault.access.conditions import NEVER_MINUTES, Facts

FOLDER = Path("policies/access/cases")


class Case(BaseModel):
    """One expectation of the compliance officer."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    policy: str
    who: str
    purpose: str
    class_id: str = Field(alias="class")
    action: str
    expect: Literal["allow", "mask", "deny"]
    second_factor_minutes: int = NEVER_MINUTES
    consent: bool = False
    blocked: bool = False
    hour: int = 12
    contour: Literal["private", "public"] = "private"
    break_glass: bool = False

    @property
    def place(self) -> tuple[str, str, str]:
        return self.purpose, self.class_id, self.action

    @property
    def facts(self) -> Facts:
        return Facts(self.second_factor_minutes, self.hour, self.contour, self.consent, self.blocked, self.break_glass)

    def __str__(self) -> str:
        return f"{self.policy}-{self.who}-{self.purpose}-{self.class_id}-{self.action}-{self.expect}"


def all_cases() -> list[Case]:
    return [
        Case.model_validate(entry)
        for path in sorted(FOLDER.glob("*.yaml"))
        for entry in yaml.safe_load(path.read_text("utf-8"))["cases"]
    ]
