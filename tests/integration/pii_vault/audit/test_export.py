"""A bundle that the reader of docs/ accepts, and every way of changing one that it refuses."""

import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from pii_vault.audit import note as notes
from pii_vault.audit.errors import NothingToExport, NotWitnessedYet
from pii_vault.audit.export import BUNDLE, Exported, Period, Single, export_bundle
from pii_vault.audit.log import AuditCommitter
from pii_vault.core import primitives
from tests.integration.pii_vault.audit.support import (
    LOG_KEY,
    LOG_SEED,
    WITNESS_KEY,
    WITNESS_NAME,
    BlindWitness,
    LogKeys,
    fill,
    make_checkpointer,
    make_entry,
)
from tests.support.postgres import Database

READER = Path(__file__).parents[4] / "docs" / "audit_reader.py"
FOREIGN = bytes(range(32))
Export = Callable[..., Awaitable[Exported]]


@pytest.fixture
async def middle(pool: asyncpg.Pool, committer: AuditCommitter) -> datetime:
    """Checkpoints at 5, 13, 24 (cosigned); this moment lies between records 8 and 9."""
    checkpointer = make_checkpointer(pool, BlindWitness().client())
    moment = datetime.now(UTC)
    for start, count in ((0, 5), (5, 3), (8, 5), (13, 11)):
        await fill(committer, count, start=start)
        if start == 5:
            moment = datetime.now(UTC)
            continue
        await checkpointer.sign()
        await checkpointer.push()
    return moment


@pytest.fixture
def export(vault_database: Database, tmp_path: Path) -> Export:
    async def run(
        since: datetime | int, until: datetime | None = None, *, tenant: str | None = None, witnessed_only: bool = False
    ) -> Exported:
        asked = Period(since, until, tenant) if isinstance(since, datetime) and until else None
        with (tmp_path / "bundle").open("wb") as file:
            return await export_bundle(
                vault_database.runtime_url,
                asked or Single(since, tenant),  # type: ignore[arg-type]  # a number, where it is no moment
                file,
                log_key=LOG_KEY,
                witness_key=WITNESS_KEY,
                sign=LogKeys().sign_checkpoint,
                witnessed_only=witnessed_only,
            )

    return run


def read(folder: Path, *, log: object = LOG_KEY, witness: object = WITNESS_KEY) -> subprocess.CompletedProcess[str]:
    (folder / "log").write_text(f"{log}\n")
    (folder / "witness").write_text(f"{witness}\n")
    command = [sys.executable, str(READER), *(str(folder / name) for name in ("bundle", "log", "witness"))]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603


def far() -> datetime:
    return datetime.now(UTC) + timedelta(days=1)


def sign_again(folder: Path, lines: list[bytes], *, seed: bytes, key: notes.VerifierKey) -> None:
    text = f"{BUNDLE}\n{key.name}\n{sha256(b''.join(lines)).hexdigest()}\n"
    note = notes.Note(text, (notes.sign_with(key, primitives.sign(seed, text.encode())),))
    (folder / "bundle").write_bytes(b"".join(lines) + json.dumps({"signature": str(note)}).encode() + b"\n")


async def test_the_reader_is_short_and_needs_nothing_of_larets() -> None:
    text = READER.read_text("utf-8")
    assert len(text.splitlines()) <= 60
    assert "pii_vault" not in text
    assert "scripts" not in text


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_the_reader_says_which_files_it_wants(tmp_path: Path, count: int) -> None:
    command = [sys.executable, str(READER), *[str(tmp_path / "file")] * count]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.returncode, done.stderr) == (1, "refused: three files are needed: BUNDLE LOG_KEY WITNESS_KEY\n")


@pytest.mark.parametrize("part", ["all", "end", "begin"])
async def test_a_good_bundle_holds(export: Export, middle: datetime, tmp_path: Path, part: str) -> None:
    since = datetime(2020, 1, 1, tzinfo=UTC) if part != "end" else middle
    exported = await export(since, middle if part == "begin" else far())
    assert (exported.first, exported.records) == {"all": (0, 24), "end": (8, 16), "begin": (0, 8)}[part]
    answer = read(tmp_path)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert f"{exported.records} of {exported.records} records" in answer.stdout


@pytest.mark.usefixtures("middle")
@pytest.mark.parametrize("number", [0, 5, 12, 23])
async def test_a_single_record_is_proved_to_be_in_the_log(export: Export, tmp_path: Path, number: int) -> None:
    assert (await export(number)).records == 1
    answer = read(tmp_path)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert f"1 of 1 records, numbers {number} to {number}" in answer.stdout
    head, record, _ = (tmp_path / "bundle").read_bytes().splitlines(keepends=True)
    sign_again(tmp_path, [head, record.replace(b"order_processing", b"order_processinG")], seed=LOG_SEED, key=LOG_KEY)
    assert read(tmp_path).returncode != 0


@pytest.mark.usefixtures("middle")
async def test_a_record_that_is_not_there_is_no_bundle(export: Export) -> None:
    with pytest.raises(NothingToExport):
        await export(24)


