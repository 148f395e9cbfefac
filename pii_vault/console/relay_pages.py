"""The relay's templates: proposed by one, read and decided on by another; and where they may lead."""

from collections.abc import Awaitable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import RedirectResponse

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.console.reader import NotAReader, describe_reader, require_staff
from pii_vault.console.repository import ConsoleRepository
from pii_vault.console.template_form import CHANNELS, Draft, content_of, draft_from, draft_of, explain
from pii_vault.console.template_views import DestinationView, see_template, see_version
from pii_vault.console.words import PARAMETER_KINDS, word
from pii_vault.errors import CrossSite, InvalidRequest, NotFound, VaultError
from pii_vault.identity.forms import read_plain_form, text
from pii_vault.relay import store as sql
from pii_vault.relay import templates
from pii_vault.relay.errors import (
    BadNote,
    BadTemplate,
    FactorTooOld,
    NotADecider,
    NothingToDecide,
    UnknownDestination,
    UntypedTemplate,
)
from pii_vault.relay.template import read_stored, read_template
from pii_vault.services import Services
from pii_vault.vault import new_request_id
from pii_vault.web import Language, language, load_pages, translator

MOST_FORM: Final = 2 * 1024 * 1024  # a long mail in Russian, as forms spell it
_NOT_DECIDED: Final = (BadNote, FactorTooOld, NotADecider, NothingToDecide, UntypedTemplate)
_NOT_PROPOSED: Final = (NotADecider, UnknownDestination, InvalidRequest)
_STEPS: Final = frozenset({"approve", "reject", "retire"})
Version = Annotated[int, Path(ge=1, le=100_000)]


