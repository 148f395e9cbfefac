"""Alarms: what was unusual, and the officer's note on each."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import RedirectResponse

from pii_vault.access.conditions import MOSCOW
from pii_vault.access.principal import Principal
from pii_vault.alarms import store
from pii_vault.alarms.acknowledge import ROLE, acknowledge, tenants_of
from pii_vault.alarms.errors import BrokenNote, NoSuchAlarm
from pii_vault.alarms.store import AlarmRow
from pii_vault.console.reader import describe_reader, record_reading, require_reader
from pii_vault.console.repository import ConsoleRepository
from pii_vault.console.words import ALARMS, FIGURES, word
from pii_vault.errors import CrossSite
from pii_vault.identity.forms import read_plain_form
from pii_vault.services import Services
from pii_vault.web import Language, language, load_pages, translator

_ORDER = {"usual": 1, "limit": 2}  # after the figures themselves
Key = Annotated[int, Path(ge=1, le=2**62)]


@dataclass(frozen=True, slots=True)
class AlarmView:
    key: int
    title: str
    who: str
    hour: str
    figures: str
    open: bool
    note: str
    by: str
    link: str | None


class AlarmPages:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._vault = services.vault
        self._repository = ConsoleRepository(services.vault)

    def add_to(self, router: APIRouter) -> None:
        router.add_api_route("/alarms", self.list, methods=["GET"])
        router.add_api_route("/alarms/{key}", self.acknowledge, methods=["POST"])

    async def list(self, request: Request) -> Response:
        reader = await require_reader(self._services, request)
        await record_reading(self._vault, reader)
        return await self._page(request, reader)

    async def acknowledge(self, request: Request, key: Key) -> Response:
        if request.headers.get("sec-fetch-site") != "same-origin":
            raise CrossSite
        reader = await require_reader(self._services, request)
        note = str((await read_plain_form(request)).get("note", ""))
        try:
            await acknowledge(self._vault, reader, key, note)
        except (BrokenNote, NoSuchAlarm) as error:
            await record_reading(self._vault, reader)
            problem = _explain(error, language(request))
            return await self._page(request, reader, status=error.status_code, problem=problem)
        return RedirectResponse("/alarms", status_code=303)

    async def _page(self, request: Request, reader: Principal, *, status: int = 200, problem: str = "") -> Response:
        lang = language(request)
        rows = await store.list_alarms(self._vault.pool, tenants=tenants_of(reader), all_of_them=True)
        staff = {person.id: person.alias for person in await self._repository.staff(reader.tenant)}
        roles = {role.id: role.title[lang] for role in self._vault.matrix.roles.values()}
        context: dict[str, Any] = {
            "alarms": [_view(row, staff | roles, lang) for row in rows],
            "may_acknowledge": ROLE in reader.roles,
            "problem": problem,
            "reader": describe_reader(self._vault, reader, lang=lang),
        }
        return load_pages().render(request, "console/alarms.html", status=status, **context)


def _view(row: AlarmRow, names: dict[str, str], lang: Language) -> AlarmView:
    shown = sorted(row.counts, key=lambda name: _ORDER.get(name, 0))  # the database keeps no order
    figures = ", ".join(f"{word(FIGURES, name, lang)}: {row.counts[name]}" for name in shown)
    day = f"{row.hour.astimezone(MOSCOW):%Y-%m-%d}"
    return AlarmView(
        key=row.key,
        title=word(ALARMS, row.kind, lang),
        who="" if row.kind == "witness_silent" else names.get(row.principal, row.principal),
        hour=f"{row.hour.astimezone(MOSCOW):%d.%m.%Y, %H}:00",
        figures=figures,
        open=row.acknowledged is None,
        note=row.note or "",
        by=names.get(row.acknowledged_by or "", row.acknowledged_by or ""),
        link=f"/audit?staff={row.principal}&since={day}&until={day}" if row.principal_kind == "staff" else None,
    )


def _explain(error: BrokenNote | NoSuchAlarm, lang: Language) -> str:
    t = translator(lang)
    if isinstance(error, NoSuchAlarm):
        return t("Эту тревогу уже разобрали.", "Somebody has acknowledged this alarm already.")
    return t(
        "Напишите, что выяснили: до 500 знаков и без персональных данных.",
        "Say what you found out: up to 500 characters, without personal data.",
    )
