import pytest
from starlette.types import ASGIApp

from app.errors import AppError, DatabaseUnavailable, Forbidden, NotFound, PersonalDataInClear, Unauthenticated
from app.kit.assets import load_assets
from app.kit.problem_pages import ProblemPages
from app.kit.problems import problem
from app.kit.web import Pages
from tests.unit.app.pages.asgi import ask, reply

PHONE = "%2B79161234567"


def shown(error: AppError) -> ASGIApp:
    return wrapped(problem(error))


def wrapped(app: ASGIApp) -> ASGIApp:
    return ProblemPages(app, Pages(load_assets(), vault_origin="https://vault.shop.example"))


@pytest.mark.parametrize(
    ("error", "status", "title"),
    [
        (NotFound(), 404, "Такой страницы нет"),
        (Forbidden(), 403, "Вашей роли это недоступно"),
        (PersonalDataInClear(), 422, "Здесь нельзя персональные данные"),
        (DatabaseUnavailable(), 503, "База данных не отвечает"),
        (AppError(), 500, "Что-то сломалось"),
    ],
)
async def test_a_reader_gets_a_page_that_says_what_to_do(error: AppError, status: int, title: str) -> None:
    answer = await ask(shown(error), accept="text/html")
    assert answer.status_code == status
    assert f"<h1>{title}</h1>" in answer.text
    assert 'href="/orders"' in answer.text


async def test_only_a_fault_of_ours_offers_to_retry() -> None:
    ours = await ask(shown(DatabaseUnavailable()), "/orders?status=failed", accept="text/html")
    assert 'href="/orders?status=failed"' in ours.text
    assert ours.headers["retry-after"] == "2"
    theirs = await ask(shown(NotFound()), "/orders/x", accept="text/html")
    assert "/orders/x" not in theirs.text


async def test_a_refused_address_is_not_repeated() -> None:
    answer = await ask(shown(PersonalDataInClear()), f"/orders?q={PHONE}", accept="text/html")
    assert "9161234567" not in answer.text
    assert "9161234567" not in str(answer.headers)


async def test_who_is_not_signed_in_is_led_to_the_sign_in_page_and_back() -> None:
    answer = await ask(shown(Unauthenticated()), "/orders?status=failed", accept="text/html")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/signin?next=/orders%3Fstatus%3Dfailed"
    posted = await ask(shown(Unauthenticated()), "/orders/x/status", method="POST", accept="text/html")
    assert posted.headers["location"] == "/signin"


async def test_a_part_of_a_page_gets_a_sentence_for_a_toast() -> None:
    answer = await ask(shown(Forbidden()), hx_request="true")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.startswith("Вашей роли это недоступно.")
    away = await ask(shown(Unauthenticated()), hx_request="true")
    assert (away.status_code, away.headers["hx-redirect"]) == (204, "/signin")


@pytest.mark.parametrize(("path", "accept"), [("/api/v1/orders", "text/html"), ("/orders", "application/json")])
async def test_a_program_gets_the_problem_itself(path: str, accept: str) -> None:
    answer = await ask(shown(NotFound()), path, accept=accept)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"


async def test_what_is_no_problem_passes() -> None:
    answer = await ask(wrapped(reply(b"page", {"content-type": "text/html"})), accept="text/html")
    assert answer.text == "page"


async def test_in_the_readers_language() -> None:
    answer = await ask(shown(NotFound()), accept="text/html", accept_language="en")
    assert "There is no such page" in answer.text
