"""Persons who approve at the command line prove who they are, by password and second factor."""

from typing import Final

import typer
from sqlalchemy import select

from pii_vault.identity import factor, totp
from pii_vault.identity.models import Staff
from scripts.vault.issuer import IssuerDesk
from scripts.voice import fail

APPROVERS: Final = frozenset({"officer", "owner"})


def prove(desk: IssuerDesk, login: str) -> str:
    """The staff id behind this login, once its holder has proved both factors here; the code is spent.

    Whoever may run this holds the vault's database already, so tries are not counted.
    """
    issuer = desk.issuer
    password = typer.prompt(f"password of {login}", hide_input=True, err=True)
    code = typer.prompt(f"second factor of {login}", hide_input=True, err=True)
    with desk.sessions.begin() as db:
        staff = db.scalars(select(Staff).where(Staff.login_digest == issuer.keys.login_digest(login))).one_or_none()
        usable = staff is not None and staff.may_sign_in
        matches = issuer.passwords.matches(password, staff.password_hash if staff is not None else None)
        if staff is None or not usable or not matches or not _spend(desk, staff, code):
            fail(f"{login} did not prove who they are", hint="a code is good once: wait for the next one")
        if staff.role not in APPROVERS:
            fail(f"{login} may not approve this", hint="officers and owners may")
        return staff.id


def _spend(desk: IssuerDesk, staff: Staff, code: str) -> bool:
    enrolled = factor.read(desk.issuer.keys, staff)
    if enrolled is None:
        return False
    step = totp.accepted_step(enrolled.secret, code, last_step=staff.totp_step, now=desk.issuer.now())
    if step is None:
        return False
    staff.totp_step = step
    return True