async def test_other_tenants_records_are_withheld_and_the_bundle_holds(
    export: Export, middle: datetime, tmp_path: Path, pool: asyncpg.Pool, committer: AuditCommitter
) -> None:
    await committer.commit(make_entry(24, tenant="other"))
    checkpointer = make_checkpointer(pool, BlindWitness().client())
    await checkpointer.sign()
    await checkpointer.push()
    exported = await export(middle, far(), tenant="demo")
    assert exported.withheld == 1
    assert b'"other"' not in (tmp_path / "bundle").read_bytes()
    answer = read(tmp_path)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "16 of 17 records" in answer.stdout


async def _bundle(export: Export, middle: datetime, folder: Path) -> list[bytes]:
    await export(middle, far())
    return (folder / "bundle").read_bytes().splitlines(keepends=True)


def _edited(lines: list[bytes]) -> list[bytes]:
    changed = lines[3].replace(b"order_processing", b"order_processinG")
    assert changed != lines[3]
    return [*lines[:3], changed, *lines[4:]]


CHANGES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "edited": _edited,
    "reordered": lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
    "a record is missing": lambda lines: [*lines[:4], *lines[5:]],
    "a record is repeated": lambda lines: [*lines[:4], lines[3], *lines[4:]],
    "the tail is missing": lambda lines: lines[:-4],
    "other dates": lambda lines: [lines[0].replace(b'"from":"20', b'"from":"19'), *lines[1:]],
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_changed_bundle_is_refused(export: Export, middle: datetime, tmp_path: Path, change: str) -> None:
    lines = await _bundle(export, middle, tmp_path)
    (tmp_path / "bundle").write_bytes(b"".join(CHANGES[change](lines)))
    assert read(tmp_path).returncode != 0


@pytest.mark.parametrize("change", [name for name in CHANGES if name != "other dates"])
async def test_what_was_changed_and_signed_by_the_logs_own_key_is_refused(
    export: Export, middle: datetime, tmp_path: Path, change: str
) -> None:
    """The witness's signature stands under the tree of the true records."""
    *lines, _ = CHANGES[change](await _bundle(export, middle, tmp_path))
    sign_again(tmp_path, lines, seed=LOG_SEED, key=LOG_KEY)
    answer = read(tmp_path)
    assert answer.returncode != 0
    assert "refused" in answer.stderr


def _unwitnessed(head: dict[str, Any]) -> None:
    head["checkpoint"] = None


def _witnessed_before(head: dict[str, Any]) -> None:
    """A true checkpoint, older than the records: nothing binds them to it."""
    head["checkpoint"] = head["before"]


@pytest.mark.parametrize("change", [_unwitnessed, _witnessed_before])
async def test_records_that_no_witness_saw_are_refused(
    export: Export, middle: datetime, tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    """Invented by whoever holds the log's key, with roots to match."""
    first, *others = await _bundle(export, middle, tmp_path)
    head = json.loads(first)
    change(head)
    head |= {"right": [], "count": 2}
    record = others[0].replace(b"order_processing", b"order_processinG")
    sign_again(tmp_path, [json.dumps(head).encode() + b"\n", record, record], seed=LOG_SEED, key=LOG_KEY)
    answer = read(tmp_path)
    assert (answer.returncode, answer.stderr) == (1, "refused: records are not witnessed\n")


async def test_the_same_bundle_signed_again_by_the_log_holds(export: Export, middle: datetime, tmp_path: Path) -> None:
    """The twin of the tests above: it is the change that is refused, not the signing."""
    *lines, _ = await _bundle(export, middle, tmp_path)
    sign_again(tmp_path, lines, seed=LOG_SEED, key=LOG_KEY)
    assert read(tmp_path).returncode == 0


async def test_a_foreign_key_is_refused(export: Export, middle: datetime, tmp_path: Path) -> None:
    *lines, _ = await _bundle(export, middle, tmp_path)
    foreign = notes.log_key(LOG_KEY.name, primitives.public_key(FOREIGN))
    sign_again(tmp_path, lines, seed=FOREIGN, key=foreign)
    assert read(tmp_path).returncode != 0
    sign_again(tmp_path, lines, seed=FOREIGN, key=LOG_KEY)  # claims to be the log's
    assert read(tmp_path).returncode != 0


async def test_a_foreign_witness_is_refused(export: Export, middle: datetime, tmp_path: Path) -> None:
    await _bundle(export, middle, tmp_path)
    assert read(tmp_path, witness=notes.witness_key(WITNESS_NAME, primitives.public_key(FOREIGN))).returncode != 0


async def test_an_empty_period_is_no_bundle(export: Export, middle: datetime) -> None:
    with pytest.raises(NothingToExport):
        await export(middle - timedelta(days=9), middle - timedelta(days=8))


async def test_what_is_not_witnessed_is_exported_only_when_left_out(
    export: Export, middle: datetime, committer: AuditCommitter, tmp_path: Path
) -> None:
    await fill(committer, 2, start=24)
    with pytest.raises(NotWitnessedYet):
        await export(middle, far())
    exported = await export(middle, far(), witnessed_only=True)
    assert (exported.records, exported.left_out) == (16, 2)
    assert read(tmp_path).returncode == 0
