"""A large file goes in and out of the vault's own processes in constant memory.

`FILE_MIB` says how large: 256 unless told, 2048 is the largest that is taken.
"""

import os
from collections.abc import Iterator
from hashlib import sha256
from tempfile import TemporaryDirectory

import httpx
import psutil
import pytest

from scripts.bench.streams import Memory
from scripts.voice import say
from tests.faults.rig import Rig, Setting, rig

MIB = 1 << 20
SIZE = int(os.environ.get("FILE_MIB", "256"))
MOST = 48  # MiB of growth, whatever the size
PIECE = os.urandom(MIB)


@pytest.fixture
def vault() -> Iterator[Rig]:
    with (
        TemporaryDirectory(prefix="larets-files-") as folder,
        rig(Setting(workers=1, more={"files": "folder", "files_folder": folder})) as there,
    ):
        yield there


def carried(there: Rig, mib: int) -> str:
    """A file of so many MiB in and out again; its token. Raises AssertionError: another one came back."""
    sent, came = sha256(), sha256()

    def body() -> Iterator[bytes]:
        for number in range(mib):
            piece = number.to_bytes(8) + PIECE[8:]
            sent.update(piece)
            yield piece

    with there.server.http() as client:
        client.headers["larets-tenant"] = "demo"
        client.timeout = httpx.Timeout(600)
        headers = {"content-type": "audio/ogg"}
        kept = client.post("/v1/files", params={"class": "voice"}, headers=headers, content=body())
        assert kept.status_code == httpx.codes.CREATED, kept.text
        token = str(kept.json()["token"])
        with client.stream("GET", f"/v1/files/{token}", headers={"larets-purpose": "support"}) as answer:
            for piece in answer.iter_raw(MIB):
                came.update(piece)
    assert came.digest() == sent.digest()
    return token


def grown(there: Rig) -> int:
    """By how many MiB the largest process of the vault grew over a large file, beyond what a small one left."""
    carried(there, 8)
    parent = psutil.Process(there.server.process.pid)
    processes = [parent, *parent.children(recursive=True)]
    before = {each.pid: each.memory_info().rss for each in processes}
    watched = Memory()
    with watched.of(processes):
        carried(there, SIZE)
    return max(peak - before[pid] for pid, peak in watched.peaks.items()) // MIB


def test_a_large_file_takes_no_large_memory(vault: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    found = grown(vault)
    with capsys.disabled():
        say(f"\n  {SIZE} MiB in and out: the vault grew by {found} MiB")
    assert found < MOST


def test_the_twin_a_vault_that_gathers_a_file_is_found_out(vault: Rig) -> None:
    vault.kill_vault()
    vault.start_vault(module="tests.e2e.gathering")
    assert grown(vault) > MOST
