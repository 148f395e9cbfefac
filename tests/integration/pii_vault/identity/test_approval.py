"""Who approves at the command line proves both factors; each way of not doing so ends the command."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pyotp
import pytest
import typer

from pii_vault.identity.staff import set_enabled
from scripts.vault.approval import prove
from scripts.vault.issuer import IssuerDesk
from tests.integration.pii_vault.identity.stage import PASSWORD, Member, Stage

Answer = Callable[..., None]


@pytest.fixture
def desk(stage: Stage) -> IssuerDesk:
    return cast("IssuerDesk", SimpleNamespace(issuer=stage.issuer, sessions=stage.services.sessions))


@pytest.fixture
def answer(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Answer:
    """What the person types: the right password and code, but for what is named."""

    def types(member: Member, *, password: str = PASSWORD, code: str | None = None) -> None:
        right = pyotp.TOTP(member.secret).at(stage.clock.now)
        answers: list[Any] = [password, right if code is None else code]
        monkeypatch.setattr(typer, "prompt", lambda *_, **__: answers.pop(0))

    return types


async def test_an_officer_and_an_owner_prove_who_they_are(stage: Stage, desk: IssuerDesk, answer: Answer) -> None:
    for role in ("officer", "owner"):
        member = stage.member(cast("Any", role))
        answer(member)
        assert prove(desk, member.login) == member.staff_id


async def test_a_code_is_good_once(stage: Stage, desk: IssuerDesk, answer: Answer) -> None:
    member = stage.member("officer")
    answer(member)
    prove(desk, member.login)
    answer(member)
    with pytest.raises(SystemExit):
        prove(desk, member.login)


@pytest.mark.parametrize("wrong", ["password", "code", "role", "login", "disabled"])
async def test_who_does_not_prove_it_approves_nothing(
    stage: Stage, desk: IssuerDesk, answer: Answer, capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    member = stage.member("sales" if wrong == "role" else "officer")
    if wrong == "disabled":
        with stage.services.sessions.begin() as db:
            set_enabled(db, member.staff_id, enabled=False, now=stage.clock.now)
    if wrong == "password":
        answer(member, password="another one")
    elif wrong == "code":
        answer(member, code="000000")
    else:
        answer(member)
    with pytest.raises(SystemExit):
        prove(desk, "nobody@shop.example.ru" if wrong == "login" else member.login)
    assert PASSWORD not in capsys.readouterr().err
