"""What the vault's browser hosts share: response headers, the same-origin rule, pages and assets.

A host is wrapped once, in the composition root: ``BrowserGuard(app, origin=settings.vault_origin)``.
Pages are rendered by ``load_pages().render(request, "console/matrix.html", ...)``; a template gets
``t(ru, en)``, ``lang`` and ``asset(path)``.
"""

import functools
import hashlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import jinja2
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pii_vault.errors import CrossSite
from pii_vault.problems import problem

logger = logging.getLogger(__name__)

Language = Literal["ru", "en"]
LANGUAGE_COOKIE: Final = "lang"
SESSION_COOKIE_PREFIX: Final = "__Host-larets"
VENDOR_ASSETS: Final = ("vendor/tabler.min.css",)
_PACKAGE: Final = Path(__file__).parent
_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}


def content_policy(
    *,
    frame_ancestors: Sequence[str] = ("'none'",),
    form_action: Sequence[str] = ("'self'",),
) -> str:
    """The content security policy of a vault page.

    Only the two lists vary: who may frame the page, and where its forms may lead (a form's redirects count,
    so the sign-in page names the client's origin). Trusted Types without a policy make every HTML-parsing
    sink throw, so a value that came from a stranger's webhook cannot become markup.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            f"form-action {' '.join(form_action)}",
            f"frame-ancestors {' '.join(frame_ancestors)}",
            "base-uri 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


SECURITY_HEADERS: Final = {
    "content-security-policy": content_policy(),
    "origin-agent-cluster": "?1",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cache-control": "no-store",
}


class BrowserGuard:
    """ASGI middleware of one browser host: adds the security headers and refuses cross-site requests.

    A header that a response has already set stays: a frame names its ancestors, an asset its caching. On an https
    origin every cookie is Secure, whoever sets it.
    """

    def __init__(self, app: ASGIApp, *, origin: str) -> None:
        self._app = app
        self._origin = origin.rstrip("/")
        self._headers = dict(SECURITY_HEADERS)
        if self._origin.startswith("https://"):
            self._headers["strict-transport-security"] = "max-age=63072000; includeSubDomains"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                if self._origin.startswith("https://"):
                    message["headers"] = [_secure_cookie(*header) for header in message["headers"]]
            await send(message)

        if is_cross_site(scope["method"], Headers(scope=scope), origin=self._origin):
            logger.warning("refused a cross-site request to %s", scope["path"].split("/")[1:2])
            await problem(CrossSite())(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)


def _secure_cookie(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """The header as it is, or a cookie with the attribute it lacks."""
    if name.lower() != b"set-cookie":
        return name, value
    attributes = {part.strip().lower() for part in value.split(b";")[1:]}
    return name, value if b"secure" in attributes else value + b"; Secure"


def is_cross_site(method: str, headers: Headers, *, origin: str) -> bool:
    """Whether a browser request could have been caused by another origin and must be refused.

    The CRM is a *sibling* of the vault, so SameSite cookies do reach us from its pages: only Sec-Fetch-Site,
    which no page can forge, tells the vault's own scripts and forms from the CRM's. Documents (a GET
    navigation, frames included) may come from anywhere; they change nothing and cannot be read by the opener.
    ``Origin: null`` is what a same-origin form sends under ``Referrer-Policy: no-referrer``; it passes only
    beside ``Sec-Fetch-Site: same-origin``.
    """
    site = headers.get("sec-fetch-site")
    sent_origin = headers.get("origin")
    unsafe = method not in ("GET", "HEAD", "OPTIONS")
    if not unsafe and headers.get("sec-fetch-mode") == "navigate":
        return False
    if SESSION_COOKIE_PREFIX in headers.get("cookie", ""):
        if site != "same-origin":
            return True
        return unsafe and sent_origin not in (origin, "null")
    # Without a session: a sign-in form posted by another site (login CSRF) is refused; programs send neither.
    return unsafe and (site not in (None, "same-origin") or sent_origin not in (None, "null", origin))


def language(request: Request) -> Language:
    """Cookie ``lang`` first, then the browser's order of preference; Russian when neither says."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen == "en":
        return "en"
    if chosen == "ru":
        return "ru"
    for part in request.headers.get("accept-language", "").split(","):
        tag = part.split(";")[0].strip().lower()
        if tag.startswith("ru"):
            return "ru"
        if tag.startswith("en"):
            return "en"
    return "ru"


