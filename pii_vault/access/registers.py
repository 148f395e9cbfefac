"""Purposes and roles as policies/*.yaml state them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pii_vault.errors import PolicyError


class _Text(BaseModel):
    model_config = ConfigDict(extra="forbid")
    ru: str = Field(min_length=1)
    en: str = Field(min_length=1)


class _PurposeEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: _Text
    basis: _Text


class _RoleEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: _Text
    kind: Literal["staff", "service"]


@dataclass(frozen=True, slots=True)
class Purpose:
    """Why values are processed, and the legal ground of it, in Russian and English."""

    id: str
    title: dict[str, str]
    basis: dict[str, str]


@dataclass(frozen=True, slots=True)
class Role:
    """Whom policies speak of. Only a principal of this kind can have the role."""

    id: str
    title: dict[str, str]
    kind: Literal["staff", "service"]


def load_purposes(path: Path) -> dict[str, Purpose]:
    """Reads policies/purposes.yaml. Raises PolicyError that names the entry at fault."""
    entries = _read(path, "purposes", TypeAdapter(dict[str, _PurposeEntry]))
    return {
        id_: Purpose(id=id_, title=entry.title.model_dump(), basis=entry.basis.model_dump())
        for id_, entry in entries.items()
    }


def load_roles(path: Path) -> dict[str, Role]:
    """Reads policies/roles.yaml. Raises PolicyError that names the entry at fault."""
    entries = _read(path, "roles", TypeAdapter(dict[str, _RoleEntry]))
    return {id_: Role(id=id_, title=entry.title.model_dump(), kind=entry.kind) for id_, entry in entries.items()}


def _read(path: Path, key: str, adapter: TypeAdapter[Any]) -> Any:
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
        if not isinstance(content, dict) or set(content) != {key} or not content[key]:
            raise PolicyError(f"{path.name}: expected one filled mapping named {key!r}")
        return adapter.validate_python(content[key])
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise PolicyError(f"{path.name}: {error}") from error
