"""A disk that is full, or fills up while an instance starts: a clear end, and nothing broken."""

import errno
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from scripts import group, main
from scripts.files import write_whole
from scripts.local import postgres, start
from scripts.local.instance import Instance, InstanceProblem, Ports
from scripts.local.sockets import free_port


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 24 MB, half of what a cluster takes."""
    place = Path(tempfile.mkdtemp(prefix="larets-full-"))
    command = ["mount", "-t", "tmpfs", "-o", "size=24m,mode=755", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:  # noqa: S603
        place.rmdir()
        pytest.skip("a small file system can be mounted by root alone")
    yield place
    subprocess.run(["umount", str(place)], check=True)  # noqa: S603, S607
    place.rmdir()


def test_disk_that_fills_up_under_a_cluster_is_told_and_the_start_can_be_repeated(small_disk: Path) -> None:
    data = small_disk / "postgres"
    with pytest.raises(postgres.PostgresProblem, match="No space left on device"):
        postgres.start(data, port=free_port(), password="words")
    subprocess.run(["mount", "-o", "remount,size=300m", str(small_disk)], check=True)  # noqa: S603, S607
    try:
        cluster = postgres.start(data, port=free_port(), password="words", settings={"max_wal_size": "64MB"})
        with psycopg.connect(cluster.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        postgres.stop(data, mode="immediate")


def test_nearly_full_disk_is_told_before_anything_is_started(small_disk: Path) -> None:
    instance = Instance(small_disk, Ports(crm=free_port(), intake=free_port()))
    with pytest.raises(InstanceProblem, match=r"only 2[34] MiB of disk space is free, 500 are needed"):
        start.bring_up(instance, ("private", "public"), say=lambda _: None)
    assert not list(small_disk.rglob("PG_VERSION"))


def test_secret_that_does_not_fit_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`/dev/full` is a disk without room that needs no root."""
    fresh = tmp_path / f".demo.json.{os.getpid()}"
    fresh.symlink_to("/dev/full")

    def command(*_: object, **__: object) -> None:
        write_whole(tmp_path / "demo.json", "a secret")

    monkeypatch.setattr(group.LazyGroup, "__call__", command)
    with pytest.raises(SystemExit) as ended:
        main.main()
    told = capsys.readouterr().err
    assert ended.value.code == 1
    assert os.strerror(errno.ENOSPC) in told
    assert "larets: hint: free some space and run the same command again" in told
    assert list(tmp_path.iterdir()) == []
