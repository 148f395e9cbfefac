"""Refusals as pages: the console is read by a person, so each says what to do next."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from pii_vault.console.reader import LogClosed, NotAReader
from pii_vault.console.verify import VerificationRuns
from pii_vault.errors import NotFound, Unauthenticated, VaultError
from pii_vault.store import DATABASE_ERRORS
from pii_vault.web import language, load_pages, translator

logger = logging.getLogger(__name__)

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class ConsoleRoute(APIRoute):
    """Signs in whoever has no session, and turns every error of the vault into a page."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def handle_with_pages(request: Request) -> Response:
            try:
                return await handle(request)
            except Unauthenticated:
                here = request.url.path if request.method == "GET" else "/"
                query = f"?{request.url.query}" if request.method == "GET" and request.url.query else ""
                return RedirectResponse(f"/signin?{urlencode({'next': here + query})}", status_code=303)
            except RequestValidationError:
                return refusal(request, NotFound())
            except VaultError as error:
                return refusal(request, error)
            except DATABASE_ERRORS as error:
                logger.warning("console: the database does not answer: %s", type(error).__name__)
                return refusal(request, None)

        return handle_with_pages


def refusal(request: Request, error: VaultError | None) -> Response:
    """None stands for a database that does not answer."""
    t = translator(language(request))
    status = error.status_code if error is not None else 503
    link, link_text = "/", t("На главную", "To the overview")
    if isinstance(error, NotAReader):
        heading = t("Консоль не для этой роли", "The console is not for this role")
        text = t(
            "Её читают ответственный за персональные данные и владелец магазина.",
            "It is read by the compliance officer and the shop's owner.",
        )
    elif isinstance(error, LogClosed):
        heading = t("Журнал вам сейчас закрыт", "The log is closed to you now")
        text = t(
            "По правилам его читает ответственный за персональные данные, а не владелец магазина, и второй фактор "
            "должен быть не старше 12 часов. Кто и когда может — в матрице, действие «Читать журнал».",
            "By the policies the compliance officer reads it, not the shop's owner, and with a second factor not older "
            "than 12 hours. Who may and when is in the matrix, action “Read the log”.",
        )
        link, link_text = "/matrix?side=class&action=audit", t("Открыть матрицу", "Open the matrix")
    elif isinstance(error, VerificationRuns):
        heading = t("Проверка уже идёт", "A verification is under way")
        text = t("Дождитесь её конца и повторите.", "Wait for its end and try again.")
        link, link_text = "/audit", t("К журналу", "To the log")
    elif isinstance(error, NotFound):
        heading = t("Такой страницы нет", "There is no such page")
        text = t("Проверьте адрес.", "Check the address.")
    elif status >= 500:  # noqa: PLR2004  server errors
        heading = t("Хранилище не отвечает", "The vault does not answer")
        text = t("Ничего не раскрыто и не потеряно. Повторите через минуту.", "Nothing was released or lost. Retry.")
        link, link_text = request.url.path, t("Повторить", "Retry")
    else:
        heading = t("Запрос отклонён", "The request was refused")
        text = error.detail if error is not None else ""
    return load_pages().render(
        request,
        "console/refused.html",
        status=status,
        heading=heading,
        text=text,
        link=link,
        link_text=link_text,
        reader=isinstance(error, NotAReader),
    )
