"""Digest and files of an archive, as a node would see them."""

from pathlib import Path

import pytest

from scripts.images.archive import digest, files
from scripts.images.errors import ImageProblem
from tests.unit.scripts.images.packed import oci, tarred


def _all(_: str) -> bool:
    return True


def test_the_digest_is_the_manifests(tmp_path: Path) -> None:
    told = oci(tmp_path / "x.tar", [{"a": b"1"}])
    assert digest(tmp_path / "x.tar") == told
    assert oci(tmp_path / "y.tar", [{"a": b"2"}]) != told


def test_an_upper_layer_hides_and_replaces(tmp_path: Path) -> None:
    lower = {"./etc/a": b"old", "etc/b": b"b", "etc/c": b"c", "opt/x/1": b"1", "opt/x/2": b"2"}
    upper = {"etc/a": b"new", "etc/.wh.b": b"", "opt/x/.wh..wh..opq": b"", "opt/x/3": b"3"}
    oci(tmp_path / "x.tar", [lower, upper])
    assert files(tmp_path / "x.tar", _all) == {"etc/a": b"new", "etc/c": b"c", "opt/x/3": b"3"}


def test_only_what_is_wanted_is_read(tmp_path: Path) -> None:
    oci(tmp_path / "x.tar", [{"etc/a": b"1", "etc/b": b"2"}])
    assert files(tmp_path / "x.tar", lambda path: path == "etc/b") == {"etc/b": b"2"}


@pytest.mark.parametrize("images", [0, 2])
def test_an_archive_of_none_or_several_is_refused(images: int, tmp_path: Path) -> None:
    oci(tmp_path / "x.tar", [{"a": b"1"}], images=images)
    with pytest.raises(ImageProblem, match=f"holds {images} images"):
        digest(tmp_path / "x.tar")


@pytest.mark.parametrize("content", [b"", b"no archive", tarred({"manifest.json": b"[]"})])
def test_what_is_no_such_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(content)
    with pytest.raises(ImageProblem):
        digest(tmp_path / "x.tar")
