"""`larets audit`: the audit log of a vault."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, TypeVar

import psycopg
import typer

from pii_vault.assemble import open_keys
from pii_vault.audit import note as notes
from pii_vault.audit.export import Exported, Period, Single, export_bundle
from pii_vault.audit.note import NoteError
from pii_vault.audit.origin import MAX_REASON, Succession
from pii_vault.audit.proof import ProofError
from pii_vault.audit.subject import Look, looks_at
from pii_vault.audit.verify import Report, WitnessCopy, verify_log
from pii_vault.core.detect import find_personal_data
from pii_vault.errors import VaultError
from scripts.vault.approval import prove
from scripts.vault.issuer import IssuerDesk, ended, open_issuer
from scripts.vault.origin import found_origin
from scripts.vault.target import Place, here
from scripts.vault.witness import WitnessAway, newest_checkpoint, witness_copy
from scripts.voice import emit, fail, result, say

T = TypeVar("T")

cli = typer.Typer(help="The audit log of a vault.", no_args_is_help=True)

APPROVERS: Final = 2
Json = Annotated[bool, typer.Option("--json", help="for programs")]


@cli.callback()
def group() -> None:
    """The audit log of a vault."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a log and its public keys are."""

    database_url: str
    log_vkey: str
    witness_vkey: str
    witness: WitnessCopy | None


@cli.command()
def verify(
    *,
    as_json: Json = False,
    witness: Annotated[
        bool, typer.Option("--witness", help="the public contour's copy has to be compared too: without it, fail")
    ] = False,
    database_url_file: Annotated[Path | None, typer.Option(help="file with the vault database's address")] = None,
    log_key: Annotated[Path | None, typer.Option(help="file with the log's public key (vkey)")] = None,
    witness_key: Annotated[Path | None, typer.Option(help="file with the witness's public key (vkey)")] = None,
    witness_note: Annotated[
        Path | None, typer.Option(help="file with what the witness keeps: its newest checkpoint, or its whole history")
    ] = None,
) -> None:
    """Verify every record, the chain, the tree, the checkpoints, the origins and the witness's cosignatures.

    Without options it verifies the local instance. Exit code 0 only when everything holds.
    """
    source = _given(database_url_file, log_key, witness_key, witness_note) or _local(must_ask=witness)
    if witness and source.witness is None:
        fail("the witness's copy was not given", hint="fetch it from the public contour and give --witness-note")
    try:
        report = verify_log(
            source.database_url, source.log_vkey, source.witness_vkey, witness=source.witness, progress=_progress
        )
    except NoteError as error:
        fail(f"a public key is malformed: {error}", hint="a key file holds one line, name+id+key")
    except psycopg.Error as error:
        fail(f"the vault's database cannot be read: {type(error).__name__}", hint="start it, or check its address")
    if as_json:
        emit(report.as_dict() | {"witness": "compared" if source.witness is not None else "not asked"})
    else:
        _print(report, asked=source.witness is not None)
    raise typer.Exit(0 if report.ok else 1)


@cli.command()
def key(*, as_json: Json = False) -> None:
    """The log's public key: what `public_keys.audit` of the private contour's settings must say."""
    try:
        found = here().log_vkey
    except VaultError as error:
        fail(error.detail)
    if as_json:
        emit({"audit": found})
    else:
        result(found)


@cli.command()
def subject(
    who: Annotated[str, typer.Argument(metavar="ID", help="a subject id, sub_…, or a token, tok_…")],
    *,
    as_json: Json = False,
) -> None:
    """Who looked at this person: time, who, verb, purpose, decision. The asking is itself recorded."""

    async def act(desk: IssuerDesk) -> list[Look]:
        return await looks_at(desk.vault, who)

    looks = _run(act, here())
    if as_json:
        emit({"subject": who, "looks": [asdict(look) | {"at": look.at.isoformat()} for look in looks]})
        return
    for look in looks:
        who_did = f"{look.who} ({look.alias})" if look.alias else look.who
        result(f"{look.at:%Y-%m-%d %H:%M:%S}  {look.verb:<10} {look.decision:<12} {look.purpose or '-':<18} {who_did}")
    say(f"{len(looks)} acts; the storing of values is not among them")


@cli.command()
def export(
    *,
    out: Annotated[Path, typer.Option("--out", help="the bundle, a new file")],
    since: Annotated[datetime | None, typer.Option("--from", help="first moment, UTC")] = None,
    until: Annotated[datetime | None, typer.Option("--to", help="end, UTC, not included")] = None,
    number: Annotated[
        int | None, typer.Option("--record", min=0, help="this record alone, instead of a period")
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="withhold the records of all other shops")] = None,
    witnessed_only: Annotated[bool, typer.Option("--witnessed-only", help="leave out what is not witnessed")] = False,
    as_json: Json = False,
) -> None:
    """Write a period, or a single record, as a signed bundle, which docs/audit_reader.py verifies without Larets.

    The bundle of a single record is the proof that it stands in the log which the witness knows.
    """
    if number is not None and not since and not until:
        period: Period | Single = Single(number, tenant)
    elif number is None and since and until:
        period = Period(since.replace(tzinfo=UTC), until.replace(tzinfo=UTC), tenant)
    else:
        fail("a period or a record is needed", hint="--from and --to, or --record")
    vault = here()
    keys = open_keys(vault.vault_settings())

    async def write() -> Exported:
        with out.open("xb") as file:
            return await export_bundle(
                vault.vault_database_url,
                period,
                file,
                log_key=notes.parse_vkey(vault.log_vkey),
                witness_key=notes.parse_vkey(vault.witness_vkey),
                sign=keys.sign_checkpoint,
                witnessed_only=witnessed_only,
            )

    try:
        exported = asyncio.run(write())
    except FileExistsError:
        fail(f"{out} exists", hint="bundles are never written over: name a new file")
    except (VaultError, ProofError, NoteError) as error:
        out.unlink(missing_ok=True)
        fail(str(error), hint="" if isinstance(error, VaultError) else "run `larets audit verify`")
    except psycopg.Error as error:
        out.unlink(missing_ok=True)
        fail(f"the vault's database cannot be read: {type(error).__name__}", hint="start it, or check its address")
    if as_json:
        emit(asdict(exported) | {"out": str(out)})
        return
    result(f"{out}: {exported.records:,} records from number {exported.first} on, {exported.withheld:,} withheld")
    if exported.left_out:
        say(f"{exported.left_out:,} newest records are not witnessed yet and were left out")


