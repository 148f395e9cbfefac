"""What only a person can give is taken for the stack that reads it, and nothing else is."""

from pathlib import Path
from typing import Any

import pytest

from infra.lib.settings import settings_of
from scripts.env.environment import Environment
from scripts.env.errors import EnvProblem
from scripts.env.place import Contour
from scripts.env.programs import programs_of
from scripts.env.verbs.give import stack_of
from tests.support.stacks import content

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
