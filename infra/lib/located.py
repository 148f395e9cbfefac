"""YAML settings read with the line of every key, so that an error says where to look."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from infra.errors import SettingsInvalid

Where = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """Tells the line of a value that is not of its kind, such as the 32nd of a month."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002  the library's
        try:
            return super().construct_object(node, deep)
        except ValueError:
            raise yaml.constructor.ConstructorError(None, None, "no such value", node.start_mark) from None


class Located:
    """A parsed YAML document and where each of its parts stands."""

    def __init__(self, name: str, text: str) -> None:
        """Raises SettingsInvalid: not YAML, a key twice, or not a mapping."""
        self.name = name
        self._lines: dict[Where, int] = {(): 1}
        try:
            loader = _Loader(text)
            node = loader.get_single_node()
            if not isinstance(node, yaml.MappingNode):
                raise SettingsInvalid(f"{name}:1: the file must hold settings (`key: value`)")
            self._walk(node, ())
            self.content: dict[str, Any] = loader.construct_document(node)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise SettingsInvalid(f"{name}:{line}: not YAML: {error.problem}") from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise SettingsInvalid(f"{name}:{line}: not YAML: a character that no text has") from None
        except RecursionError:
            raise SettingsInvalid(f"{name}:1: not settings: nested too deeply") from None

    @classmethod
    def read(cls, path: Path) -> "Located":
        """Raises SettingsInvalid: the file cannot be read."""
        try:
            return cls(str(path), path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsInvalid(
                f"{path}: cannot be read ({type(error).__name__})", hint="`larets env init` writes a settings file"
            ) from None

    def line(self, where: Where) -> int:
        """The line of the key, or of the nearest one above it that exists."""
        while where not in self._lines:
            where = where[:-1]
        return self._lines[where]

    def at(self, where: Where) -> str:
        return f"{self.name}:{self.line(where)}"

    def leaves(self) -> Iterator[tuple[Where, Any]]:
        """Every scalar and where it stands."""
        yield from _leaves(self.content, ())

    def _walk(self, node: yaml.Node, where: Where) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                below = (*where, str(key.value))
                if below in self._lines:
                    raise SettingsInvalid(f"{self.name}:{key.start_mark.line + 1}: `{key.value}` stands here twice")
                self._lines[below] = key.start_mark.line + 1
                self._walk(value, below)
        elif isinstance(node, yaml.SequenceNode):
            for number, value in enumerate(node.value):
                self._lines[(*where, number)] = value.start_mark.line + 1
                self._walk(value, (*where, number))


def _leaves(value: Any, where: Where) -> Iterator[tuple[Where, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*where, str(key)))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _leaves(item, (*where, number))
    else:
        yield where, value
