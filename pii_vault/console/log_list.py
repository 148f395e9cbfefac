"""The audit list: filters, a page of records, and the links to the next one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query
from pydantic import BaseModel, ConfigDict, field_validator

from pii_vault.access.conditions import MOSCOW
from pii_vault.access.principal import Principal
from pii_vault.audit import query
from pii_vault.console.journal import Journal, RecordView
from pii_vault.console.matrix import Choice
from pii_vault.console.repository import ConsoleRepository, StaffRow
from pii_vault.console.words import VERBS, word
from pii_vault.vault import Vault
from pii_vault.web import Language, translator

_DECISIONS = {"allow": ("Разрешено", "Allowed"), "mask": ("Маска", "Mask"), "deny": ("Отказано", "Denied")}


class ListQuery(BaseModel):
    """The address's own filters. What cannot be read is as if it were not there."""

    model_config = ConfigDict(extra="ignore")

    verb: str = ""
    staff: str = ""
    purpose: str = ""
    decision: str = ""
    since: str = ""
    until: str = ""
    before: Annotated[int | None, Query(ge=0, le=2**62)] = None

    @field_validator("*")
    @classmethod
    def _readable(cls, value: Any) -> Any:
        return "" if isinstance(value, str) and not value.isprintable() else value

    def filters(self) -> query.Filters:
        return query.Filters(
            principal=self.staff or None,
            verb=self.verb or None,
            purpose=self.purpose or None,
            decision=self.decision or None,
            since=_start_of(self.since),
            until=_start_of(self.until, days=1),
        )

    def address(self, *, before: int | None) -> str:
        kept = {name: value for name, value in self.model_dump(exclude={"before"}).items() if value}
        if before is not None:
            kept["before"] = before
        return "/audit" + (f"?{urlencode(kept)}" if kept else "")


@dataclass(frozen=True, slots=True)
class Filter:
    name: str
    title: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class ListView:
    records: tuple[RecordView, ...]
    filters: tuple[Filter, ...]
    since: str
    until: str
    filtered: bool
    newest_link: str | None
    older_link: str | None


async def view_list(vault: Vault, principal: Principal, asked: ListQuery, *, lang: Language) -> ListView:
    staff = await ConsoleRepository(vault).staff(principal.tenant)
    page = await query.page(vault.pool, tenant=principal.tenant, before=asked.before, only=asked.filters())
    journal = Journal(vault, staff, lang=lang)
    return ListView(
        records=tuple(journal.view(row) for row in page.rows),
        filters=_filters(vault, staff, asked, lang),
        since=asked.since if _start_of(asked.since) else "",
        until=asked.until if _start_of(asked.until) else "",
        filtered=asked.filters() != query.ALL,
        newest_link=asked.address(before=None) if asked.before is not None else None,
        older_link=asked.address(before=page.next_before) if page.next_before is not None else None,
    )


def _filters(vault: Vault, staff: Sequence[StaffRow], asked: ListQuery, lang: Language) -> tuple[Filter, ...]:
    t = translator(lang)
    purposes = {purpose.id: purpose.title[lang] for purpose in vault.matrix.purposes.values()}
    people = {person.id: person.alias for person in staff}
    verbs = {verb: word(VERBS, verb, lang) for verb in VERBS}
    decisions = {id_: word(_DECISIONS, id_, lang) for id_ in _DECISIONS}
    return (
        Filter("verb", t("Что", "What"), _choices(verbs, asked.verb)),
        Filter("staff", t("Кто", "Who"), _choices(people, asked.staff)),
        Filter("purpose", t("Для чего", "Why"), _choices(purposes, asked.purpose)),
        Filter("decision", t("Решение", "Decision"), _choices(decisions, asked.decision)),
    )


def _choices(titles: dict[str, str], chosen: str) -> tuple[Choice, ...]:
    return tuple(Choice(id_, title, chosen=id_ == chosen) for id_, title in titles.items())


def _start_of(day: str, *, days: int = 0) -> datetime | None:
    """Midnight in Moscow, by which the page shows its times."""
    try:
        return datetime.combine(date.fromisoformat(day) + timedelta(days=days), time(), MOSCOW)
    except (ValueError, OverflowError):
        return None
