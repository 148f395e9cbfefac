"""Break-glass: staff ask here, an officer or owner decides, and everybody concerned sees what was shown."""

import re
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from pii_vault.access.conditions import MOSCOW
from pii_vault.access.principal import Principal
from pii_vault.breakglass import service, store
from pii_vault.breakglass.errors import (
    BreakGlassRefused,
    BrokenReason,
    NoSuchRequest,
    NotYours,
    StaleSecondFactor,
)
from pii_vault.console.reader import describe_reader, require_staff
from pii_vault.console.repository import ConsoleRepository
from pii_vault.errors import CrossSite, NotFound, VaultError
from pii_vault.identity.forms import read_plain_form
from pii_vault.services import Services
from pii_vault.web import Language, language, load_pages, translator

_ID = re.compile(r"bgl_[0-9a-hjkmnp-tv-z]{26}")
_EXPLAINED = (BreakGlassRefused, BrokenReason, NoSuchRequest, NotYours, StaleSecondFactor)


@dataclass(frozen=True, slots=True)
class RequestView:
    id: str
    who: str
    purpose: str
    classes: str
    reason: str
    minutes: int
    asked: str
    state: str
    colour: str
    decided_by: str
    shown: str
    link: str | None
    may_decide: bool
    may_end: bool


class BreakGlassPages:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._vault = services.vault
        self._repository = ConsoleRepository(services.vault)

    def add_to(self, router: APIRouter) -> None:
        router.add_api_route("/break-glass", self.list, methods=["GET"])
        router.add_api_route("/break-glass", self.ask, methods=["POST"])
        router.add_api_route("/break-glass/{id_}/{step}", self.decide, methods=["POST"])

    async def list(self, request: Request) -> Response:
        return await self._page(request, await require_staff(self._services, request))

    async def ask(self, request: Request) -> Response:
        principal = await self._sender(request)
        form = await read_plain_form(request)
        minutes = str(form.get("minutes", ""))
        classes = [name.removeprefix("class_") for name in form if name.startswith("class_")]
        return await self._then_back(
            request,
            principal,
            service.request(
                self._vault,
                principal,
                purpose=str(form.get("purpose", "")),
                classes=classes,
                reason=str(form.get("reason", "")),
                minutes=int(minutes) if minutes.isascii() and minutes.isdigit() and len(minutes) < 4 else 0,  # noqa: PLR2004
            ),
        )

    async def decide(self, request: Request, id_: str, step: str) -> Response:
        principal = await self._sender(request)
        if not _ID.fullmatch(id_):
            raise NotFound
        if step == "end":
            return await self._then_back(request, principal, service.end(self._vault, principal, id_))
        if step not in {"approve", "refuse"}:
            raise NotFound
        decided = service.decide(self._vault, principal, id_, approve=step == "approve")
        return await self._then_back(request, principal, decided)

    async def _sender(self, request: Request) -> Principal:
        if request.headers.get("sec-fetch-site") != "same-origin":
            raise CrossSite
        return await require_staff(self._services, request)

    async def _then_back(self, request: Request, principal: Principal, act: Any) -> Response:
        try:
            await act
        except _EXPLAINED as error:
            problem = _explain(error, language(request))
            return await self._page(request, principal, status=error.status_code, problem=problem)
        return RedirectResponse("/break-glass", status_code=303)

    async def _page(self, request: Request, principal: Principal, *, status: int = 200, problem: str = "") -> Response:
        lang = language(request)
        decides = not service.APPROVERS.isdisjoint(principal.roles)
        only_of = None if decides else principal.id
        found = await store.list_requests(self._vault.pool, tenant=principal.tenant, only_of=only_of)
        staff = {person.id: person.alias for person in await self._repository.staff(principal.tenant)}
        openable = service.openable(self._vault, principal)
        context: dict[str, Any] = {
            "requests": [await self._view(each, principal, staff, lang, decides=decides) for each in found],
            "purposes": [(id_, self._vault.purposes[id_][lang]) for id_ in openable],
            "classes": [
                (id_, self._vault.classes.get(id_).title[lang])
                for id_ in dict.fromkeys(id_ for classes in openable.values() for id_ in classes)
            ],
            "problem": problem,
            "reader": describe_reader(self._vault, principal, lang=lang),
        }
        return load_pages().render(request, "console/break_glass.html", status=status, **context)

    async def _view(
        self, each: store.Request, principal: Principal, staff: dict[str, str], lang: Language, *, decides: bool
    ) -> RequestView:
        t = translator(lang)
        now = self._vault.clock()
        mine = each.requested_by == principal.id
        waits = each.decided is None and (now - each.requested).total_seconds() < store.REQUEST_HOURS * 3600
        is_open = bool(each.approved) and each.ended is None and each.expires is not None and each.expires > now
        shown = await store.used(self._vault.pool, each) if each.approved else {}
        titles = {field_class.id: field_class.title[lang] for field_class in self._vault.classes}
        if waits:
            state, colour = t("ждёт решения", "waits for a decision"), "yellow"
        elif is_open and each.expires is not None:
            until = f"{each.expires.astimezone(MOSCOW):%H:%M}"
            state, colour = t(f"открыт до {until}", f"open until {until}"), "red"
        elif each.approved:
            state, colour = t("закрыт", "closed"), "green"
        else:
            state = t("отказано", "refused") if each.decided else t("не решён вовремя", "not decided in time")
            colour = "secondary"
        days = f"{each.requested.astimezone(MOSCOW):%Y-%m-%d}"
        return RequestView(
            id=each.id,
            who=staff.get(each.requested_by, each.requested_by),
            purpose=self._vault.purposes.get(each.purpose, {lang: each.purpose})[lang],
            classes=", ".join(titles.get(class_id, class_id) for class_id in each.classes),
            reason=each.reason,
            minutes=each.minutes,
            asked=f"{each.requested.astimezone(MOSCOW):%d.%m.%Y %H:%M}",
            state=state,
            colour=colour,
            decided_by=staff.get(each.decided_by or "", each.decided_by or ""),
            shown=", ".join(f"{titles.get(class_id, class_id)}: {number}" for class_id, number in shown.items()),
            link=f"/audit?staff={each.requested_by}&purpose={each.purpose}&since={days}&until={days}"
            if each.approved and decides
            else None,
            may_decide=waits and decides and not mine,
            may_end=is_open and (decides or mine),
        )


def _explain(error: VaultError, lang: Language) -> str:
    t = translator(lang)
    match error:
        case BrokenReason():
            return t(
                "Причина: от 10 до 500 знаков и без персональных данных.",
                "The reason: 10 to 500 characters, without personal data.",
            )
        case NotYours():
            return t(
                "Решает другой человек: ответственный или владелец.", "Another person decides: an officer or owner."
            )
        case NoSuchRequest():
            return t(
                "Решать нечего: запрос ваш собственный, уже решён или устарел.",
                "Nothing to decide: the request is your own, was decided or is out of time.",
            )
        case StaleSecondFactor():
            return t(
                "Нужен второй фактор не старше часа: выйдите и войдите снова.",
                "A second factor not older than an hour is needed: sign out and sign in again.",
            )
        case _:
            return t(
                "Для вашей роли и этой цели такие сведения не открываются: см. матрицу.",
                "For your role and this purpose these data are not opened: see the matrix.",
            )
