"""`larets rows`: files of rows through the vault, values to tokens and back."""

import json
import ssl
import uuid
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

import typer

from pii_vault.client import client_tls
from pii_vault.streams.client import StreamBroken, StreamRefused
from scripts.local.instance import load
from scripts.local.keys import PROGRAM
from scripts.rows.run import MOST_PARTS, Errand, Stopped, run
from scripts.voice import emit, fail, say

cli = typer.Typer(no_args_is_help=True, help="Files of rows: values to tokens and back.", add_completion=False)

KINDS: Final = {".csv": "text/csv; charset=utf-8", ".ndjson": "application/x-ndjson"}

Source = Annotated[
    Path,
    typer.Argument(exists=True, dir_okay=False, help="a .csv or .ndjson file in UTF-8; CSV has a first line of names"),
]
Out = Annotated[Path, typer.Option("--out", help="where to write the answer; must not exist")]
Connections = Annotated[
    int, typer.Option(min=1, max=MOST_PARTS, help="parts of the file that are sent at once: twice the vault's workers")
]
Json = Annotated[bool, typer.Option("--json", help="for programs")]
Url = Annotated[str, typer.Option(help="the vault's service listener; without it, that of the local instance")]
Tenant = Annotated[str, typer.Option(help="the shop; without it, that of the local instance")]
Certificate = Annotated[Path | None, typer.Option(help="of the registered program")]
Key = Annotated[Path | None, typer.Option(help="of the certificate")]
Ca = Annotated[Path | None, typer.Option("--authority", help="the private contour's certificate authority")]


@cli.command()
def tokenise(
    source: Source,
    *,
    columns: Annotated[str, typer.Option(help="name:class,… ; `keep` lets a column pass, `subject` is a person's id")],
    out: Out,
    deterministic: Annotated[str, typer.Option(help="classes whose equal values get one token")] = "",
    resume_key: Annotated[
        str, typer.Option(help="a name for this run: repeated under it within 24 h, it doubles no row")
    ] = "",
    connections: Connections = 4,
    url: Url = "",
    tenant: Tenant = "",
    certificate: Certificate = None,
    key: Key = None,
    authority: Ca = None,
    as_json: Json = False,
) -> None:
    """Take personal data out of a file. A column that --columns does not name is dropped.

    A row that cannot be taken has its reason in the column `error`, and the exit code is 1.
    """
    where = _Where(url, tenant, certificate, key, authority)
    name = resume_key or uuid.uuid4().hex
    advice = (
        "" if resume_key else f"should this be cut off, repeat it with --resume-key {name} --connections {connections}"
    )
    query = {"columns": columns} | ({"deterministic": deterministic} if deterministic else {})
    _run(
        where,
        "tokenise",
        query,
        source=source,
        out=out,
        as_json=as_json,
        connections=connections,
        key=name,
        advice=advice,
    )


@cli.command()
def reveal(
    source: Source,
    *,
    purpose: Annotated[str, typer.Option(help="one of policies/purposes.yaml")],
    columns: Annotated[str, typer.Option(help="name:value,… ; `keep` lets a column pass")],
    out: Out,
    connections: Connections = 4,
    url: Url = "",
    tenant: Tenant = "",
    certificate: Certificate = None,
    key: Key = None,
    authority: Ca = None,
    as_json: Json = False,
) -> None:
    """Put values in the place of tokens, as far as the policies allow. The file that comes out holds persons."""
    where = _Where(url, tenant, certificate, key, authority)
    query = {"columns": columns, "purpose": purpose}
    _run(where, "reveal", query, source=source, out=out, as_json=as_json, connections=connections)


class _Where:
    """Which vault, as which program."""

    def __init__(self, url: str, tenant: str, certificate: Path | None, key: Path | None, ca: Path | None) -> None:
        if url and not (tenant and certificate and key and ca):
            fail("--url needs --tenant, --certificate, --key and --authority", hint="see docs/guide-program.md")
        if not (certificate and key and ca and url):
            local = load()
            url = url or f"https://127.0.0.1:{local.ports.service}"
            tenant = tenant or str(local.demo.get("tenant", "demo"))
            certificate = certificate or local.tls("private") / f"{PROGRAM}.crt"
            key = key or local.secrets("private") / f"{PROGRAM}.key"
            ca = ca or local.tls("private") / "ca.crt"
        self.url = url
        self.tenant = tenant
        try:
            self.tls = client_tls(certificate=certificate, key=key, authority=ca)
        except (OSError, ssl.SSLError) as error:
            fail(f"the certificate cannot be used: {error}", hint="give the files of `larets program register`")


def _run(
    where: _Where,
    verb: str,
    query: dict[str, str],
    *,
    source: Path,
    out: Path,
    as_json: bool,
    connections: int,
    key: str = "",
    advice: str = "",
) -> None:
    kind = KINDS.get(source.suffix.lower())
    if kind is None:
        fail("the file is neither .csv nor .ndjson", hint="name it after what it is")
    if out.exists():
        fail(f"{out} exists", hint="name another file, or move that one away")
    if advice:
        say(f"  {advice}")
    errand = Errand(
        f"{where.url}/v1/{verb}:stream?{urlencode(query, quote_via=quote, safe=':,')}",
        {"content-type": kind, "larets-tenant": where.tenant},
        where.tls,
        table=kind.startswith("text/csv"),
        source=source,
        out=out,
        key=key,
        connections=connections,
    )
    hint = f"run it again with --resume-key {key} --connections {connections}" if key else "run it again"
    try:
        done = run(errand, lambda progress: say(f"  {progress}"))
    except StreamRefused as error:
        fail(_explained(error))
    except Stopped as error:
        fail(f"the vault stopped: {error.code}", hint=hint)
    except StreamBroken as error:
        fail(error.detail, hint=hint)
    except OSError as error:
        fail(f"{error.filename or out}: {error.strerror}", hint=hint)
    if as_json:
        emit({"rows": done.rows, "errors": done.errors, "seconds": round(done.seconds, 2), "out": str(out)})
    else:
        say(f"{done.rows:,} rows in {done.seconds:.1f} s, {done.errors:,} with an error; {out}")
    if done.errors:
        raise typer.Exit(1)


def _explained(error: StreamRefused) -> str:
    try:
        problem: dict[str, Any] = json.loads(error.problem)
    except ValueError:
        problem = {}
    return f"the vault refused ({error.status}): {problem.get('detail', problem.get('code', 'no reason given'))}"
