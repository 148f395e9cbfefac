"""Files through the API: kept under a token, decided about and recorded like any value, and gone when they must."""

import json
import os
import tracemalloc
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from pii_vault.access.principal import Principal
from pii_vault.api.auth import Caller
from pii_vault.core.chunks import CHUNK_BYTES
from pii_vault.errors import Unauthenticated
from pii_vault.files.endpoints import build_files
from pii_vault.files.keep import keep_file
from pii_vault.files.local import LocalFileStore
from pii_vault.files.remove import remove_ordered, sweep
from pii_vault.files.rows import ARE_LEFT, SHRED
from pii_vault.operations.reveal import reveal
from pii_vault.problems import install
from pii_vault.vault import Vault, utc_now
from tests.support.postgres import Database
from tests.support.vault import program, rows, staff

PURPOSE = {"larets-purpose": "support"}
CONTENT = os.urandom(2 * CHUNK_BYTES + 999)


class Callers:
    """Stands for the authenticator: who calls is what the test says."""

    def __init__(self) -> None:
        self.principal: Principal | None = program()
        self.purposes: frozenset[str] | None = frozenset({"support"})

    async def caller(self, _scope: Any) -> Caller:
        if self.principal is None:
            raise Unauthenticated
        return Caller(self.principal, self.purposes)


@pytest.fixture
def callers() -> Callers:
    return Callers()


@pytest.fixture
def files(tmp_path: Path) -> LocalFileStore:
    return LocalFileStore(tmp_path / "files")


@pytest.fixture
async def api(vault: Vault, files: LocalFileStore, callers: Callers) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    install(app)
    app.include_router(build_files(vault, callers, files))  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://vault") as client:
        yield client


async def keep(api: httpx.AsyncClient, content: bytes = CONTENT, **params: str) -> dict[str, Any]:
    headers = {"content-type": "audio/ogg", "larets-file-name": "%D0%B7%D0%B2%D0%BE%D0%BD%D0%BE%D0%BA.ogg"}
    answer = await api.post("/v1/files", params={"class": "voice"} | params, content=content, headers=headers)
    assert answer.status_code == 201, answer.text
    kept: dict[str, Any] = answer.json()
    return kept


async def test_a_file_is_kept_and_comes_back(api: httpx.AsyncClient, tmp_path: Path) -> None:
    kept = await keep(api)
    assert kept["size"] == len(CONTENT)
    answer = await api.get(f"/v1/files/{kept['token']}", headers=PURPOSE)
    assert answer.status_code == 200
    assert answer.content == CONTENT
    assert answer.headers["content-type"] == "audio/ogg"
    assert answer.headers["content-disposition"].endswith("UTF-8''%D0%B7%D0%B2%D0%BE%D0%BD%D0%BE%D0%BA.ogg")
    (stored,) = [path for path in (tmp_path / "files").rglob("*") if path.is_file()]
    assert CONTENT[:64] not in stored.read_bytes()


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-9", 0, 10),
        (f"bytes={CHUNK_BYTES - 5}-{CHUNK_BYTES + 4}", CHUNK_BYTES - 5, CHUNK_BYTES + 5),
        (f"bytes={CHUNK_BYTES}-", CHUNK_BYTES, len(CONTENT)),
        ("bytes=-7", len(CONTENT) - 7, len(CONTENT)),
        ("bytes=100-99999999", 100, len(CONTENT)),
        ("bytes=0-", 0, len(CONTENT)),  # what a player asks first
    ],
)
async def test_a_range_is_that_part(api: httpx.AsyncClient, asked: str, start: int, stop: int) -> None:
    kept = await keep(api)
    answer = await api.get(f"/v1/files/{kept['token']}", headers=PURPOSE | {"range": asked})
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(CONTENT)}"
    assert answer.content == CONTENT[start:stop]
    head = await api.head(f"/v1/files/{kept['token']}", headers=PURPOSE | {"range": asked})
    assert (head.status_code, head.headers["content-range"]) == (206, answer.headers["content-range"])


