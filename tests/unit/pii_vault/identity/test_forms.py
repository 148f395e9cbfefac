"""Where a sign-in may lead, and what is kept of a browser."""

import pytest
from fastapi import Request

from pii_vault.identity.forms import HOME, device_of, next_path


@pytest.mark.parametrize(
    "path",
    [
        "/identity/sessions",
        "/identity/signout",
        "/identity/handover?challenge=abc",
        "/identity/authorize?client_id=crm&redirect_uri=https%3A%2F%2Fcrm.larets.localhost%2Fsignin%2Fcallback",
    ],
)
def test_own_pages_are_kept(path: str) -> None:
    assert next_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/frames/reveal",
        "https://evil.example/identity/authorize",
        "//evil.example/identity/authorize",
        "///identity/authorize",
        "/\\identity/authorize",
        "/identity/authorize\\",
        "/identity/authorize/../../x",
        "/identity/authorize#fragment",
        "/identity/authorize?a=b\r\nSet-Cookie: x",
        "/identity/authorize?имя",
        "/identity/authorize?" + "a" * 5000,
        "javascript:alert(1)",
    ],
)
def test_anything_else_leads_home(path: str) -> None:
    assert next_path(path) == HOME


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36", "Chrome · Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/138.0 YaBrowser/25.8 Safari/537.36", "Yandex Browser · Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari · iPhone"),
        ("curl/8.0", "unknown"),
        ("", "unknown"),
    ],
)
def test_browser_is_kept_coarsely(agent: str, device: str) -> None:
    scope = {"type": "http", "headers": [(b"user-agent", agent.encode())]}
    assert device_of(Request(scope)) == device
