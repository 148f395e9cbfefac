"""What only a person can give is taken for the stack that reads it, and nothing else is; nor is it remade."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra import material
from infra.lib.settings import settings_of
from scripts.env.environment import Environment, open_environment
from scripts.env.errors import EnvProblem
from scripts.env.place import Contour
from scripts.env.programs import programs_of
from scripts.env.verbs.give import stack_of
from tests.support.stacks import content
from tests.unit.scripts.env.conftest import Opener, run

DATABASE: dict[str, Any] = {"kind": "external", "host": "db.example.ru", "addresses": ["203.0.113.5/32"]}
PASSWORD = "given-by-a-person"
EXTERNAL: dict[str, Any] = {"kind": "external", "host": "keys.example.ru", "addresses": ["203.0.113.30/32"]}


def _environment(**changes: Any) -> Environment:
    settings = settings_of(content("private", **changes))
    return Environment(Contour("shop", "private", Path("nowhere")), settings, programs_of(settings))


@pytest.mark.parametrize("value", ["key-service-secret", "tls-key-service-crt"])
def test_an_outside_key_services_values_go_to_the_private_stack(value: str) -> None:
    assert stack_of(_environment(keys=EXTERNAL), value) == "private"


@pytest.mark.parametrize("value", ["authority-key", "database-owner", "nonsense"])
def test_what_is_made_is_not_given(value: str) -> None:
    with pytest.raises(EnvProblem, match="not for a person") as refused:
        stack_of(_environment(keys=EXTERNAL), value)
    assert refused.value.hint.endswith("key-service-secret, tls-key-service-crt")


def test_our_own_key_service_has_its_certificate_made() -> None:
    with pytest.raises(EnvProblem, match="not for a person"):
        stack_of(_environment(), "tls-key-service-crt")


class Held:
    """An engine's configuration, in memory."""

    def __init__(self, **values: str) -> None:
        self.program = SimpleNamespace(stack="private")
        self.locks = Path("nowhere")
        self.held = values

    def configured(self) -> frozenset[str]:
        return frozenset(self.held)

    def values(self) -> dict[str, str]:
        return dict(self.held)

    def set_values(self, values: Mapping[str, tuple[str, bool]]) -> None:
        self.held |= {name: value for name, (value, _) in values.items()}


@pytest.fixture
def held(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> Held:
    """A private contour whose database is somebody else's."""
    opened(database=DATABASE)
    found = Held()
    monkeypatch.setattr(Environment, "engines", property(lambda _: [found]))
    return found


def _generation() -> int:
    return open_environment("shop", "private").settings.secrets.generation


def test_a_password_is_taken_and_a_later_one_starts_the_pods_anew(held: Held, tmp_path: Path) -> None:
    file = tmp_path / "runtime-password"
    file.write_text(PASSWORD + "\n")
    assert run("give", "database-runtime", "--file", str(file)).exit_code == 0
    assert (held.held, _generation()) == ({"database-runtime": PASSWORD}, 1)
    file.write_text(PASSWORD[::-1])
    assert run("give", "database-runtime", "--file", str(file)).exit_code == 0
    assert (held.held, _generation()) == ({"database-runtime": PASSWORD[::-1]}, 2)


def test_a_password_that_would_break_its_address_is_refused_unseen(held: Held, tmp_path: Path) -> None:
    file = tmp_path / "runtime-password"
    file.write_text("p@ss/word:0123456789")
    done = run("give", "database-runtime", "--file", str(file))
    assert done.exit_code == 1
    assert "p@ss" not in done.output
    assert held.held == {}


def test_passwords_of_somebody_elses_database_are_not_rotated(held: Held) -> None:
    held.held = dict.fromkeys(material.PASSWORDS, PASSWORD)
    done = run("rotate", "passwords")
    assert done.exit_code == 1
    assert "larets env give" in done.output
    assert (held.held, _generation()) == (dict.fromkeys(material.PASSWORDS, PASSWORD), 1)


def test_passwords_of_our_own_database_are(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    own = opened()
    found = Held(**material.make("private", own.settings, {}, now=datetime.now(UTC)))
    before = dict(found.held)
    monkeypatch.setattr(Environment, "engines", property(lambda _: [found]))
    assert run("rotate", "passwords").exit_code == 0
    assert {name for name in before if before[name] != found.held[name]} == set(material.PASSWORDS)
    assert _generation() == 2


@pytest.mark.parametrize("kind", ["openbao", "external"])
def test_new_certificates_name_the_pods_that_only_people_replace(
    opened: Opener, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    where = {"host": "keys.example.ru", "addresses": ["198.51.100.9/32"]} if kind == "external" else {}
    keys = {"kind": kind, "role": "larets-vault"} | where
    own = opened(stage="production", keys=keys)
    later = {name: "x" for one in material.needed("private", own.settings) if one.kind == "given" for name in one.keys}
    found = Held(**later | material.make("private", own.settings, later, now=datetime.now(UTC)))
    monkeypatch.setattr(Environment, "engines", property(lambda _: [found]))
    done = run("rotate", "certificates")
    assert done.exit_code == 0, done.output
    assert ("key-service-0, key-service-1, key-service-2" in done.output) is (kind == "openbao")
    assert "key-service-0" not in run("rotate", "passwords").output
