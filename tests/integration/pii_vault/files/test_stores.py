"""One contract for every store of files: a folder, and a bucket behind the S3 protocol (moto's server)."""

import io
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from pii_vault.files.choose import FileSettings
from pii_vault.files.errors import FileMissing, FileStoreUnavailable
from pii_vault.files.local import LocalFileStore
from pii_vault.files.port import FileStore
from pii_vault.files.s3 import PART_BYTES, S3FileStore
from scripts.local.sockets import free_ports

NAME = "ab" * 16
OTHER = "cd" * 16


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def broken(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
    message = "the sender went away"
    raise ConnectionResetError(message)


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    (port,) = free_ports(1)
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603  our own
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 30
        while True:
            try:
                httpx.put(f"{url}/files", trust_env=False, timeout=5)  # makes the bucket
                break
            except httpx.TransportError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(10)


async def s3(url: str, *, prefix: str = "vault/") -> S3FileStore:
    return await S3FileStore.open(
        endpoint=url, region="us-east-1", bucket="files", prefix=prefix, access_key="test", secret_key="test"
    )


@pytest.fixture(params=["folder", "bucket"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FileStore]:
    if request.param == "folder":
        opened: FileStore = LocalFileStore(tmp_path / "files")
    else:
        opened = await s3(request.getfixturevalue("s3_url"), prefix=f"{tmp_path.name}/")
    yield opened
    await opened.close()


async def whole(store: FileStore, name: str, start: int = 0, stop: int | None = None) -> bytes:
    stop = await store.size(name) if stop is None else stop
    return b"".join([piece async for piece in store.read(name, start, stop)])


async def test_what_was_written_is_read_back_whole_and_in_part(store: FileStore) -> None:
    content = os.urandom(3_000_000)
    assert await store.write(NAME, pieces(content[:10], content[10:2_000_000], content[2_000_000:])) == len(content)
    assert await store.size(NAME) == len(content)
    assert await whole(store, NAME) == content
    assert await whole(store, NAME, 1_999_990, 2_000_010) == content[1_999_990:2_000_010]
    assert await whole(store, NAME, 5, 5) == b""


async def test_more_than_one_part_is_one_file(store: FileStore) -> None:
    content = os.urandom(PART_BYTES + 100)
    assert await store.write(NAME, pieces(content[:PART_BYTES], content[PART_BYTES:])) == len(content)
    assert await whole(store, NAME, PART_BYTES - 50, PART_BYTES + 50) == content[PART_BYTES - 50 : PART_BYTES + 50]


async def test_nothing_at_all_is_a_file_too(store: FileStore) -> None:
    assert await store.write(NAME, pieces()) == 0
    assert await store.size(NAME) == 0


async def test_a_disk_that_takes_a_part_only_is_given_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where room runs out, a write ends early without an error: a file must not end there as if it were whole."""

    class Short(io.FileIO):
        def write(self, content: Any) -> int:
            return super().write(content[:1000])

    monkeypatch.setattr(os, "fdopen", lambda descriptor, *_, **__: Short(descriptor, "wb"))
    store = LocalFileStore(tmp_path)
    content = os.urandom(3_000_000)
    assert await store.write(NAME, pieces(content)) == len(content)
    assert await whole(store, NAME) == content


@pytest.mark.parametrize("size", [100, PART_BYTES + 5])
async def test_an_upload_that_breaks_off_leaves_no_file(store: FileStore, size: int) -> None:
    with pytest.raises(ConnectionResetError):
        await store.write(NAME, broken(os.urandom(size)))
    with pytest.raises(FileMissing):
        await store.size(NAME)


async def test_a_deleted_file_is_gone_and_deleting_it_again_is_no_error(store: FileStore) -> None:
    await store.write(NAME, pieces(b"sealed"))
    await store.write(OTHER, pieces(b"sealed too"))
    await store.delete(NAME)
    await store.delete(NAME)
    with pytest.raises(FileMissing):
        await whole(store, NAME, 0, 5)
    assert await whole(store, OTHER) == b"sealed too"


async def test_names_lists_what_is_older_than_a_time(store: FileStore) -> None:
    await store.write(NAME, pieces(b"sealed"))
    now = datetime.now(UTC)
    assert [name async for name in store.names(before=now + timedelta(minutes=1))] == [NAME]
    assert [name async for name in store.names(before=now - timedelta(minutes=1))] == []


async def test_what_is_somebody_elses_is_not_among_the_names(
    store: FileStore, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    await store.write(NAME, pieces(b"sealed"))
    for foreign in ("backups/base.tar", "ab/report.pdf", "ab/old.part", f"{NAME}.bak", f"elsewhere/{NAME}"):
        if isinstance(store, LocalFileStore):
            path = tmp_path / "files" / foreign
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"not ours")
        else:
            url = f"{request.getfixturevalue('s3_url')}/files/{tmp_path.name}/{foreign}"
            async with httpx.AsyncClient(trust_env=False) as client:
                (await client.put(url, content=b"not ours")).raise_for_status()
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert [name async for name in store.names(before=later)] == [NAME]
    if isinstance(store, LocalFileStore):
        assert (tmp_path / "files" / "ab" / "old.part").exists()


@pytest.mark.parametrize("prefix", ["", "files", "/", "files/../"])
def test_a_prefix_is_a_folder_of_the_bucket(prefix: str) -> None:
    with pytest.raises(ValidationError):
        FileSettings(files="s3", files_s3_prefix=prefix)


async def test_a_folder_takes_no_name_that_is_a_path(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a name"):
        await LocalFileStore(tmp_path).size("../../etc/passwd")


async def test_the_remains_of_a_killed_upload_go_with_the_sweep(tmp_path: Path) -> None:
    folder = tmp_path / "ab"
    folder.mkdir()
    part = folder / f"{NAME}.part"
    part.write_bytes(b"half of it")
    later = datetime.now(UTC) + timedelta(hours=1)
    assert [name async for name in LocalFileStore(tmp_path).names(before=later)] == []
    assert not part.exists()


async def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "ab").write_text("a file where a folder should be")
    with pytest.raises(FileStoreUnavailable):
        await LocalFileStore(tmp_path).write(NAME, pieces(b"sealed"))


async def test_a_bucket_that_does_not_answer_is_unavailable() -> None:
    (port,) = free_ports(1)
    store = await s3(f"http://127.0.0.1:{port}")
    try:
        with pytest.raises(FileStoreUnavailable):
            await store.size(NAME)
    finally:
        await store.close()