@pytest.mark.parametrize(
    "asked", ["bytes=99999999-", "bytes=5-2", "bytes=-0", "bytes=0-1,5-6", "chunks=1-2", "bytes=-"]
)
async def test_a_range_that_is_none_is_refused(api: httpx.AsyncClient, asked: str) -> None:
    kept = await keep(api)
    answer = await api.get(f"/v1/files/{kept['token']}", headers=PURPOSE | {"range": asked})
    assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")


async def test_every_keep_and_every_look_is_on_the_record(api: httpx.AsyncClient, vault_database: Database) -> None:
    kept = await keep(api)
    before = rows(vault_database, "SELECT count(*) FROM audit_detail")[0][0]
    await api.get(f"/v1/files/{kept['token']}", headers=PURPOSE | {"range": "bytes=0-1"})
    await api.get(f"/v1/files/{kept['token']}", headers=PURPOSE)
    assert rows(vault_database, "SELECT count(*) FROM audit_detail")[0][0] == before + 2  # type: ignore[operator]


async def test_a_person_of_the_shop_listens_for_a_purpose_and_a_stranger_does_not(
    api: httpx.AsyncClient, callers: Callers
) -> None:
    kept = await keep(api)
    callers.purposes = None
    for principal, status in (
        (staff("sales"), 200),
        (staff("sales", second_factor_age=timedelta(days=2)), 403),
        (staff("marketer"), 403),
        (staff("warehouse"), 403),
        (staff("sales", tenant="other"), 404),
        (None, 401),
    ):
        callers.principal = principal
        answer = await api.get(f"/v1/files/{kept['token']}", headers=PURPOSE)
        assert answer.status_code == status, principal


async def test_a_program_names_only_its_own_purposes(api: httpx.AsyncClient) -> None:
    kept = await keep(api)
    answer = await api.get(f"/v1/files/{kept['token']}", headers={"larets-purpose": "delivery"})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_the_key_of_a_file_is_in_no_answer(api: httpx.AsyncClient, vault: Vault) -> None:

    kept = await keep(api)
    (result,) = await reveal(vault, program(), purpose="support", tokens=[kept["token"]], request_id="1")
    assert result.value is not None
    assert set(json.loads(result.value)) == {"type", "size", "name"}


async def test_two_files_of_one_person_are_kept_under_one_subject(api: httpx.AsyncClient) -> None:
    first = await keep(api)
    second = await keep(api, b"short", subject=first["subject"])
    assert second["subject"] == first["subject"]
    answer = await api.get(f"/v1/files/{second['token']}", headers=PURPOSE)
    assert answer.content == b"short"


