"""A certificate for a program: signed by the contour's own authority, for names that may be a program's."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from typer.testing import CliRunner, Result

from infra import pki
from scripts.env.verbs import issue as verb

AUTHORITY = pki.make_authority("Larets private contour of shop", now=datetime.now(UTC))


def larets(monkeypatch: pytest.MonkeyPatch, *words: str, held: Any = None) -> Result:
    values = {"authority-crt": AUTHORITY.certificate, "authority-key": AUTHORITY.key} if held is None else held
    engine = SimpleNamespace(values=lambda: values)
    monkeypatch.setattr(verb, "chosen", lambda name: name)
    monkeypatch.setattr(verb, "open_environment", lambda *_: SimpleNamespace(engine=lambda _: engine))
    return CliRunner().invoke(verb.cli, list(words))


def test_it_is_signed_by_the_contour_and_its_key_is_its_owners(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done = larets(monkeypatch, "label-printer", "--out", str(tmp_path))
    assert done.exit_code == 0, done.output
    found = x509.load_pem_x509_certificate((tmp_path / "label-printer.crt").read_bytes())
    found.verify_directly_issued_by(x509.load_pem_x509_certificate((tmp_path / "ca.crt").read_bytes()))
    assert found.subject.rfc4514_string() == "CN=label-printer"
    assert (tmp_path / "label-printer.key").stat().st_mode & 0o077 == 0


def test_the_half_may_be_named_as_for_every_command_and_is_the_private_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    named = larets(monkeypatch, "label-printer", "--out", str(tmp_path), "--contour", "private")
    assert named.exit_code == 0, named.output
    other = larets(monkeypatch, "another", "--out", str(tmp_path), "--contour", "public")
    assert other.exit_code == 1
    assert "--contour private" in other.stderr
    assert not (tmp_path / "another.crt").exists()


@pytest.mark.parametrize("name", ["vault", "outbox", "metrics", "ca", "Printer", "../x"])
def test_a_name_of_the_contours_own_is_refused(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert larets(monkeypatch, name, "--out", str(tmp_path)).exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_without_an_authority_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "larets env plan" in larets(monkeypatch, "printer", "--out", str(tmp_path), held={}).stderr
