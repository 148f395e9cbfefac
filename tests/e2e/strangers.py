"""A second shop with its staff, and credentials that must open nothing."""

import base64
import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey
from playwright.async_api import expect

from tests.e2e.command import told
from tests.e2e.desk import Desk
from tests.support.instance import World

RIVAL: Final = "rival"
PASSWORD: Final = "семь бодрых ежей едут"


@dataclass(frozen=True, slots=True)
class Strangers:
    """Staff ids. `dismissed` was disabled after signing in; the other two are in good standing, elsewhere."""

    sales: str
    officer: str
    dismissed: str
    dismissed_bearer: str
    dismissed_cookies: dict[str, str]


async def settle(desk: Desk, world: World, role: str) -> str:
    """Invited by the command, and let in by the page that the link leads to. Returns the staff id."""
    home = world.instance.home
    mark = secrets.token_hex(3)
    words = [f"{role}-{mark}@rival.example", "--tenant", RIVAL, "--role", role.partition("-")[0]]
    words += ["--alias", f"Чужой {role} {mark}"]
    invited = told(home, "staff", "invite", *words, "--json")
    page = await desk.new_page()
    await page.goto(invited["link"])
    enrolled = "".join((await page.locator(".enrolment-key code").text_content() or "").split())
    await page.locator("#password").fill(PASSWORD)
    await page.locator("#again").fill(PASSWORD)
    await page.locator("#code").fill(world.code(enrolled))
    await page.locator("#code").press("Enter")
    await expect(page.get_by_text("Теперь можно войти.")).to_be_visible()
    return str(invited["staff"])


async def make_strangers(desk: Desk, world: World) -> Strangers:
    home = world.instance.home
    told(home, "tenant", "create", RIVAL, "--title", "Чужая лавка", "--json")
    sales, officer, dismissed = [await settle(desk, world, role) for role in ("sales", "officer", "sales-gone")]
    bearer = world.bearer_of(dismissed)
    cookies = {audience: world.cookie(dismissed, audience) for audience in ("vault", "console")}
    told(home, "staff", "disable", dismissed, "--tenant", RIVAL, "--json")
    return Strangers(sales, officer, dismissed, bearer, cookies)


def forgeries(world: World) -> dict[str, str]:
    """Bearer tokens that look like a token of sales for the vault and are none."""
    genuine = world.bearer("sales")
    head, body, signature = genuine.split(".")
    header, claims = _decoded(head), _decoded(body)
    kid = header["kid"]
    public = next(key for key in world.issuer.signing.public_set()["keys"] if key["kid"] == kid)
    owner = _encoded(claims | {"roles": ["owner"], "sub": world.member("owner").id})
    return unsigned(header, claims, public) | {
        "changed claims": f"{head}.{owner}.{signature}",
        "id token": world.issuer.signing.sign(claims, token_type="JWT"),
        "two audiences": world.issuer.signing.sign(claims | {"aud": ["crm", "vault"]}, token_type=header["typ"]),
        "another issuer": world.issuer.signing.sign(
            claims | {"iss": "https://vault.evil.example"}, token_type="at+jwt"
        ),
        "session of another": world.issuer.signing.sign(
            claims | {"sub": world.member("owner").id}, token_type="at+jwt"
        ),
        "expired": world.old_bearer(world.member("sales").id, age=timedelta(minutes=6)),
        "audience crm": world.bearer("sales", "crm"),
        "rubbish": "x" * 200,
    }


def unsigned(header: dict[str, Any], claims: dict[str, Any], public: dict[str, Any]) -> dict[str, str]:
    """Tokens with these claims that the issuer of the key `public` did not sign."""
    own = ECKey.generate_key("P-256")
    shared = OctKey.import_key(json.dumps(public).encode())
    kid, kind = header["kid"], header["typ"]
    return {
        "no signature": f"{_encoded({'alg': 'none', 'typ': kind, 'kid': kid})}.{_encoded(claims)}.",
        "another key": jwt.encode(header, claims, own),
        "a key of its own": jwt.encode(header | {"jwk": own.as_dict(private=False)}, claims, own),
        "public key as a secret": jwt.encode(
            {"alg": "HS256", "typ": kind, "kid": kid}, claims, shared, algorithms=["HS256"]
        ),
    }


def _decoded(part: str) -> dict[str, Any]:
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


def _encoded(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
