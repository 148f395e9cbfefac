"""`larets staff`: the people of a shop. WHO is an id, an alias or a login."""

from typing import Annotated, Any

import typer

from pii_vault.identity import factor, store
from pii_vault.identity.keys import IdentityKeys
from pii_vault.identity.models import ROLES, Role, Staff
from pii_vault.identity.staff import (
    Invited,
    find_staff,
    invite,
    list_staff,
    reset_second_factor,
    set_enabled,
    set_role,
)
from scripts.vault.issuer import IssuerDesk, run
from scripts.voice import emit, fail, result, say

cli = typer.Typer(no_args_is_help=True, help="Staff of a shop: invite, roles, second factor, sessions.")

Who = Annotated[str, typer.Argument(help="id, alias or login")]
TenantOption = Annotated[str, typer.Option("--tenant", "-t", help="the shop")]
RoleText = Annotated[str, typer.Option("--role", help=" | ".join(ROLES))]
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]


@cli.command("invite")
def invite_(
    login: Annotated[str, typer.Argument(help="how the person will sign in; stays in the private contour")],
    tenant: TenantOption,
    role: RoleText,
    alias: Annotated[str, typer.Option(help="work name, shown in the CRM: no personal data")],
    as_json: Json = False,
) -> None:
    """A link, good once and for 48 hours, with which the person sets a password and a second factor."""
    chosen = _role(role)

    async def act(desk: IssuerDesk) -> dict[str, Any]:
        issuer = desk.issuer
        with desk.sessions.begin() as db:
            invited = invite(
                db,
                issuer.keys,
                tenant=tenant,
                login=login,
                alias=alias,
                role=chosen,
                policy=issuer.policy,
                now=issuer.now(),
            )
            desk.record(db, invited.staff_id, tenant, "staff_invite")
        return _link(desk, invited)

    _show_link(run(act), as_json=as_json)


@cli.command("role")
def role_(
    who: Who,
    role: Annotated[str, typer.Argument(help=" | ".join(ROLES))],
    tenant: TenantOption,
    as_json: Json = False,
) -> None:
    """Give a person another role. The vault obeys within seconds, the CRM within five minutes."""
    chosen = _role(role)

    async def act(desk: IssuerDesk) -> dict[str, Any]:
        with desk.sessions.begin() as db:
            staff = find_staff(db, desk.issuer.keys, tenant=tenant, who=who)
            set_role(db, staff.id, role=chosen, now=desk.issuer.now())
            desk.record(db, staff.id, tenant, "staff_role")
        return _row(staff)

    _show(run(act), as_json=as_json)


@cli.command()
def disable(who: Who, tenant: TenantOption, as_json: Json = False) -> None:
    """End all sessions of a person and let nobody in under this login."""
    _show(run(lambda desk: _enable(desk, who, tenant, enabled=False)), as_json=as_json)


@cli.command()
def enable(who: Who, tenant: TenantOption, as_json: Json = False) -> None:
    """Let a disabled person in again."""
    _show(run(lambda desk: _enable(desk, who, tenant, enabled=True)), as_json=as_json)


@cli.command("list")
def list_(tenant: TenantOption, as_json: Json = False) -> None:
    """The people of a shop."""

    async def act(desk: IssuerDesk) -> list[dict[str, Any]]:
        keys = desk.issuer.keys
        with desk.sessions() as db:
            return [
                _row(staff)
                | {
                    "login": keys.open(staff.login_sealed, context=f"staff/{staff.id}/login"),
                    "recovery_codes": _codes_left(keys, staff),
                }
                for staff in list_staff(db, tenant)
            ]

    rows = run(act)
    if as_json:
        emit(rows)
        return
    for row in rows:
        codes = f"{row['recovery_codes']:>2} recovery codes"
        result(f"{row['staff']}  {row['role']:<10} {row['state']:<9} {codes}  {row['alias']:<20} {row['login']}")


