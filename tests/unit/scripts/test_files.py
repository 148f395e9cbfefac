"""A file is written wholly or not at all, and a secret one is never readable by others."""

import errno
import os
import stat
from pathlib import Path

import pytest

from scripts.files import write_whole


def test_a_full_disk_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "demo.json"
    write_whole(path, "old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, "new and longer")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["demo.json"]


def test_a_secret_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "passphrase"
    for content in ("first", b"second"):
        write_whole(path, content, mode=0o600)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes() == b"second"