def translator(lang: Language) -> Callable[[str, str], str]:
    """``t(ru, en)``: both texts stand at the place of use, so neither language can lack one."""

    def t(ru: str, en: str) -> str:
        return en if lang == "en" else ru

    return t


class Assets:
    """Static files, read once and addressed under the hash of the whole set.

    The hash stands in the path (``/static/<hash>/frames/reveal.js``), so modules that import each other by
    relative address stay within one version.
    """

    def __init__(self, root: Path) -> None:
        self._files: dict[str, tuple[bytes, str]] = {}
        digest = hashlib.sha256()
        for path in sorted(root.rglob("*")):
            if not path.is_file() or path.suffix not in _MEDIA_TYPES:
                continue
            name, body = path.relative_to(root).as_posix(), path.read_bytes()
            self._files[name] = (body, _MEDIA_TYPES[path.suffix])
            digest.update(f"{name}\0{len(body)}\0".encode() + body)
        self.version = digest.hexdigest()[:16]
        self.missing = tuple(name for name in VENDOR_ASSETS if name not in self._files)
        for name in self.missing:
            logger.warning("static/%s is missing: run `make up` to install it; pages stay unstyled", name)

    def url(self, name: str) -> str:
        if name not in self._files and name not in VENDOR_ASSETS:
            raise KeyError(name)
        return f"/static/{self.version}/{name}"

    def response(self, version: str, name: str) -> Response:
        """The file; kept for ever under the current version, not at all under an older one."""
        found = self._files.get(name)
        if found is None:
            return Response(status_code=404)
        current = version == self.version
        cache = "public, max-age=31536000, immutable" if current else "no-store"
        return Response(found[0], media_type=found[1], headers={"cache-control": cache})


class Pages:
    """Renders templates with the reader's language and the assets' addresses."""

    def __init__(self, templates: Path, assets: Assets) -> None:
        self.assets = assets
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(templates),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(
        self,
        request: Request,
        name: str,
        *,
        status: int = 200,
        policy: str | None = None,
        **context: Any,
    ) -> HTMLResponse:
        """``policy`` (see content_policy) replaces the default one, e.g. for a sign-in form or a frame."""
        lang = language(request)
        html = self._environment.get_template(name).render(
            lang=lang,
            t=translator(lang),
            asset=self.assets.url,
            missing_assets=self.assets.missing,
            here=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            **context,
        )
        headers = {"vary": "Cookie, Accept-Language"}
        if policy is not None:
            headers["content-security-policy"] = policy
        return HTMLResponse(html, status_code=status, headers=headers)


@functools.cache
def load_pages() -> Pages:
    """The vault's own templates and assets; read on first use, then shared."""
    return Pages(_PACKAGE / "templates", Assets(_PACKAGE / "static"))


def build_site() -> APIRouter:
    """Assets and the language switch, for every browser host that shows pages."""
    router = APIRouter(include_in_schema=False)

    @router.get("/static/{version}/{name:path}")
    def static(version: str, name: str) -> Response:
        return load_pages().assets.response(version, name)

    @router.get("/language/{lang}")
    def switch_language(lang: Language, next: str = "/") -> Response:  # noqa: A002  the usual name in addresses
        answer = RedirectResponse(local_path(next), status_code=303)
        answer.set_cookie(LANGUAGE_COOKIE, lang, max_age=31536000, samesite="lax", httponly=True)
        return answer

    return router


def local_path(address: str) -> str:
    """``address`` if it stays on this host, else ``/``: a link's redirect target is never trusted."""
    parts = urlsplit(address)
    inside = address.startswith("/") and not address.startswith("//") and not parts.scheme and not parts.netloc
    return address if inside and "\\" not in address and address.isprintable() else "/"
