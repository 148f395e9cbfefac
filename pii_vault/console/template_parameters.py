"""The rows of the template's form in which each parameter of the text gets its kind."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from pii_vault.console.words import PARAMETER_KINDS, word
from pii_vault.relay.parameters import LISTS, MOST_PARAMETERS
from pii_vault.relay.template import Template, names_in
from pii_vault.web import Language, translator

# A part of a refusal's text → what to do about it.
_SAID: Final = (
    ("say of which kind", "выберите вид"),
    ("a word has", "слово: от 1 до 60 знаков, по одному на строке"),
    ("each word stands", "слова не повторяются, и персональных данных в них нет"),
    ("a choice has", "впишите слова, из которых выбирают"),
    ("a link has", "впишите, с чего начинается ссылка"),
    ("a link begins", "ссылка начинается так: https://shop.example/track?id= (имя узла, в конце «/» или «=»)"),
)
TOO_MANY: Final = f"Параметров не больше {MOST_PARAMETERS}."
_UNKNOWN: Final = "проверьте вид и список"


@dataclass(frozen=True, slots=True)
class Row:
    """As typed. `lines`: the words of a choice or the beginnings of a link, one a line."""

    name: str
    kind: str = ""
    lines: str = ""


def rows_of(read: Callable[[str], str], texts: Iterable[str]) -> tuple[Row, ...]:
    """Of the parameters that stand in the texts; what was typed about others is dropped."""
    return tuple(Row(name, read(f"kind_{name}"), read(f"list_{name}")) for name in names_in("given", texts))


def rows_from(template: Template) -> tuple[Row, ...]:
    """Of a version; one that was approved before parameters had kinds has none to say."""
    rows = []
    for name in names_in("given", template.texts()):
        known = template.parameters.get(name)
        lines = [] if known is None else [*known.words, *known.starts]
        rows.append(Row(name, "" if known is None else known.kind, "\n".join(lines)))
    return tuple(rows)


def declared(rows: Iterable[Row]) -> dict[str, Any]:
    """What the template says of them. A row without a kind is left out: the template itself asks for it."""
    return {row.name: _declared(row) for row in rows if row.kind}


def _declared(row: Row) -> dict[str, Any]:
    lines = [line.strip() for line in row.lines.splitlines() if line.strip()]
    return {"kind": row.kind} | ({LISTS[row.kind]: lines} if row.kind in LISTS else {})


def in_russian(name: str, said: str) -> str:
    found = next((ru for mark, ru in _SAID if mark in said), _UNKNOWN)
    return f"Параметр {name}: {found}."


def describe(template: Template, lang: Language) -> tuple[str, ...]:
    """A line for each parameter: what it is called, its kind, and what it is chosen from or begins with."""
    lines = []
    for row in rows_from(template):
        kind = word(PARAMETER_KINDS, row.kind, lang) if row.kind else translator(lang)("вид не указан", "no kind")
        listed = f": {', '.join(row.lines.splitlines())}" if row.lines else ""
        lines.append(f"{row.name} — {kind}{listed}")
    return tuple(lines)
