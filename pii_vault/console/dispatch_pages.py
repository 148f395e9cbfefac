"""What the relay sent and could not send: states and codes, never an address or a text; and sending again."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from pii_vault import store
from pii_vault.access.conditions import MOSCOW
from pii_vault.access.principal import Principal
from pii_vault.console.overview import counted
from pii_vault.console.reader import describe_reader, require_reader
from pii_vault.console.repository import COUNTED
from pii_vault.console.words import DISPATCH_STATES, FAILURES, word
from pii_vault.errors import CrossSite, NotFound
from pii_vault.relay import store as sql
from pii_vault.relay.revive import revive
from pii_vault.relay.schemas import State
from pii_vault.services import Services
from pii_vault.vault import new_request_id
from pii_vault.web import Language, language, load_pages

SHOWN: Final = 100
STATES: Final = get_args(State)
UNFINISHED: Final = ("queued", "sending", "dead", "unknown")
GIVEN_UP: Final = frozenset({"dead", "unknown"})
_ID: Final = re.compile(r"dsp_[0-9a-hjkmnp-tv-z]{26}")
_COLOURS: Final = {"sent": "green", "delivered": "green", "queued": "blue", "sending": "blue", "unknown": "yellow"}


@dataclass(frozen=True, slots=True)
class DispatchView:
    id: str
    created: str
    template: str
    destination: str
    state: str
    state_word: str
    colour: str
    failure: str
    attempts: int
    may_revive: bool


class DispatchPages:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._vault = services.vault

    def add_to(self, router: APIRouter) -> None:
        router.add_api_route("/relay/dispatches", self.list, methods=["GET"])
        router.add_api_route("/relay/dispatches/again", self.revive_all, methods=["POST"])
        router.add_api_route("/relay/dispatches/{id_}/again", self.revive_one, methods=["POST"])

    async def list(self, request: Request, state: str = "", again: int | None = None) -> Response:
        """The newest of a state. `again`: how many were put back into the queue just now."""
        reader = await require_reader(self._services, request)
        vault, lang = self._vault, language(request)
        chosen = [state] if state in STATES else list(STATES)
        tenant_key = await vault.tenants.key(reader.tenant)
        rows = await store.fetch(vault.pool, sql.NEWEST, tenant_key, chosen, SHOWN)
        counts = dict(await store.fetch(vault.pool, sql.COUNTS, tenant_key, list(UNFINISHED), COUNTED))
        context: dict[str, Any] = {
            "dispatches": [_view(row, lang) for row in rows],
            "states": [(id_, word(DISPATCH_STATES, id_, lang)) for id_ in STATES],
            "chosen": state if state in STATES else "",
            "counts": {id_: counted(number) for id_, number in counts.items()},
            "any_dead": counts["dead"] > 0,
            "shown": SHOWN if len(rows) == SHOWN else None,
            "again": again,
            "reader": describe_reader(vault, reader, lang=lang),
        }
        return load_pages().render(request, "console/relay_dispatches.html", **context)

    async def revive_all(self, request: Request) -> Response:
        """All dead ones of the shop; those that may have arrived are named one by one."""
        return await self._revive(await self._sender(request), None)

    async def revive_one(self, request: Request, id_: str) -> Response:
        reader = await self._sender(request)
        if not _ID.fullmatch(id_):
            raise NotFound
        return await self._revive(reader, id_)

    async def _sender(self, request: Request) -> Principal:
        if request.headers.get("sec-fetch-site") != "same-origin":
            raise CrossSite
        return await require_reader(self._services, request)

    async def _revive(self, reader: Principal, dispatch: str | None) -> Response:
        number = await revive(self._vault, reader, dispatch=dispatch, request_id=new_request_id())
        return RedirectResponse(f"/relay/dispatches?again={number}", status_code=303)


def _view(row: Mapping[str, Any], lang: Language) -> DispatchView:
    state = row["state"]
    failure = row["failure"] or ""
    code = failure.rstrip("0123456789")  # smtp_550, http_404: the number says the rest
    told = word(FAILURES, failure, lang) if code == failure else f"{word(FAILURES, code, lang)} {failure[len(code) :]}"
    return DispatchView(
        id=row["id"],
        created=f"{row['created'].astimezone(MOSCOW):%d.%m.%Y %H:%M}",
        template=f"{row['template']} {row['version']}",
        destination=row["destination"],
        state=state,
        state_word=word(DISPATCH_STATES, state, lang),
        colour=_COLOURS.get(state, "red"),
        failure=told,
        attempts=row["attempts"],
        may_revive=state in GIVEN_UP,
    )
