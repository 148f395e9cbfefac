"""Headers, the same-origin rule, languages and assets of the vault's browser hosts."""

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from starlette.datastructures import Headers

import pii_vault
from pii_vault.web import Assets, BrowserGuard, Pages, build_site, content_policy, is_cross_site, load_pages, local_path

ORIGIN = "http://vault.larets.localhost:8200"
SESSION = "__Host-larets_vault=x"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


def app(origin: str = ORIGIN) -> BrowserGuard:
    inner = FastAPI()
    inner.include_router(build_site())

    @inner.get("/page")
    def page(request: Request) -> Response:
        return load_pages().render(request, "card.html")

    @inner.api_route("/act", methods=["GET", "POST"])
    def act() -> str:
        return "done"

    return BrowserGuard(inner, origin=origin)


@pytest.fixture
def client() -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app()), base_url=ORIGIN)


async def test_every_answer_carries_these_headers(client: httpx.AsyncClient) -> None:
    expected = {
        "content-security-policy": POLICY,
        "origin-agent-cluster": "?1",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "cache-control": "no-store",
    }
    for path in ("/page", "/act", "/no-such-page"):
        answer = await client.get(path)
        assert {name: answer.headers.get(name) for name in expected} == expected
        assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize(("origin", "secure"), [("https://vault.example.ru", True), (ORIGIN, False)])
async def test_language_cookie_of_an_https_host_is_secure(origin: str, secure: bool) -> None:  # noqa: FBT001
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app(origin)), base_url=origin) as client:
        answer = await client.get("/language/en", headers={"sec-fetch-mode": "navigate"})
    assert answer.headers["set-cookie"].startswith("lang=en")
    assert ("; Secure" in answer.headers["set-cookie"]) is secure


async def test_https_host_asks_for_https_from_now_on() -> None:
    guarded = app("https://vault.example.ru")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(guarded), base_url="https://vault.example.ru") as client:
        assert (await client.get("/page")).headers["strict-transport-security"].startswith("max-age=63072000")


def test_policy_never_allows_inline_or_foreign_code() -> None:
    policy = content_policy(frame_ancestors=("http://crm.larets.localhost",), form_action=("'self'", "http://crm"))
    assert "unsafe" not in policy
    assert "*" not in policy
    assert "frame-ancestors http://crm.larets.localhost;" in policy


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {"sec-fetch-mode": "navigate", "sec-fetch-site": "cross-site", "cookie": SESSION}),
        ("GET", {"sec-fetch-site": "same-origin", "cookie": SESSION}),
        ("POST", {"sec-fetch-site": "same-origin", "origin": ORIGIN, "cookie": SESSION}),
        ("POST", {"sec-fetch-site": "same-origin", "origin": "null", "cookie": SESSION}),
        ("POST", {"authorization": "Bearer x"}),
        ("GET", {}),
    ],
)
def test_own_pages_documents_and_programs_pass(method: str, headers: dict[str, str]) -> None:
    assert not is_cross_site(method, Headers(headers), origin=ORIGIN)


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {"sec-fetch-mode": "cors", "sec-fetch-site": "same-site", "cookie": SESSION}),
        ("GET", {"sec-fetch-mode": "no-cors", "sec-fetch-site": "cross-site", "cookie": SESSION}),
        ("GET", {"cookie": SESSION}),
        ("POST", {"sec-fetch-site": "same-site", "origin": "http://crm.larets.localhost:8100", "cookie": SESSION}),
        ("POST", {"sec-fetch-site": "same-origin", "cookie": SESSION}),
        ("POST", {"sec-fetch-site": "same-origin", "origin": "http://crm.larets.localhost:8100", "cookie": SESSION}),
        ("POST", {"sec-fetch-mode": "navigate", "sec-fetch-site": "cross-site", "origin": "https://elsewhere.ru"}),
        ("POST", {"sec-fetch-site": "cross-site", "origin": "null"}),
        ("POST", {"origin": "https://elsewhere.ru"}),
    ],
)
def test_what_another_origin_could_have_caused_is_refused(method: str, headers: dict[str, str]) -> None:
    assert is_cross_site(method, Headers(headers), origin=ORIGIN)


async def test_refusal_is_a_problem_with_the_same_headers(client: httpx.AsyncClient) -> None:
    answer = await client.post("/act", headers={"cookie": SESSION, "sec-fetch-site": "same-site"})
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-security-policy"] == POLICY


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({}, "Ларец"),
        ({"accept-language": "en-GB,en;q=0.9"}, "Larets"),
        ({"accept-language": "de,en;q=0.5"}, "Larets"),
        ({"accept-language": "ru,en"}, "Ларец"),
        ({"accept-language": "en", "cookie": "lang=ru"}, "Ларец"),
        ({"accept-language": "ru", "cookie": "lang=en"}, "Larets"),
        ({"cookie": "lang=<script>"}, "Ларец"),
    ],
)
async def test_language(client: httpx.AsyncClient, headers: dict[str, str], text: str) -> None:
    assert f"<title>{text}</title>" in (await client.get("/page", headers=headers)).text


async def test_language_switch_goes_back_to_the_page(client: httpx.AsyncClient) -> None:
    answer = await client.get("/language/en", params={"next": "/page?a=1"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/page?a=1")
    assert answer.headers["set-cookie"].startswith("lang=en;")


@pytest.mark.parametrize(
    "address", ["https://elsewhere.ru", "//elsewhere.ru", "/\\elsewhere.ru", "javascript:alert(1)", "", "/a\nb"]
)
def test_redirects_stay_on_the_host(address: str) -> None:
    assert local_path(address) == "/"


async def test_assets_are_kept_for_ever_under_their_hash_only(client: httpx.AsyncClient) -> None:
    address = load_pages().assets.url("frames/reveal.js")
    current = await client.get(address)
    assert current.headers["content-type"] == "text/javascript; charset=utf-8"
    assert current.headers["cache-control"] == "public, max-age=31536000, immutable"
    older = await client.get("/static/0000000000000000/frames/reveal.js")
    assert (older.status_code, older.headers["cache-control"]) == (200, "no-store")


@pytest.mark.parametrize("name", ["../web.py", "..%2Fweb.py", "frames/../../web.py", "/etc/passwd", "nothing.js", ""])
def test_only_known_files_are_served(name: str) -> None:
    assets = load_pages().assets
    assert assets.response(assets.version, name).status_code == 404


def test_missing_stylesheet_is_said_and_the_page_still_works(tmp_path: Path) -> None:
    for name in ("icon.svg", "theme.js", "site.css"):
        (tmp_path / "css").mkdir(exist_ok=True)
        (tmp_path / "css" / name).write_text("")
    assets = Assets(tmp_path)
    assert assets.missing == ("vendor/tabler.min.css",)
    pages = Pages(Path(pii_vault.__file__).parent / "templates", assets)
    request = Request({"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []})
    html = bytes(pages.render(request, "card.html").body).decode()
    assert "make up" in html
    assert "tabler" not in html
