import logging
from pathlib import Path

import pytest

from app.kit.assets import STATIC, Assets


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "css").mkdir()
    (tmp_path / "css" / "a.css").write_text("a{}")
    (tmp_path / "secret.txt").write_text("not served")
    return tmp_path


def test_a_file_is_kept_for_ever_under_its_hash_only(folder: Path) -> None:
    assets = Assets(folder, required=())
    address = assets.url("css/a.css")
    assert address == f"/static/{assets.version}/css/a.css"
    assert assets.version.isalpha()
    current, older = assets.response(assets.version, "css/a.css"), assets.response("older", "css/a.css")
    assert current.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert current.headers["content-type"] == "text/css; charset=utf-8"
    assert older.headers["cache-control"] == "no-store"


def test_a_changed_file_gets_a_new_address(folder: Path) -> None:
    before = Assets(folder, required=()).url("css/a.css")
    (folder / "css" / "a.css").write_text("a{color:red}")
    assert Assets(folder, required=()).url("css/a.css") != before


@pytest.mark.parametrize("name", ["secret.txt", "../secret.txt", "css/../secret.txt", "/etc/passwd", "css"])
def test_nothing_else_is_served(folder: Path, name: str) -> None:
    assert Assets(folder, required=()).response("x", name).status_code == 404


def test_missing_vendor_files_are_said_and_break_nothing(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assets = Assets(folder)
    assert assets.missing == ("vendor/tabler.min.css", "vendor/htmx.min.js")
    assert "make up" in caplog.text
    assert assets.url("vendor/tabler.min.css").startswith("/static/")


def test_a_template_that_names_a_wrong_file_is_an_error(folder: Path) -> None:
    with pytest.raises(KeyError):
        Assets(folder, required=()).url("css/b.css")


def test_the_projects_own_scripts_use_nothing_that_the_policy_forbids() -> None:
    own = list((STATIC / "js").glob("*.js"))
    assert own
    for path in own:
        source = path.read_text("utf-8")
        for word in ("eval(", "new Function", "innerHTML", "outerHTML =", "document.write", 'setAttribute("style"'):
            assert word not in source, (path.name, word)
