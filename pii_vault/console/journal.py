"""Audit records in the reader's words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pii_vault.access.conditions import MOSCOW
from pii_vault.audit.query import AuditRow
from pii_vault.console.repository import AuditRecord, StaffRow
from pii_vault.console.words import OUTCOMES, VERBS, colour, decision_word, word
from pii_vault.vault import Vault
from pii_vault.web import Language


@dataclass(frozen=True, slots=True)
class RecordView:
    index: int
    at: str
    at_iso: str
    who: str
    verb: str
    purpose: str
    decision: str
    colour: str
    counts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FullRecordView:
    """A record with all that can be checked by hand."""

    index: int
    at: str
    at_iso: str
    who: str
    principal: str
    verb: str
    purpose: str
    decision: str
    colour: str
    counts: tuple[str, ...]
    persons: int
    matrix: str
    request: str
    witnessed: bool
    raw: str
    leaf: str
    chain: str


class Journal:
    """Names staff by alias and classes, purposes and verbs by their titles."""

    def __init__(self, vault: Vault, staff: Sequence[StaffRow], *, lang: Language) -> None:
        self._lang = lang
        self._aliases = {person.id: person.alias for person in staff}
        self._classes = {item.id: item.title[lang] for item in vault.classes}
        self._purposes = {item.id: item.title[lang] for item in vault.matrix.purposes.values()}

    def view(self, row: AuditRow) -> RecordView:
        return RecordView(
            index=row.index,
            at=f"{row.at.astimezone(MOSCOW):%d.%m.%Y %H:%M:%S}",
            at_iso=row.at.isoformat(),
            who=self.who(row),
            verb=word(VERBS, row.verb, self._lang),
            purpose=self._purposes.get(row.purpose, row.purpose or "—"),
            decision=decision_word(row.verb, row.decision, self._lang),
            colour=colour(row.decision),
            counts=self._counts(row.counts),
        )

    def full(self, record: AuditRecord, *, matrix: str, request: str, cosigned: int) -> FullRecordView:
        view = self.view(record.row)
        return FullRecordView(
            index=view.index,
            at=view.at,
            at_iso=view.at_iso,
            who=view.who,
            principal=record.row.principal,
            verb=view.verb,
            purpose=view.purpose,
            decision=view.decision,
            colour=view.colour,
            counts=view.counts,
            persons=record.row.subjects,
            matrix=matrix,
            request=request,
            witnessed=view.index < cosigned,
            raw=record.record.decode("utf-8", "replace"),
            leaf=record.leaf.hex(),
            chain=record.chain.hex(),
        )

    def who(self, row: AuditRow) -> str:
        """Staff by alias; a program by its name; somebody who is no longer listed by the id alone."""
        return self._aliases.get(row.principal, row.principal)

    def _counts(self, counts: Mapping[str, Mapping[str, int]]) -> tuple[str, ...]:
        lines = []
        for outcome, by_class in counts.items():
            named = ", ".join(
                f"{self._classes.get(class_id, class_id)} {number}" if class_id else str(number)
                for class_id, number in by_class.items()
            )
            lines.append(f"{word(OUTCOMES, outcome, self._lang)}: {named}")
        return tuple(lines)
