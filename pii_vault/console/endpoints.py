"""The compliance officer's pages, on the console's own host; each reading of the log is itself recorded."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from pii_vault.access.principal import Principal
from pii_vault.audit.record import parse_record
from pii_vault.console.alarm_pages import AlarmPages
from pii_vault.console.break_glass_pages import BreakGlassPages
from pii_vault.console.dispatch_pages import DispatchPages
from pii_vault.console.errors import ConsoleRoute
from pii_vault.console.journal import Journal
from pii_vault.console.log_list import ListQuery, view_list
from pii_vault.console.matrix import Question, Side, view_matrix
from pii_vault.console.overview import view_overview
from pii_vault.console.person import explain, find_subjects, view_person
from pii_vault.console.reader import describe_reader, record_reading, require_reader
from pii_vault.console.relay_pages import RelayPages
from pii_vault.console.repository import ConsoleRepository
from pii_vault.console.verify import VerificationRuns, is_busy, verify, verify_with_progress
from pii_vault.errors import BudgetExceeded, CrossSite, Forbidden, InvalidValue, MalformedToken, NotFound
from pii_vault.identity.forms import read_plain_form
from pii_vault.services import Services
from pii_vault.web import language, load_pages

Index = Annotated[int, Path(ge=0, le=2**62)]
Before = Annotated[int | None, Query(ge=0, le=2**62)]
LINES = "application/x-ndjson"
_EXPLAINED = (MalformedToken, InvalidValue, Forbidden, BudgetExceeded)


def build_console(services: Services) -> APIRouter:
    """The console's pages; `build_console_signin` of the issuer stands beside it on the same host."""
    return ConsolePages(services).router()


class ConsolePages:
    """Each handler asks first who reads; what touches the log is recorded before it is read."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._vault = services.vault
        self._repository = ConsoleRepository(services.vault)

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False, route_class=ConsoleRoute)
        router.add_api_route("/", self.overview, methods=["GET"])
        router.add_api_route("/matrix", self.matrix, methods=["GET"])
        router.add_api_route("/audit", self.audit, methods=["GET"])
        router.add_api_route("/audit/verify", self.verify, methods=["POST"])
        router.add_api_route("/audit/{index}", self.record, methods=["GET"])
        router.add_api_route("/person", self.find_form, methods=["GET"])
        router.add_api_route("/person", self.find, methods=["POST"])
        router.add_api_route("/person/{subject}", self.person, methods=["GET"])
        AlarmPages(self._services).add_to(router)
        BreakGlassPages(self._services).add_to(router)
        RelayPages(self._services).add_to(router)
        DispatchPages(self._services).add_to(router)
        return router

    async def overview(self, request: Request) -> Response:
        reader = await require_reader(self._services, request)
        view = await view_overview(self._vault, reader, lang=language(request))
        return self._render(request, "overview.html", reader, view=view)

    async def matrix(
        self, request: Request, side: Side = "class", of: str = "", action: str = "reveal", purpose: str = ""
    ) -> Response:
        reader = await require_reader(self._services, request)
        question = Question(side, of, action, purpose)
        view = view_matrix(self._vault.matrix, self._vault.classes, question, lang=language(request))
        return self._render(request, "matrix.html", reader, view=view)

    async def audit(self, request: Request, asked: Annotated[ListQuery, Query()]) -> Response:
        reader = await require_reader(self._services, request)
        await record_reading(self._vault, reader)
        view = await view_list(self._vault, reader, asked, lang=language(request))
        return self._render(request, "audit.html", reader, view=view, verdict=None)

    async def record(self, request: Request, index: Index) -> Response:
        reader = await require_reader(self._services, request)
        await record_reading(self._vault, reader)
        found = await self._repository.record(reader.tenant, index)
        if found is None:
            raise NotFound
        log = await self._repository.log_state()
        said = parse_record(found.record)
        journal = Journal(self._vault, await self._repository.staff(reader.tenant), lang=language(request))
        view = journal.full(found, matrix=said.matrix, request=said.request, cosigned=log.cosigned)
        return self._render(request, "record.html", reader, record=view, current_matrix=self._vault.matrix.version)

    async def verify(self, request: Request) -> Response:
        """Progress as lines of JSON for the page's script; the whole page for a browser without it."""
        if request.headers.get("sec-fetch-site") != "same-origin":
            raise CrossSite
        reader = await require_reader(self._services, request)
        await record_reading(self._vault, reader)
        settings, keys, lang = self._services.settings, self._vault.keys, language(request)
        if is_busy():
            raise VerificationRuns
        if request.headers.get("accept") == LINES:
            return StreamingResponse(verify_with_progress(settings, keys, lang=lang), media_type=LINES)
        verdict = await verify(settings, keys, lang=lang)
        view = await view_list(self._vault, reader, ListQuery(), lang=lang)
        return self._render(request, "audit.html", reader, view=view, verdict=verdict)

    async def find_form(self, request: Request) -> Response:
        return self._person_page(request, await require_reader(self._services, request))

    async def find(self, request: Request) -> Response:
        """The value stands in the body of a POST, never in an address; it is not sent back in the page."""
        if request.headers.get("sec-fetch-site") != "same-origin":
            raise CrossSite
        reader = await require_reader(self._services, request)
        text = str((await read_plain_form(request)).get("query", "")).strip()
        lang = language(request)
        try:
            subjects = await find_subjects(self._vault, reader, text)
        except _EXPLAINED as error:
            problem = explain(error, lang=lang)
            return self._person_page(request, reader, status=error.status_code, problem=problem)
        if len(subjects) == 1:
            return RedirectResponse(f"/person/{subjects[0]}", status_code=303)
        nobody = None if subjects else explain(None, lang=lang)
        return self._person_page(request, reader, problem=nobody, candidates=subjects)

    async def person(self, request: Request, subject: str, before: Before = None) -> Response:
        reader = await require_reader(self._services, request)
        try:
            bits = await self._repository.known_subject(reader.tenant, subject)
        except MalformedToken as error:
            raise NotFound from error
        await record_reading(self._vault, reader, subject=bits)
        view = await view_person(self._vault, reader, bits, before=before, lang=language(request))
        return self._person_page(request, reader, view=view)

    def _person_page(self, request: Request, reader: Principal, *, status: int = 200, **context: Any) -> Response:
        context = {"view": None, "problem": None, "candidates": (), **context}
        return self._render(request, "person.html", reader, status=status, **context)

    def _render(self, request: Request, name: str, reader: Principal, *, status: int = 200, **context: Any) -> Response:
        shown = describe_reader(self._vault, reader, lang=language(request))
        return load_pages().render(request, f"console/{name}", status=status, reader=shown, **context)
