from app.kit.headers import SecurityHeaders, content_policy, security_headers
from tests.unit.app.pages.asgi import Answer, ask, reply

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self' https://vault.shop.example; frame-src https://vault.shop.example; "
    "frame-ancestors 'none'; base-uri 'none'"
)
ORIGINS = {"crm_origin": "https://crm.shop.example", "vault_origin": "https://vault.shop.example"}


def test_the_content_policy_word_for_word() -> None:
    assert content_policy("https://vault.shop.example") == POLICY


async def test_every_answer_carries_the_headers() -> None:
    answer = await ask(SecurityHeaders(reply(b"x"), **ORIGINS))
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["origin-agent-cluster"] == "?1"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert "max-age=63072000" in answer.headers["strict-transport-security"]


async def test_what_an_answer_has_said_stays() -> None:
    answer: Answer = await ask(SecurityHeaders(reply(b"x", {"cache-control": "public"}), **ORIGINS))
    assert answer.headers["cache-control"] == "public"


async def test_every_cookie_of_an_https_origin_is_secure() -> None:
    answer = await ask(SecurityHeaders(reply(b"x", {"set-cookie": "lang=ru; Path=/; SameSite=lax"}), **ORIGINS))
    assert answer.headers["set-cookie"] == "lang=ru; Path=/; SameSite=lax; Secure"
    done = await ask(SecurityHeaders(reply(b"x", {"set-cookie": "lang=secure; secure; Path=/"}), **ORIGINS))
    assert done.headers["set-cookie"] == "lang=secure; secure; Path=/"


async def test_plain_loopback_keeps_its_cookies() -> None:
    plain = {"crm_origin": "http://crm.larets.localhost", "vault_origin": "http://vault.larets.localhost"}
    answer = await ask(SecurityHeaders(reply(b"x", {"set-cookie": "lang=ru; Path=/"}), **plain))
    assert answer.headers["set-cookie"] == "lang=ru; Path=/"


def test_plain_http_promises_no_https() -> None:
    headers = security_headers(crm_origin="http://crm.larets.localhost", vault_origin="http://vault.larets.localhost")
    assert "strict-transport-security" not in headers
