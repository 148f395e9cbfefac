"""`larets subject`: a person's rights. Whoever may run it on the vault's machine acts as the compliance officer."""

import asyncio
import json
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from pii_vault.rights import block as blocks
from pii_vault.rights.correct import correct as correct_value
from pii_vault.rights.documents import list_documents, read_document
from pii_vault.rights.erase import REASONS, Eraser
from pii_vault.rights.erasure import Erasure, erasures_of, find_erasure, list_erasures, plan_erasure
from pii_vault.rights.errors import ErasureUnderWay, NothingToErase, SubjectErased
from pii_vault.rights.export import export_subject, render_export
from pii_vault.rights.find import find_by_id, find_by_order, find_by_value
from pii_vault.rights.prove import prove as prove_erasure
from pii_vault.rights.restore import replay as replay_journal
from pii_vault.vault import new_request_id
from scripts.vault import erasure_journal
from scripts.vault.officer import DEFAULT_OFFICER, OfficerDesk, at_desk, read_value, save
from scripts.voice import emit, fail, result, say

cli = typer.Typer(no_args_is_help=True, help="A person's rights: find, export, correct, block, erase, prove.")
cli.add_typer(erasure_journal.cli, name="journal")

SubjectId = Annotated[str, typer.Argument(metavar="SUBJECT", help="sub_…, as `larets subject find` gives it")]
TenantOption = Annotated[str | None, typer.Option("--tenant", "-t", help="the shop; needed if there are several")]
By = Annotated[str, typer.Option("--by", help="staff id of who does it, for the record and the act")]
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
PAUSE_SECONDS: Final = 0.3


@cli.command()
def find(
    identifier: Annotated[str | None, typer.Argument(help="a token (tok_…) or a subject id (sub_…)")] = None,
    *,
    class_id: Annotated[str | None, typer.Option("--class", help="phone, email, …; the value is asked for")] = None,
    order: Annotated[str | None, typer.Option("--order", help="an order's id in the shop")] = None,
    tenant: TenantOption = None,
    by: By = DEFAULT_OFFICER,
    as_json: Json = False,
) -> None:
    """Find a person and all that belongs to them, by any identifier. Shows no value.

    A value is typed at a prompt or sent on standard input, never on the command line.
    """
    if sum(each is not None for each in (identifier, class_id, order)) != 1:
        fail("give one of: a token or subject id, --class, --order")
    value = read_value(f"{class_id}") if class_id else ""

    async def act(desk: OfficerDesk) -> list[dict[str, Any]]:
        if identifier is not None and identifier.startswith("sub_"):
            shop, _ = await desk.person(identifier)
        else:
            shop = await desk.tenant(tenant)
        who, request = desk.officer(shop, by), new_request_id()
        if class_id:
            found = await find_by_value(desk.vault, who, class_id=class_id, value=value, request_id=request)
        elif order is not None:
            found = await find_by_order(desk.vault, who, order, request_id=request)
        else:
            found = await find_by_id(desk.vault, who, identifier or "", request_id=request)
        return [{"tenant": shop} | each.as_dict() for each in found]

    found = at_desk(act)
    if as_json:
        emit(found)
    for each in [] if as_json else found:
        counted = sum(map(Counter, each["values"].values()), Counter[str]())
        result(f"{each['subject']}  {each['state']:<8} {_counts(counted)}")
        for other in each["possible_duplicates"]:
            result(f"    may be the same person: {other['subject']} (same {other['class']})")
    if not found:
        say("nobody was found")
        raise typer.Exit(1)


@cli.command()
def export(
    subject: SubjectId,
    *,
    out: Annotated[Path | None, typer.Option(help="write the JSON here")] = None,
    html: Annotated[Path | None, typer.Option(help="write the page for the person here, to print or send")] = None,
    by: By = DEFAULT_OFFICER,
    as_json: Json = False,
) -> None:
    """Everything that is kept of a person, with its values: as JSON, and as a page that answers art. 14(7)."""
    if not (out or html or as_json):
        fail("the export holds values in clear: say where it goes", hint="--html FILE, --out FILE, or --json")

    async def act(desk: OfficerDesk) -> tuple[dict[str, Any], str]:
        tenant, bits = await desk.person(subject)
        content = await export_subject(desk.vault, desk.officer(tenant, by), bits, request_id=new_request_id())
        return content, render_export(desk.vault, content)

    content, page = at_desk(act)
    if out:
        save(out, json.dumps(content, ensure_ascii=False, indent=2))
    if html:
        save(html, page)
    if as_json:
        emit(content)
    else:
        result(f"{subject}: {len(content['values'])} values exported; nobody else may read the files")