def holds_personal_data(reason: str) -> bool:
    """Names and addresses too: the witness in the other contour keeps the reason for good."""
    from pii_vault.classify.find import find  # noqa: PLC0415  its lists are of no use to the other commands

    return bool(find_personal_data(reason) or find(reason))


@cli.command("new-origin")
def new_origin(
    *,
    approver: Annotated[list[str], typer.Option(help="login of an officer or owner; twice, two persons")],
    reason: Annotated[str, typer.Option(help="why the log was restored; no personal data")],
    owner_url_file: Annotated[
        Path | None, typer.Option(help="file with the owner role's database address; not for the local instance")
    ] = None,
    as_json: Json = False,
) -> None:
    """Let a log restored from an older backup go on. Says what was lost; the witness keeps the statement for good."""
    if len(set(approver)) != APPROVERS:
        fail("two different approvers are needed", hint="--approver LOGIN --approver LOGIN")
    reason = " ".join(reason.split())
    if not 1 <= len(reason) <= MAX_REASON or not reason.isprintable() or holds_personal_data(reason):
        fail(f"the reason is empty, over {MAX_REASON} characters, or holds personal data", hint="say it without")

    vault = here(owner_url_file)

    async def act(desk: IssuerDesk) -> Succession:
        witnessed = await asyncio.to_thread(newest_checkpoint, vault.vault_settings())
        first, second = (prove(desk, login) for login in approver)
        if first == second:
            fail("two different approvers are needed", hint="these logins belong to one person")
        return await found_origin(vault, desk, witness_note=witnessed, approvers=(first, second), reason=reason)

    try:
        said = _run(act, vault)
    except WitnessAway as error:
        fail(
            f"the witness does not tell what it saw last: {error}", hint="start the public contour; nothing was changed"
        )
    except NoteError as error:
        fail(f"the witness's checkpoint does not verify: {error}", hint="do not go on: find out who changed it")
    if as_json:
        emit({"origin": said.origin, "kept": said.kept, "witnessed": said.witnessed.size, "lost": said.lost})
        return
    result(
        f"the log goes on as {said.origin} from record {said.kept} on; up to {said.lost:,} witnessed records are lost"
    )


def _run(act: Callable[[IssuerDesk], Awaitable[T]], vault: Place) -> T:
    async def main() -> T:
        async with open_issuer(vault) as desk:
            return await act(desk)

    try:
        return asyncio.run(main())
    except VaultError as error:
        ended(error)


def _given(
    database_url: Path | None, log_key: Path | None, witness_key: Path | None, witness_note: Path | None
) -> Source | None:
    given = (database_url, log_key, witness_key)
    if not any(given):
        return None
    if database_url is None or log_key is None or witness_key is None:
        fail("--database-url-file, --log-key and --witness-key belong together", hint="give all three or none")
    try:
        return Source(
            database_url.read_text("utf-8").strip(),
            log_key.read_text("utf-8"),
            witness_key.read_text("utf-8"),
            _copy(witness_note.read_text("utf-8")) if witness_note else None,
        )
    except OSError as error:
        fail(f"{Path(str(error.filename)).name} cannot be read: {error.strerror}")


def _copy(text: str) -> WitnessCopy:
    """The body of GET /witness/history, or that of GET /witness/checkpoint."""
    if not text.startswith("{"):
        return WitnessCopy((text,))
    try:
        content = json.loads(text)
        return WitnessCopy(tuple(map(str, content["checkpoints"])), tuple(map(str, content["origins"])))
    except (ValueError, KeyError, TypeError):
        fail("the witness's copy cannot be read", hint="it is the body of GET /witness/history")


def _local(*, must_ask: bool) -> Source:
    """What the running witness itself remembers; without it a truncated log with its checkpoints would pass."""
    vault = here()
    copy = None
    try:
        copy = witness_copy(vault.vault_settings())
    except WitnessAway as error:
        if must_ask:
            fail(f"the witness does not answer: {error}", hint="is the public contour up, and the link open?")
        say(f"larets: the witness was not asked: {error}")
    return Source(vault.vault_database_url, vault.log_vkey, vault.witness_vkey, copy)


def _progress(done: int, expected: int) -> None:
    say(f"verified {done:,} of {expected:,} records")


def _print(report: Report, *, asked: bool) -> None:
    verdict = "holds" if report.ok else "DOES NOT HOLD"
    result(
        f"the audit log {verdict}: {report.records:,} records, {report.checkpoints:,} checkpoints, as {report.origin}"
    )
    result(f"witnessed by the other contour: {report.witnessed:,}; newest not yet witnessed: {report.unwitnessed:,}")
    if asked:
        result(f"compared with the witness's own copy: {report.compared:,} checkpoints")
    if report.lost:
        result(f"given up by restores: up to {report.lost:,} witnessed records")
    for problem in report.problems:
        fields = asdict(problem)
        result(f"  {fields['kind']} at {fields['at']}: {fields['detail']}")
    if report.suppressed:
        result(f"  and {report.suppressed:,} more")