@cli.command("reset-second-factor")
def reset(
    who: Who,
    tenant: TenantOption,
    password: Annotated[bool, typer.Option("--password", help="the password is forgotten too")] = False,
    as_json: Json = False,
) -> None:
    """For a lost phone: ends all sessions and gives a link to enrol a new second factor with the same password."""

    async def act(desk: IssuerDesk) -> dict[str, Any]:
        issuer = desk.issuer
        with desk.sessions.begin() as db:
            staff = find_staff(db, issuer.keys, tenant=tenant, who=who)
            _, invited, ended = reset_second_factor(
                db, issuer.keys, staff.id, policy=issuer.policy, now=issuer.now(), password_too=password
            )
            desk.record(db, staff.id, tenant, "second_factor_reset")
            for _ in ended:
                desk.record(db, staff.id, tenant, "session_end")
        return _link(desk, invited)

    _show_link(run(act), as_json=as_json)


@cli.command()
def sessions(
    who: Who,
    tenant: TenantOption,
    end: Annotated[str, typer.Option(help="end this session, or `all`")] = "",
    as_json: Json = False,
) -> None:
    """Where a person is signed in; with --end, end it. The vault obeys with the next request."""

    async def act(desk: IssuerDesk) -> list[dict[str, Any]]:
        policy, now = desk.issuer.policy, desk.issuer.now()
        with desk.sessions.begin() as db:
            staff = find_staff(db, desk.issuer.keys, tenant=tenant, who=who)
            live = store.live_of(db, staff.id, policy=policy, now=now)
            doomed = [each.session.sid for each in live if end in ("all", each.session.sid)]
            if end and not doomed:
                fail("no such session", hint="larets staff sessions WHO lists them")
            rows = [_session_row(each, ended=each.session.sid in doomed) for each in live]
            for sid in doomed:
                store.end(db, sid, reason="ended_by_operator", now=now)
                desk.record(db, staff.id, tenant, "session_end")
        return rows

    rows = run(act)
    if as_json:
        emit(rows)
        return
    for row in rows:
        seen = f"vault {row['seen_at_vault']}  client {row['client_used'] or '—'}"
        result(f"{row['session']}  {row['state']:<6} {row['signed_in']}  {seen}  {row['device']}")


async def _enable(desk: IssuerDesk, who: str, tenant: str, *, enabled: bool) -> dict[str, Any]:
    with desk.sessions.begin() as db:
        staff = find_staff(db, desk.issuer.keys, tenant=tenant, who=who)
        _, ended = set_enabled(db, staff.id, enabled=enabled, now=desk.issuer.now())
        desk.record(db, staff.id, tenant, "staff_enable" if enabled else "staff_disable")
        for _ in ended:
            desk.record(db, staff.id, tenant, "session_end")
    return _row(staff)


def _role(text: str) -> Role:
    if text not in ROLES:
        fail(f"there is no role {text}", hint=f"take one of: {', '.join(ROLES)}")
    return text


def _row(staff: Staff) -> dict[str, Any]:
    return {"staff": staff.id, "alias": staff.alias, "role": staff.role, "state": staff.state}


def _codes_left(keys: IdentityKeys, staff: Staff) -> int:
    enrolled = factor.read(keys, staff)
    return len(enrolled.recovery) if enrolled else 0


def _session_row(listed: store.Listed, *, ended: bool) -> dict[str, Any]:
    session, used = listed.session, listed.client_used_at
    return {
        "session": session.sid,
        "device": session.device,
        "signed_in": session.auth_time.isoformat(timespec="seconds"),
        "seen_at_vault": session.last_seen_at.isoformat(timespec="seconds"),
        "client_used": used.isoformat(timespec="seconds") if used else None,
        "state": "ended" if ended else "live",
    }


def _link(desk: IssuerDesk, invited: Invited) -> dict[str, Any]:
    return {
        "staff": invited.staff_id,
        "link": desk.link(invited.code),
        "expires_at": invited.expires_at.isoformat(timespec="seconds"),
    }


def _show(row: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit(row)
    else:
        result(f"{row['staff']}  {row['role']}  {row['state']}  {row['alias']}")


def _show_link(row: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit(row)
        return
    result(row["link"])
    say(f"good once, until {row['expires_at']}; hand it over in person or by a channel you trust")
