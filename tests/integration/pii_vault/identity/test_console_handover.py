"""The console's host: a session of its own, handed over once."""

from typing import Any

from pii_vault.identity.sessions import CONSOLE_COOKIE, VAULT_COOKIE
from tests.integration.pii_vault.identity.stage import CONSOLE, VAULT, Stage, query_of, request_with


async def test_console_gets_a_session_of_its_own(stage: Stage) -> None:
    vault, console = stage.browser(), stage.browser(CONSOLE)
    member = stage.member("officer")
    begun = await console.get("/signin?next=/matrix")
    to_vault = begun.headers["location"].removeprefix(VAULT)
    to_signin = await vault.get(to_vault)
    await stage.sign_in(vault, member, goes_to=query_of(to_signin.headers["location"])["next"])
    back = (await vault.get(to_vault)).headers["location"]
    assert back.startswith(f"{CONSOLE}/signin/callback?code=")
    done = await console.get(back.removeprefix(CONSOLE))
    assert done.headers["location"] == "/matrix"
    cookie = str(console.cookie(CONSOLE_COOKIE))
    principal = await stage.staff_sessions.principal_from_cookie(
        request_with({CONSOLE_COOKIE: cookie}), audience="console"
    )
    assert principal is not None
    assert principal.id == member.staff_id
    assert not await stage.staff_sessions.principal_from_cookie(request_with({VAULT_COOKIE: cookie}), audience="vault")
    await console.submit("/signout", {})
    assert (await vault.get("/identity/sessions")).status_code == 303


async def handed_over(stage: Stage) -> tuple[Any, Any, str]:
    vault, console = stage.browser(), stage.browser(CONSOLE)
    await stage.sign_in(vault, stage.member("officer"))
    begun = await console.get("/signin?next=https://evil.example/")
    answer = await vault.get(begun.headers["location"].removeprefix(VAULT))
    return vault, console, answer.headers["location"].removeprefix(CONSOLE)


async def test_handover_stays_on_the_console(stage: Stage) -> None:
    _, console, back = await handed_over(stage)
    assert (await console.get(back)).headers["location"] == "/"


async def test_code_of_another_browser_signs_nobody_in(stage: Stage) -> None:
    _, console, back = await handed_over(stage)
    victim = stage.browser(CONSOLE)
    await victim.get("/signin")
    assert (await victim.get(back)).status_code == 401
    assert victim.cookie(CONSOLE_COOKIE) is None
    assert (await console.get(back)).status_code == 303


async def test_replayed_handover_ends_the_session(stage: Stage) -> None:
    vault, console, back = await handed_over(stage)
    entry = str(console.cookie("__Host-larets_console_entry"))
    await console.get(back)
    console.client.cookies.set("__Host-larets_console_entry", entry, domain="console.larets.localhost")
    assert (await console.get(back)).status_code == 401
    assert (await vault.get("/identity/sessions")).status_code == 303


async def test_handover_runs_out(stage: Stage) -> None:
    _, console, back = await handed_over(stage)
    stage.clock.forward(seconds=61)
    assert (await console.get(back)).status_code == 401


async def test_an_address_in_cyrillic_is_asked_for_and_come_back_to(stage: Stage) -> None:
    vault, console = stage.browser(), stage.browser(CONSOLE)
    begun = await console.get("/signin?next=/audit?staff=%D0%9E%D0%BB%D1%8F%2526")
    to_vault = begun.headers["location"].removeprefix(VAULT)
    to_signin = await vault.get(to_vault)
    await stage.sign_in(vault, stage.member("officer"), goes_to=query_of(to_signin.headers["location"])["next"])
    back = (await vault.get(to_vault)).headers["location"]
    done = await console.get(back.removeprefix(CONSOLE))
    assert done.headers["location"] == "/audit?staff=%D0%9E%D0%BB%D1%8F%26"
