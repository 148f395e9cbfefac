"""Response headers of the CRM's browser host. `main.py` wraps the application once."""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_YEAR: Final = 31_536_000


def content_policy(vault_origin: str) -> str:
    """Nothing but the CRM's own files runs or is drawn; the only other origin is the vault's.

    `form-action` names the vault because a form's redirects count: sign-in and sign-out end there.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            f"form-action 'self' {vault_origin}",
            f"frame-src {vault_origin}",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        )
    )


def security_headers(*, crm_origin: str, vault_origin: str) -> dict[str, str]:
    headers = {
        "content-security-policy": content_policy(vault_origin),
        "origin-agent-cluster": "?1",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "cache-control": "no-store",
    }
    if crm_origin.startswith("https://"):
        headers["strict-transport-security"] = f"max-age={2 * _YEAR}; includeSubDomains"
    return headers


def secure_cookies(start: Message) -> None:
    """Adds the attribute to each cookie of an answer that has it not."""
    start["headers"] = [
        (name, _secure(value) if name.lower() == b"set-cookie" else value) for name, value in start["headers"]
    ]


def _secure(cookie: bytes) -> bytes:
    attributes = {part.strip().lower() for part in cookie.split(b";")[1:]}
    return cookie if b"secure" in attributes else cookie + b"; Secure"


class SecurityHeaders:
    """ASGI middleware. A header that a response has set already stays: a static file says how it is cached.

    On an https origin every cookie is Secure, whoever sets it: none may travel when somebody is led to plain http.
    """

    def __init__(self, app: ASGIApp, *, crm_origin: str, vault_origin: str) -> None:
        self._app = app
        self._headers = security_headers(crm_origin=crm_origin, vault_origin=vault_origin)
        self._https = crm_origin.startswith("https://")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                if self._https:
                    secure_cookies(message)
            await send(message)

        await self._app(scope, receive, send_with_headers)