@cli.command()
def correct(
    token: Annotated[str, typer.Argument(help="tok_… of the value that is wrong")],
    *,
    tenant: TenantOption = None,
    by: By = DEFAULT_OFFICER,
    as_json: Json = False,
) -> None:
    """Put the right value under a token. The value is typed at a prompt or sent on standard input."""
    value = read_value("the right value")

    async def act(desk: OfficerDesk) -> None:
        who = desk.officer(await desk.tenant(tenant), by)
        await correct_value(desk.vault, who, token=token, value=value, request_id=new_request_id())

    at_desk(act)
    _tell({"token": token, "corrected": True}, f"{token}: corrected", as_json=as_json)


@cli.command()
def block(
    subject: SubjectId,
    *,
    reason: Annotated[str, typer.Option(help=" | ".join(blocks.REASONS))],
    days: Annotated[int, typer.Option(min=1, max=400, help="after so many days it is decided anew")] = 30,
    by: By = DEFAULT_OFFICER,
    as_json: Json = False,
) -> None:
    """Stop releasing a person's data, but for accounting and the person's own requests."""

    async def act(desk: OfficerDesk) -> dict[str, Any]:
        tenant, bits = await desk.person(subject)
        until = desk.vault.clock() + timedelta(days=days)
        order = await blocks.block(
            desk.vault,
            desk.officer(tenant, by),
            bits,
            reason=reason,
            until=until,
            request_id=new_request_id(),
        )
        everywhere = await blocks.everywhere(desk.vault, order, seconds=30)
        return {"subject": subject, "state": "blocked", "until": until.isoformat(), "everywhere": everywhere}

    done = at_desk(act)
    _tell(done, f"{subject}: blocked until {done['until'][:10]}", as_json=as_json)
    raise typer.Exit(0 if done["everywhere"] else 1)


@cli.command()
def unblock(subject: SubjectId, *, by: By = DEFAULT_OFFICER, as_json: Json = False) -> None:
    """Lift the officer's block."""

    async def act(desk: OfficerDesk) -> None:
        tenant, bits = await desk.person(subject)
        await blocks.unblock(desk.vault, desk.officer(tenant, by), bits, request_id=new_request_id())

    at_desk(act)
    _tell({"subject": subject, "state": "active"}, f"{subject}: not blocked any more", as_json=as_json)


@cli.command()
def erase(
    subject: SubjectId,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="count what would go and what stays; change nothing")
    ] = False,
    reason: Annotated[str, typer.Option(help=" | ".join(REASONS[:-1]))] = REASONS[0],
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    wait: Annotated[float, typer.Option(help="seconds to wait until all workers have dropped their keys")] = 60.0,
    by: By = DEFAULT_OFFICER,
    as_json: Json = False,
) -> None:
    """Erase a person: what is not kept by law goes now, the rest is blocked until its term ends.

    May be repeated after an interruption: it goes on from where it stood. Exit code 0 when no running process can open
    the values any more; copies in backups die with the next trim of key versions (`larets keys trim`).
    """
    if reason not in REASONS:
        fail("no such reason", hint=", ".join(REASONS[:-1]))
    if dry_run or (sys.stdin.isatty() and not yes and not as_json):
        _show_plan(at_desk(lambda desk: _plan(desk, subject)), as_json=as_json)
        if dry_run:
            return
        if not typer.confirm("Erase now? This cannot be undone", err=True):
            fail("nothing was erased")
    done = at_desk(lambda desk: _erase(desk, subject, reason=reason, by=by, seconds=wait))
    line = f"{subject}: erased, step {done['step']}; act and extract: larets subject prove {subject}"
    _tell(done, line, as_json=as_json)
    if "live" not in done["dates"]:
        say("larets: hint: a worker has not answered yet; the vault's worker goes on by itself")
        raise typer.Exit(1)


async def _plan(desk: OfficerDesk, subject: str) -> dict[str, Any]:
    tenant, bits = await desk.person(subject)
    return (await plan_erasure(desk.vault, tenant, bits)).as_dict(desk.vault)


async def _erase(desk: OfficerDesk, subject: str, *, reason: str, by: str, seconds: float) -> dict[str, Any]:
    """Orders it, or takes up one that stands, and goes as far as `live` within these seconds."""
    tenant, bits = await desk.person(subject)
    eraser = Eraser(desk.vault, desk.journal)
    erasure = await _request(desk, eraser, tenant, bits, reason=reason, by=by)
    deadline, said = time.monotonic() + seconds, ""
    while True:
        erasure = await eraser.advance(await find_erasure(desk.vault, tenant, erasure.id))
        if erasure.step != said:
            said = erasure.step
            say(f"larets: {erasure.id}: {said}")
        if "live" in erasure.dates or time.monotonic() > deadline:
            return erasure.as_dict() | {"documents": await list_documents(desk.vault, erasure)}
        await asyncio.sleep(PAUSE_SECONDS)