class RelayPages:
    """Open to whoever may propose; deciding is the vault's own to judge."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._vault = services.vault
        self._repository = ConsoleRepository(services.vault)

    def add_to(self, router: APIRouter) -> None:
        router.add_api_route("/relay", self.list, methods=["GET"])
        router.add_api_route("/relay/new", self.new, methods=["GET"])
        router.add_api_route("/relay/templates", self.propose, methods=["POST"])
        router.add_api_route("/relay/templates/{id_}/{number}", self.version, methods=["GET"])
        router.add_api_route("/relay/templates/{id_}/{number}/{step}", self.decide, methods=["POST"])

    async def list(self, request: Request) -> Response:
        reader = await self._reader(request)
        lang = language(request)
        staff = await self._aliases(reader)
        destinations = await self._destinations(reader)
        context: dict[str, Any] = {
            "templates": [see_version(self._vault, row, staff, lang) for row in await self._rows(reader)],
            "destinations": [DestinationView.of(row) for row in destinations],
        }
        return self._render(request, reader, "relay.html", **context)

    async def new(self, request: Request, channel: str = "email", of: str = "") -> Response:
        """An empty form, or one filled with the newest version of a template."""
        reader = await self._reader(request)
        draft = Draft(channel if channel in CHANNELS else "email")
        for row in await self._rows(reader):
            known = read_stored(row["content"], digest=row["digest"]) if row["id"] == of else None
            draft = draft_from(known) if known is not None else draft
        return await self._form(request, reader, draft)

    async def propose(self, request: Request) -> Response:
        reader = await self._sender(request)
        draft = draft_of(await read_plain_form(request, most=MOST_FORM))
        lang = language(request)
        version = 1 + max((row["version"] for row in await self._rows(reader) if row["id"] == draft.id), default=0)
        try:
            template = read_template(content_of(draft, version=version))
            await templates.propose(self._vault, reader, template, request_id=new_request_id())
        except BadTemplate as error:
            return await self._form(request, reader, draft, status=error.status_code, problems=explain(error, lang))
        except _NOT_PROPOSED as error:
            return await self._form(request, reader, draft, status=error.status_code, problems=[_say(error, lang)])
        return RedirectResponse(f"/relay/templates/{template.id}/{version}", status_code=303)

    async def version(self, request: Request, id_: str, number: Version) -> Response:
        return await self._version(request, await self._reader(request), id_, number)

    async def decide(self, request: Request, id_: str, number: Version, step: str) -> Response:
        reader = await self._sender(request)
        if step not in _STEPS:
            raise NotFound
        form = await read_plain_form(request)
        place: dict[str, Any] = {"template": id_, "version": number, "request_id": new_request_id()}
        act: Awaitable[None]
        if step == "approve":
            act = templates.approve(self._vault, reader, digest=text(form, "digest"), **place)
        elif step == "reject":
            act = templates.reject(self._vault, reader, digest=text(form, "digest"), note=text(form, "note"), **place)
        else:
            act = templates.retire(self._vault, reader, note=text(form, "note"), **place)
        try:
            await act
        except _NOT_DECIDED as error:
            problem = _say(error, language(request))
            return await self._version(request, reader, id_, number, status=error.status_code, problem=problem)
        return RedirectResponse(f"/relay/templates/{id_}/{number}", status_code=303)

    async def _reader(self, request: Request) -> Principal:
        reader = await require_staff(self._services, request)
        if templates.PROPOSERS.isdisjoint(reader.roles):
            raise NotAReader
        return reader

    async def _sender(self, request: Request) -> Principal:
        if request.headers.get("sec-fetch-site") != "same-origin":
            raise CrossSite
        return await self._reader(request)

    async def _rows(self, reader: Principal) -> Any:
        return await store.fetch(self._vault.pool, sql.TEMPLATES, await self._vault.tenants.key(reader.tenant))

    async def _destinations(self, reader: Principal) -> Any:
        return await store.fetch(self._vault.pool, sql.DESTINATIONS, await self._vault.tenants.key(reader.tenant))

    async def _aliases(self, reader: Principal) -> dict[str, str]:
        return {person.id: person.alias for person in await self._repository.staff(reader.tenant)}

    async def _version(
        self, request: Request, reader: Principal, id_: str, number: int, *, status: int = 200, problem: str = ""
    ) -> Response:
        rows = [row for row in await self._rows(reader) if (row["id"], row["version"]) == (id_, number)]
        if not rows:
            raise NotFound
        view = see_template(self._vault, rows[0], await self._aliases(reader), reader, language(request))
        return self._render(request, reader, "relay_template.html", status=status, view=view, problem=problem)

    async def _form(
        self, request: Request, reader: Principal, draft: Draft, *, status: int = 200, problems: Any = ()
    ) -> Response:
        vault, lang = self._vault, language(request)
        kind = "smtp" if draft.channel == "email" else "http"
        purposes = [id_ for id_ in vault.purposes if id_ != templates.OF_CONSENTS]
        channel = vault.consents.channels.get(draft.channel)
        asked = channel is not None and channel.by == "relay"
        context: dict[str, Any] = {
            "draft": replace(draft, channel=draft.channel if draft.channel in CHANNELS else "email"),
            "destinations": [row["id"] for row in await self._destinations(reader) if row["kind"] == kind],
            "purposes": [(id_, vault.purposes[id_][lang]) for id_ in purposes],
            "consents": [(id_, vault.purposes[id_][lang]) for id_ in purposes if asked and vault.consents.needed(id_)],
            "classes": [(each.id, each.title[lang]) for each in vault.classes],
            "kinds": [(id_, word(PARAMETER_KINDS, id_, lang)) for id_ in PARAMETER_KINDS],
            "problems": problems,
        }
        return self._render(request, reader, "relay_new.html", status=status, **context)

    def _render(self, request: Request, reader: Principal, name: str, *, status: int = 200, **context: Any) -> Response:
        shown = describe_reader(self._vault, reader, lang=language(request))
        return load_pages().render(request, f"console/{name}", status=status, reader=shown, **context)


_SAID: Final[Mapping[type[VaultError], tuple[str, str]]] = {
    BadNote: ("Пометка: до 500 знаков и без персональных данных.", "The note: up to 500 characters, no personal data."),
    FactorTooOld: (
        "Нужен второй фактор не старше часа: выйдите и войдите снова.",
        "A second factor not older than an hour is needed: sign out and sign in again.",
    ),
    NotADecider: ("Решает другой человек: ответственный или владелец.", "Another person decides: an officer or owner."),
    UnknownDestination: (
        "Такого узла в списке магазина нет: попросите администратора добавить его.",
        "The shop has no such destination: ask the administrator to add it.",
    ),
    UntypedTemplate: (
        "У параметров нет видов: предложите новую версию.",
        "Its parameters have no kinds: propose a new version.",
    ),
    NothingToDecide: (
        "Решать нечего: шаблон предложили вы сами, решение уже принято или текст другой. Обновите страницу.",
        "Nothing to decide: you proposed it yourself, it was decided, or its text differs. Reload the page.",
    ),
    InvalidRequest: ("Эту версию уже предложили: отправьте ещё раз.", "This version was proposed already: send again."),
}


def _say(error: VaultError, lang: Language) -> str:
    return translator(lang)(*_SAID.get(type(error), _SAID[InvalidRequest]))
