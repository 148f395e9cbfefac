"""`larets audit`: the audit log of a vault."""

import ssl
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import httpx
import psycopg
import typer

from pii_vault.audit.note import NoteError
from pii_vault.audit.verify import Report, verify_log
from scripts.local.instance import load
from scripts.voice import emit, fail, result, say

if TYPE_CHECKING:
    from scripts.local.instance import Instance

cli = typer.Typer(help="The audit log of a vault.", no_args_is_help=True)

WITNESS_SECONDS: Final = 3.0


@cli.callback()
def group() -> None:
    """The audit log of a vault."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a log and its public keys are."""

    database_url: str
    log_vkey: str
    witness_vkey: str
    witness_note: str | None


@cli.command()
def verify(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    database_url_file: Annotated[Path | None, typer.Option(help="file with the vault database's address")] = None,
    log_key: Annotated[Path | None, typer.Option(help="file with the log's public key (vkey)")] = None,
    witness_key: Annotated[Path | None, typer.Option(help="file with the witness's public key (vkey)")] = None,
    witness_note: Annotated[
        Path | None, typer.Option(help="file with the newest checkpoint as the witness keeps it")
    ] = None,
) -> None:
    """Verify every record, the chain, the tree, the checkpoints and the witness's cosignatures.

    Without options it verifies the local instance. Exit code 0 only when everything holds.
    """
    source = _given(database_url_file, log_key, witness_key, witness_note) or _local()
    try:
        report = verify_log(
            source.database_url,
            source.log_vkey,
            source.witness_vkey,
            witness_note=source.witness_note,
            progress=_progress,
        )
    except NoteError as error:
        fail(f"a public key is malformed: {error}", hint="a key file holds one line, name+id+key")
    except psycopg.Error as error:
        fail(f"the vault's database cannot be read: {type(error).__name__}", hint="start it, or check its address")
    if as_json:
        emit(report.as_dict())
    else:
        _print(report)
    raise typer.Exit(0 if report.ok else 1)


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
            witness_note.read_text("utf-8") if witness_note else None,
        )
    except OSError as error:
        fail(f"{Path(str(error.filename)).name} cannot be read: {error.strerror}")


def _local() -> Source:
    instance = load()
    return Source(instance.vault_database_url, instance.log_vkey, instance.witness_vkey, _ask_witness(instance))


def _ask_witness(instance: "Instance") -> str | None:
    """What the running witness itself remembers; without it a truncated log with its checkpoints would pass."""
    settings = instance.vault_settings()
    context = ssl.create_default_context(cafile=str(settings.public_ca))
    context.load_cert_chain(settings.outbound_cert, settings.outbound_key)
    try:
        with httpx.Client(verify=context, trust_env=False, timeout=WITNESS_SECONDS) as client:
            response = client.get(f"{settings.app_intake_url}/witness/checkpoint")
    except httpx.HTTPError as error:
        say(f"larets: the witness was not asked: {type(error).__name__}")
        return None
    if response.status_code == httpx.codes.NOT_FOUND:
        return None
    if response.status_code != httpx.codes.OK:
        say(f"larets: the witness was not asked: status {response.status_code}")
        return None
    return response.text


def _progress(done: int, expected: int) -> None:
    say(f"verified {done:,} of {expected:,} records")


def _print(report: Report) -> None:
    verdict = "holds" if report.ok else "DOES NOT HOLD"
    result(f"the audit log {verdict}: {report.records:,} records, {report.checkpoints:,} checkpoints")
    result(f"witnessed by the other contour: {report.witnessed:,}; newest not yet witnessed: {report.unwitnessed:,}")
    for problem in report.problems:
        fields = asdict(problem)
        result(f"  {fields['kind']} at {fields['at']}: {fields['detail']}")
    if report.suppressed:
        result(f"  and {report.suppressed:,} more")