async def test_nobody_adds_a_file_to_somebody_of_another_shop(api: httpx.AsyncClient, callers: Callers) -> None:
    kept = await keep(api)
    callers.principal = program(tenant="other")
    answer = await api.post(
        "/v1/files",
        params={"class": "voice", "subject": kept["subject"]},
        content=b"x",
        headers={"content-type": "audio/ogg"},
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("harm", ["cut", "longer", "reordered", "lost", "row moved"])
async def test_a_harmed_file_is_never_taken_for_whole(
    api: httpx.AsyncClient, tmp_path: Path, vault_database: Database, harm: str
) -> None:
    kept = await keep(api)
    (path,) = [path for path in (tmp_path / "files").rglob("*") if path.is_file()]
    stored = path.read_bytes()
    chunk = CHUNK_BYTES + 16
    if harm == "cut":
        path.write_bytes(stored[:-1])
    elif harm == "longer":
        path.write_bytes(stored + b"\0")
    elif harm == "reordered":
        path.write_bytes(stored[chunk : 2 * chunk] + stored[:chunk] + stored[2 * chunk :])
    elif harm == "lost":
        path.unlink()
    else:
        other = await keep(api, subject=kept["subject"])
        rows(vault_database, "UPDATE pii_file SET sealed = (SELECT sealed FROM pii_file ORDER BY created LIMIT 1)")
        kept = other
    try:
        answer = await api.get(f"/v1/files/{kept['token']}", headers=PURPOSE)
    except httpx.HTTPError:
        return  # broken off in the middle
    assert answer.status_code == 500 or answer.content != CONTENT
    assert answer.content != CONTENT


async def test_when_the_act_cannot_be_recorded_nothing_stays(
    vault: Vault, files: LocalFileStore, vault_database: Database, tmp_path: Path
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield CONTENT

    await keep_file(vault, files, program(), pieces(), class_id="voice", media_type="audio/ogg", request_id="1")
    rows(vault_database, "REVOKE INSERT ON pii_file FROM larets_vault")
    with pytest.raises(Exception, match="database"):
        await keep_file(vault, files, program(), pieces(), class_id="voice", media_type="audio/ogg", request_id="2")
    assert len([path for path in (tmp_path / "files").rglob("*") if path.is_file()]) == 1
    assert rows(vault_database, "SELECT count(*) FROM pii_file") == [(1,)]


async def test_the_sweep_takes_what_no_row_knows_and_nothing_else(
    api: httpx.AsyncClient, vault: Vault, files: LocalFileStore
) -> None:
    kept = await keep(api)

    async def orphan() -> AsyncIterator[bytes]:
        yield b"sealed"

    await files.write("ef" * 16, orphan())
    assert await sweep(vault.pool, files, now=utc_now()) == 0  # it may belong to an upload under way
    assert await sweep(vault.pool, files, now=utc_now() + timedelta(days=2)) == 1
    assert (await api.get(f"/v1/files/{kept['token']}", headers=PURPOSE)).content == CONTENT


async def test_an_erased_persons_files_go_and_nobody_elses(
    api: httpx.AsyncClient, vault: Vault, files: LocalFileStore, tmp_path: Path, vault_database: Database
) -> None:
    kept = await keep(api)
    await keep(api, subject=kept["subject"])
    other = await keep(api)
    found = rows(vault_database, "SELECT subject, tenant_key FROM pii_file ORDER BY created")[0]
    async with vault.pool.acquire() as connection:
        await connection.execute(SHRED, found[0].bytes, found[1], [0], "ers_1")  # type: ignore[attr-defined]
    assert rows(vault_database, ARE_LEFT.replace("$1", "%s"), "ers_1") == [(True,)]
    assert await remove_ordered(vault.pool, files) == 2
    assert await remove_ordered(vault.pool, files) == 0
    assert rows(vault_database, ARE_LEFT.replace("$1", "%s"), "ers_1") == [(False,)]
    assert len([path for path in (tmp_path / "files").rglob("*") if path.is_file()]) == 1
    assert (await api.get(f"/v1/files/{kept['token']}", headers=PURPOSE)).status_code == 404
    assert (await api.get(f"/v1/files/{other['token']}", headers=PURPOSE)).content == CONTENT


async def test_a_large_file_needs_no_large_memory(api: httpx.AsyncClient) -> None:
    piece = os.urandom(1 << 18)

    async def body() -> AsyncIterator[bytes]:
        for _ in range(128):
            yield piece

    headers = {"content-type": "audio/ogg"}
    tracemalloc.start()
    try:
        answer = await api.post("/v1/files", params={"class": "voice"}, content=body(), headers=headers)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert answer.json()["size"] == 128 << 18
    assert peak < 12 << 20


async def test_a_file_that_is_too_large_is_refused_and_leaves_nothing(
    api: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"content-type": "audio/ogg"}
    monkeypatch.setattr("pii_vault.files.keep.MAX_BYTES", len(CONTENT) - 1)
    answer = await api.post("/v1/files", params={"class": "voice"}, content=CONTENT, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")
    assert not [path for path in (tmp_path / "files").rglob("*") if path.is_file()]
    monkeypatch.setattr("pii_vault.files.keep.MAX_BYTES", len(CONTENT))
    answer = await api.post("/v1/files", params={"class": "voice"}, content=CONTENT, headers=headers)
    assert answer.status_code == 201


async def test_a_kind_that_is_none_is_refused(api: httpx.AsyncClient) -> None:
    for kind in ("", "nonsense", "text/html\u00e9; x"):
        headers = {"content-type": kind.encode("latin-1")}
        answer = await api.post("/v1/files", params={"class": "voice"}, content=b"x", headers=headers)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
