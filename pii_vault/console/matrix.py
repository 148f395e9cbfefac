"""The matrix as the officer reads it: one table of cells, either for a role or for a field class. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pii_vault.access.cells import DEFAULT_POLICY
from pii_vault.access.matrix import ACTIONS, Cell, Matrix
from pii_vault.console.words import ACTIONS as ACTION_WORDS
from pii_vault.console.words import CELL, colour, word
from pii_vault.core.classes import ClassRegistry
from pii_vault.web import Language

Side = Literal["class", "role"]
EVERYWHERE: Final = frozenset({"contour", "blocked"})  # conditions that hold for nearly every cell alike


@dataclass(frozen=True, slots=True)
class Question:
    """What the officer asks to see; empty means all."""

    side: Side = "class"  # what is held still: a class (rows are roles) or a role (rows are classes)
    of: str = ""
    action: str = "reveal"
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class CellView:
    purpose: str
    outcome: str
    label: str
    colour: str
    conditions: tuple[str, ...]
    conditional: bool  # has a condition that staff at their desk may fail to meet
    policy_id: str
    reason: str

    @property
    def ruled(self) -> bool:
        """A policy speaks of this cell; else it is denied because nobody wrote anything."""
        return self.policy_id != DEFAULT_POLICY


@dataclass(frozen=True, slots=True)
class LineView:
    id: str
    title: str
    cells: tuple[CellView, ...]

    @property
    def closed(self) -> bool:
        return not any(cell.ruled for cell in self.cells)


@dataclass(frozen=True, slots=True)
class PolicyView:
    """A policy that decides at least one cell of the table, and where."""

    policy_id: str
    reason: str
    label: str
    colour: str
    conditions: tuple[str, ...]
    places: tuple[str, ...]
    ruled: bool


@dataclass(frozen=True, slots=True)
class Choice:
    id: str
    title: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class MatrixView:
    question: Question
    version: str
    purposes: tuple[Choice, ...]
    columns: tuple[tuple[str, str], ...]
    lines: tuple[LineView, ...]
    policies: tuple[PolicyView, ...]
    roles: tuple[Choice, ...]
    classes: tuple[Choice, ...]
    actions: tuple[Choice, ...]


def view_matrix(matrix: Matrix, classes: ClassRegistry, question: Question, *, lang: Language) -> MatrixView:
    """An unknown id in the question falls back to the first of its kind."""
    role_titles = {role.id: role.title[lang] for role in matrix.roles.values()}
    class_titles = {item.id: item.title[lang] for item in classes}
    purpose_titles = {purpose.id: purpose.title[lang] for purpose in matrix.purposes.values()}
    held = class_titles if question.side == "class" else role_titles
    rows = role_titles if question.side == "class" else class_titles
    of = question.of if question.of in held else _usual(held, question.side)
    action = question.action if question.action in ACTIONS else "reveal"
    purpose = question.purpose if question.purpose in purpose_titles else ""
    columns = tuple((id_, title) for id_, title in purpose_titles.items() if purpose in ("", id_))
    question = Question(question.side, of, action, purpose)
    lines = tuple(_lines(matrix, question, rows, [id_ for id_, _ in columns], lang))
    return MatrixView(
        question=question,
        version=matrix.version,
        purposes=_choices(purpose_titles, purpose),
        columns=columns,
        lines=lines,
        policies=_policies(lines, dict(columns)),
        roles=_choices(role_titles, of),
        classes=_choices(class_titles, of),
        actions=_choices({id_: word(ACTION_WORDS, id_, lang) for id_ in ACTIONS}, action),
    )


def _usual(held: dict[str, str], side: Side) -> str:
    """The most telling first table: who may see a phone number."""
    usual = "phone" if side == "class" else "sales"
    return usual if usual in held else next(iter(held))


def _lines(
    matrix: Matrix, question: Question, rows: dict[str, str], purposes: Sequence[str], lang: Language
) -> Iterator[LineView]:
    for row, title in rows.items():
        role, class_id = (row, question.of) if question.side == "class" else (question.of, row)
        cells = tuple(
            _cell(matrix.cell(role, purpose, class_id, question.action), purpose, question.action, lang)
            for purpose in purposes
        )
        yield LineView(row, title, cells)


def _cell(cell: Cell, purpose: str, action: str, lang: Language) -> CellView:
    outcome = cell.outcome
    label = word(CELL, outcome, lang)
    if outcome == "allow" and action != "reveal":
        label = "Yes" if lang == "en" else "Да"
    return CellView(
        purpose=purpose,
        outcome=outcome,
        label=label,
        colour="secondary" if outcome == "deny" else colour(outcome),
        conditions=tuple(condition.text(lang) for condition in cell.conditions),
        conditional=any(condition.kind not in EVERYWHERE for condition in cell.conditions),
        policy_id=cell.policy_id,
        reason=cell.reason,
    )


def _policies(lines: Iterable[LineView], purposes: dict[str, str]) -> tuple[PolicyView, ...]:
    found: dict[tuple[str, str], tuple[CellView, dict[str, list[str]]]] = {}
    for line in lines:
        for cell in line.cells:
            _, places = found.setdefault((cell.policy_id, cell.outcome), (cell, {}))
            places.setdefault(line.title, []).append(purposes[cell.purpose])
    return tuple(
        PolicyView(
            cell.policy_id,
            cell.reason,
            cell.label,
            cell.colour,
            cell.conditions,
            tuple(f"{row}: {', '.join(named)}" for row, named in places.items()),
            cell.ruled,
        )
        for cell, places in sorted(found.values(), key=lambda each: each[0].outcome == "deny")
    )


def _choices(titles: dict[str, str], chosen: str) -> tuple[Choice, ...]:
    return tuple(Choice(id_, title, chosen=id_ == chosen) for id_, title in titles.items())