async def _request(desk: OfficerDesk, eraser: Eraser, tenant: str, subject: bytes, *, reason: str, by: str) -> Erasure:
    try:
        return await eraser.request(desk.officer(tenant, by), subject, reason=reason, request_id=new_request_id())
    except (ErasureUnderWay, SubjectErased, NothingToErase):
        if not (before := await erasures_of(desk.vault, tenant, subject)):
            raise
        return before[-1]


@cli.command()
def prove(subject: SubjectId, *, as_json: Json = False) -> None:
    """Look at the raw rows, the journal and the documents of an erased person. Exit code 0 only when all holds."""

    async def act(desk: OfficerDesk) -> dict[str, Any]:
        tenant, bits = await desk.person(subject)
        return (await prove_erasure(desk.vault, desk.journal, tenant, bits)).as_dict()

    proof = at_desk(act)
    if as_json:
        emit(proof)
    else:
        result(f"{subject}: the erasure {'holds' if proof['holds'] else 'DOES NOT HOLD'}; step {proof['step']}")
        for name, ok in proof["checks"].items():
            result(f"  {'ok  ' if ok else 'FAIL'} {name}")
        for step, at in proof["dates"].items():
            result(f"  {step:<10} {at}")
        if proof["kept"]:
            result(f"  kept by law until {proof['kept_until']}: {proof['kept']}")
        for each in proof["documents"]:
            result(f"  {each['kind']} ({each['stage']}): larets subject document {each['document']}")
    raise typer.Exit(0 if proof["holds"] else 1)


@cli.command()
def document(
    document_id: Annotated[str, typer.Argument(metavar="DOCUMENT", help="doc_…")],
    *,
    out: Annotated[Path, typer.Option(help="the page goes here")],
    tenant: TenantOption = None,
    as_json: Json = False,
) -> None:
    """The act or the log extract of an erasure, as a page to print and sign."""

    async def act(desk: OfficerDesk) -> str:
        return await read_document(desk.vault, await desk.tenant(tenant), document_id)

    save(out, at_desk(act))
    _tell({"document": document_id, "file": str(out)}, f"{document_id}: {out}", as_json=as_json)


@cli.command()
def erasures(*, tenant: TenantOption = None, as_json: Json = False) -> None:
    """The newest erasures of a shop and where each stands."""

    async def act(desk: OfficerDesk) -> list[dict[str, Any]]:
        return [each.as_dict() for each in await list_erasures(desk.vault, await desk.tenant(tenant))]

    found = at_desk(act)
    if as_json:
        emit(found)
    for each in [] if as_json else found:
        result(f"{each['erasure']}  {each['subject']}  {each['step']:<10} {each['dates']['requested'][:19]}")


@cli.command()
def replay(*, as_json: Json = False) -> None:
    """After a restore: erase again whom the journal says was erased. Until then the vault serves nothing."""

    async def act(desk: OfficerDesk) -> dict[str, int]:
        return await replay_journal(desk.vault, desk.journal)

    done = at_desk(act, restored_too=True)
    _tell(
        done,
        f"replayed: {done['replayed']}; of shops this vault does not serve: {done['of_other_tenants']}; mails that may "
        f"have left before the restore and are not sent again by themselves: {done['mails_held']}",
        as_json=as_json,
    )


def _show_plan(plan: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit(plan)
        return
    result(f"{plan['subject']} ({plan['state']}), groups to erase: {', '.join(plan['groups']) or 'none'}")
    result(f"  goes:  {_counts(plan['erased']) or 'nothing'}; keys: {plan['keys']}")
    if plan["kept"]:
        confirmed = "" if plan["norm_confirmed_by"] else " (nobody has confirmed this norm yet)"
        result(
            f"  stays: {_counts(plan['kept'])} until {plan['kept_until'][:10]}: {plan['kept_because']['ru']}{confirmed}"
        )


def _counts(by_class: dict[str, int]) -> str:
    return ", ".join(f"{class_id}: {number}" for class_id, number in by_class.items())


def _tell(content: dict[str, Any], line: str, *, as_json: bool) -> None:
    if as_json:
        emit(content)
    else:
        result(line)
