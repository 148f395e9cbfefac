"""`larets rows`: files of rows through the vault, values to tokens and back."""

import asyncio
import json
import ssl
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Annotated, Any, Final
from urllib.parse import quote, urlencode

import typer

from pii_vault.client import client_tls
from pii_vault.streams.client import StreamBroken, StreamRefused, stream
from scripts.local.instance import load
from scripts.local.keys import PROGRAM
from scripts.voice import emit, fail, say

cli = typer.Typer(no_args_is_help=True, help="Files of rows: values to tokens and back.", add_completion=False)

PIECE: Final = 1 << 16
PROGRESS_SECONDS: Final = 2.0

Source = Annotated[Path, typer.Argument(help="a .csv or .ndjson file in UTF-8; CSV has a first line of names")]
Out = Annotated[Path, typer.Option("--out", help="where to write the answer; must not exist")]
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
    resume_key: Annotated[str, typer.Option(help="of a run that broke off: no row is doubled within 24 h")] = "",
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
    query = {"columns": columns} | ({"deterministic": deterministic} if deterministic else {})
    _run(where, "tokenise", query, source=source, out=out, as_json=as_json, resume=name)


@cli.command()
def reveal(
    source: Source,
    *,
    purpose: Annotated[str, typer.Option(help="one of policies/purposes.yaml")],
    columns: Annotated[str, typer.Option(help="name:value,… ; `keep` lets a column pass")],
    out: Out,
    url: Url = "",
    tenant: Tenant = "",
    certificate: Certificate = None,
    key: Key = None,
    authority: Ca = None,
    as_json: Json = False,
) -> None:
    """Put values in the place of tokens, as far as the policies allow. The file that comes out holds persons."""
    where = _Where(url, tenant, certificate, key, authority)
    _run(where, "reveal", {"columns": columns, "purpose": purpose}, source=source, out=out, as_json=as_json)


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
    where: _Where, verb: str, query: dict[str, str], *, source: Path, out: Path, as_json: bool, resume: str = ""
) -> None:
    kind = {".csv": "text/csv; charset=utf-8", ".ndjson": "application/x-ndjson"}.get(source.suffix.lower())
    if kind is None:
        fail("the file is neither .csv nor .ndjson", hint="name it after what it is")
    if out.exists():
        fail(f"{out} exists", hint="name another file, or move that one away")
    part = out.with_name(f"{out.name}.part")
    address = f"{where.url}/v1/{verb}:stream?{urlencode(query, quote_via=quote, safe=':,')}"
    tally = Tally(kind.startswith("text/csv"))
    headers = {"content-type": kind, "larets-tenant": where.tenant}
    headers |= {"idempotency-key": resume} if resume else {}
    hint = f"run it again with --resume-key {resume}" if resume else "run it again"
    try:
        with ExitStack() as stack:
            read = stack.enter_context(source.open("rb"))
            write = stack.enter_context(part.open("wb"))
            part.chmod(0o600)
            asyncio.run(_copy(stream(address, _pieces(read), headers=headers, tls=where.tls), write, tally))
        if not tally.complete:
            fail(f"the vault stopped after {tally.rows:,} rows: {tally.stopped}", hint=hint)
    except StreamRefused as error:
        part.unlink(missing_ok=True)
        fail(*_explained(error))
    except StreamBroken as error:
        fail(error.detail, hint=hint)
    except OSError as error:
        fail(f"{error.filename or part}: {error.strerror}", hint=hint)
    part.rename(out)
    if as_json:
        emit({"rows": tally.rows, "errors": tally.errors, "seconds": round(tally.seconds, 2), "out": str(out)})
    else:
        say(f"{tally.rows:,} rows in {tally.seconds:.1f} s, {tally.errors:,} with an error; {out}")
    if tally.errors:
        raise typer.Exit(1)


def _explained(error: StreamRefused) -> tuple[str]:
    try:
        problem: dict[str, Any] = json.loads(error.problem)
    except ValueError:
        problem = {}
    return (f"the vault refused ({error.status}): {problem.get('detail', problem.get('code', 'no reason given'))}",)


class Tally:
    """Counts the answer's rows as they pass. An NDJSON answer ends with its own sum."""

    def __init__(self, table: bool) -> None:
        self.rows = 0
        self.errors = 0
        self.complete = table  # a table that breaks off breaks the connection
        self.stopped = ""
        self._table = table
        self._quotes = 0
        self._rest = b""
        self._header = table
        self._started = time.monotonic()
        self._told = self._started

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def add(self, piece: bytes) -> bytes:
        """The piece, without the sum at its end."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        kept = [line + b"\n" for line in lines if self._count(line)]
        self._tell()
        return b"".join(kept)

    def _count(self, line: bytes) -> bool:
        if self._table:
            self._quotes += line.count(b'"')
            if self._quotes % 2:
                return True  # a line feed within a cell
            if self._header:
                self._header = False
            else:
                self.rows += 1
                self.errors += not line.rstrip(b"\r").endswith((b",", b";", b"\t"))
            return True
        if line.startswith((b'{"done"', b'{"stopped"')):
            end = json.loads(line)
            self.complete, self.stopped = "done" in end, str(end.get("stopped", ""))
            return False
        self.rows += 1
        self.errors += b'"error":' in line
        return True

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._told > PROGRESS_SECONDS:
            self._told = now
            say(f"  {self.rows:,} rows, {self.rows / self.seconds:,.0f} a second")


async def _copy(answer: AsyncIterator[bytes], write: IO[bytes], tally: Tally) -> None:
    async for piece in answer:
        write.write(tally.add(piece))


async def _pieces(read: IO[bytes]) -> AsyncIterator[bytes]:
    while piece := read.read(PIECE):
        yield piece
