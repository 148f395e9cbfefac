import re
from typing import NoReturn

import httpx
import pytest

from app.errors import DatabaseUnavailable
from app.kit.db import Database
from app.kit.headers import content_policy
from app.signin import sessions
from tests.integration.app.pages.conftest import DOCUMENT, FORM, Reader
from tests.integration.app.support import VAULT, FakeIssuer

PAGES = ["/orders", "/contacts", "/contacts/new", "/privacy", "/shop", "/signin", "/nowhere"]


@pytest.mark.parametrize("path", ["/orders/", "/api/v1/orders/", "/shop/"])
async def test_slash_too_many_is_not_redirected(browser: httpx.AsyncClient, path: str) -> None:
    """Such a redirect would repeat the Host that the request claimed."""
    answer = await browser.get(path, headers=DOCUMENT)
    assert answer.status_code == 404
    assert "location" not in answer.headers


async def test_owner_is_told_that_the_record_of_looks_is_not_theirs_to_read(read: Reader) -> None:
    told = "Журнал просмотров читает ответственный за данные, а не владелец."
    assert told in (await read("/privacy", role="owner")).text
    assert told not in (await read("/privacy", role="sales")).text


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_carries_the_policy_and_no_cache(read: Reader, path: str) -> None:
    page = await read(path)
    assert page.headers["content-security-policy"] == content_policy(VAULT)
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/orders", "/contacts", "/privacy", "/shop", "/contacts/new"])
async def test_every_page_speaks_both_languages_and_nothing_is_untold(read: Reader, path: str) -> None:
    assert '<html lang="ru"' in (await read(path)).text
    chosen = await read(f"/preferences?lang=en&next={path}")
    assert chosen.headers["location"] == path
    english = await read(path)
    assert '<html lang="en"' in english.text
    texts = re.sub(r'(?s)<head>.*?</head>|<a[^>]*lang="ru">.*?</a>|<[^>]+>', " ", english.text)
    assert not re.search(r"[а-яё]", texts, re.IGNORECASE)


async def test_the_theme_is_remembered(read: Reader) -> None:
    assert "data-bs-theme" not in (await read("/privacy")).text
    await read("/preferences?theme=dark&next=/privacy")
    assert 'data-bs-theme="dark"' in (await read("/privacy")).text
    assert (await read("/preferences?theme=pink")).status_code == 422


@pytest.mark.parametrize("place", ["//evil.example", "https://evil.example", "/\\evil.example"])
async def test_a_choice_leads_nowhere_else(read: Reader, place: str) -> None:
    assert (await read("/preferences", params={"lang": "en", "next": place})).headers["location"] == "/"
    assert (await read("/signin", params={"next": place})).headers["location"] == "/"


async def test_the_start_leads_to_the_orders(read: Reader) -> None:
    assert (await read("/")).headers["location"] == "/orders"


async def test_strangers_are_led_to_the_sign_in_page(browser: httpx.AsyncClient) -> None:
    for path in ("/", "/orders", "/orders/x", "/contacts", "/privacy"):
        answer = await browser.get(path, headers=DOCUMENT)
        assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/signin")
    page = await browser.get("/signin?next=/orders/x", headers=DOCUMENT)
    assert page.status_code == 200
    assert 'href="/signin/start?next=/orders/x"' in page.text
    assert "vault.larets.localhost" in page.text


async def test_the_issuer_away_is_said_and_open_sessions_stay(
    browser: httpx.AsyncClient, issuer: FakeIssuer, read: Reader
) -> None:
    await read("/orders")
    issuer.away = True
    assert (await read("/orders")).status_code == 200
    page = await browser.get("/signin/start?next=/orders", headers=DOCUMENT)
    assert page.status_code == 503
    assert "Служба входа не отвечает" in page.text
    assert 'href="/signin/start?next=/orders"' in page.text


async def test_a_sign_in_that_nobody_began_is_refused(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/signin/callback?code=x&state=y", headers=DOCUMENT)
    assert page.status_code == 400
    assert "Войти не удалось" in page.text


async def test_signing_out_ends_the_session(browser: httpx.AsyncClient, read: Reader) -> None:
    await read("/orders")
    answer = await browser.post("/signout", headers=FORM)
    assert answer.status_code == 303
    assert sessions.COOKIE not in browser.cookies
    assert (await browser.get("/orders", headers=DOCUMENT)).status_code == 303


async def test_personal_data_in_an_address_are_refused_with_advice(read: Reader) -> None:
    page = await read("/orders?q=%2B79161234567")
    assert page.status_code == 422
    assert "Найти человека" in page.text
    assert "9161234567" not in page.text


async def test_the_database_away_is_a_page_with_retry(
    read: Reader, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await read("/orders")

    def away(_: str) -> NoReturn:
        raise DatabaseUnavailable

    monkeypatch.setattr(db, "tenant", away)
    page = await read("/orders?status=failed")
    assert page.status_code == 503
    assert 'href="/orders?status=failed"' in page.text


async def test_every_address_of_a_page_answers(read: Reader, browser: httpx.AsyncClient) -> None:
    page = await read("/orders")
    for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text):
        found = await browser.get(address)
        assert found.status_code == 200, address
        assert "immutable" in found.headers["cache-control"]
    modules = re.findall(r'src="(/static/[^"]+/js/)crm.js"', page.text)
    for name in ("frames", "reveal", "collect", "search", "channel", "notices"):
        assert (await browser.get(f"{modules[0]}{name}.js")).status_code == 200
