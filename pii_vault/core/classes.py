"""Field classes: what kinds of personal data there are, and how each is normalised and masked.

The classes themselves are content: policies/classes.yaml. A class names its normaliser
(pii_vault/core/normalisers.py) and its mask (pii_vault/core/masks.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pii_vault.core.masks import MASKS
from pii_vault.core.normalisers import NORMALISERS, OBVIOUS
from pii_vault.core.shapes import SHAPED_CLASSES, is_shaped_normal
from pii_vault.errors import InvalidValue, PolicyError, UnknownClass


@dataclass(frozen=True, slots=True)
class FieldClass:
    """One kind of personal datum. `key` is its stable number in the database: never reused, never changed."""

    id: str
    key: int
    title: dict[str, str]
    normalise: str
    mask: str
    indexed: bool
    max_length: int


class ClassRegistry:
    """All field classes, by id and by key."""

    def __init__(self, classes: Sequence[FieldClass]) -> None:
        self._by_id = {field_class.id: field_class for field_class in classes}
        self._by_key = {field_class.key: field_class for field_class in classes}
        if len(self._by_id) != len(classes) or len(self._by_key) != len(classes):
            raise PolicyError("two field classes share an id or a key")

    def get(self, class_id: str) -> FieldClass:
        """The class of this id. Raises UnknownClass."""
        try:
            return self._by_id[class_id]
        except KeyError:
            raise UnknownClass from None

    def by_key(self, key: int) -> FieldClass:
        """The class of this database number. Raises UnknownClass."""
        try:
            return self._by_key[key]
        except KeyError:
            raise UnknownClass from None

    def ids(self) -> tuple[str, ...]:
        return tuple(self._by_id)

    def __contains__(self, class_id: object) -> bool:
        return class_id in self._by_id

    def __iter__(self) -> Iterator[FieldClass]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)


class _Title(BaseModel):
    model_config = ConfigDict(extra="forbid")
    ru: str = Field(min_length=1)
    en: str = Field(min_length=1)


class _ClassEntry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    key: int = Field(ge=1, le=32767)
    title: _Title
    normalise: str
    mask: str
    indexed: bool
    max_length: int = Field(ge=1, le=65536)

    @model_validator(mode="after")
    def _functions_exist(self) -> Self:
        if self.normalise not in NORMALISERS:
            raise ValueError(f"no normaliser {self.normalise!r}; there are {sorted(NORMALISERS)}")
        if self.mask not in MASKS:
            raise ValueError(f"no mask {self.mask!r}; there are {sorted(MASKS)}")
        return self


class _ClassFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    classes: dict[str, _ClassEntry] = Field(min_length=1)


def load_classes(path: Path) -> ClassRegistry:
    """Reads policies/classes.yaml. Raises PolicyError that names the entry at fault."""
    try:
        content = _ClassFile.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise PolicyError(f"{path.name}: {error}") from error
    for class_id in content.classes:
        if not all(word.isascii() and word.isalpha() and word.islower() for word in class_id.split("_")):
            raise PolicyError(f"{path.name}: class id {class_id!r} is not lower-case words joined by _")
    return ClassRegistry(
        [
            FieldClass(
                id=class_id,
                key=entry.key,
                title=entry.title.model_dump(),
                normalise=entry.normalise,
                mask=entry.mask,
                indexed=entry.indexed,
                max_length=entry.max_length,
            )
            for class_id, entry in content.classes.items()
        ]
    )


def normalise(field_class: FieldClass, value: str) -> str:
    """The one form in which equal values of a class are equal. Raises InvalidValue, which names no value."""
    _check_text(field_class, value)
    normalised = NORMALISERS[field_class.normalise](value)
    if normalised is None:
        raise InvalidValue(f"{field_class.id}: not a value of this class")
    if field_class.normalise in SHAPED_CLASSES and is_shaped_normal(field_class.normalise, normalised):
        raise InvalidValue(f"{field_class.id}: a shaped token, not a value; resolve it instead")
    return normalised


def require_value(field_class: FieldClass, value: str) -> None:
    """Raises InvalidValue where `normalise` does: for values whose form nobody will look for."""
    is_obvious = OBVIOUS.get(field_class.normalise)
    if is_obvious is not None and is_obvious(value):
        _check_text(field_class, value)
    else:
        normalise(field_class, value)


def _check_text(field_class: FieldClass, value: str) -> None:
    if len(value) > field_class.max_length:
        raise InvalidValue(f"{field_class.id}: longer than {field_class.max_length} characters")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:  # half a character: JSON can spell it, no encoding can carry it
            raise InvalidValue(f"{field_class.id}: not text that UTF-8 can hold") from None


def mask(field_class: FieldClass, value: str) -> str:
    """What a policy that allows only a mask lets through. Never fails: an odd value masks to `***`."""
    return MASKS[field_class.mask](value)
