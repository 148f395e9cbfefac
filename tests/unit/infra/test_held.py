"""A stack's values are read back from the texts they were written into, and from nothing else."""

import base64

import pytest

from infra.components.secrets import read_back
from infra.held import holders
from infra.lib.names import Contour
from infra.material import needed
from tests.support.stacks import settings

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("text", "content", "values"),
    [
        ("{authority-crt}", PEM, {"authority-crt": PEM}),
        ("postgresql://r:{database-runtime}@h:5432/d?a=b", "postgresql://r:pa_s-s@h:5432/d?a=b",
         {"database-runtime": "pa_s-s"}),
        ("{a}:{b-c} {a}", "1:2 1", {"a": "1", "b-c": "2"}),
        ("{a}:{b-c} {a}", "1:2 3", None),
        ("postgresql://r:{a}@h/d", "postgresql://r:x@another/d", None),
        ("{a}", "", None),
        ("without a value", "without a value", {}),
    ],
)  # fmt: skip
def test_a_text_gives_back_what_it_was_written_from(text: str, content: str, values: dict[str, str] | None) -> None:
    assert read_back(text, content) == values


def _everywhere(contour: Contour, **changes: object) -> tuple[set[str], set[str]]:
    """Names of what the stack needs, and of those that no Secret holds."""
    made = settings(contour, **changes)  # type: ignore[arg-type]
    names = {key for one in needed(contour, made) for key in one.keys}
    texts = " ".join(text for one in holders(contour, made) for text in one.texts.values())
    return names, {name for name in names if f"{{{name}}}" not in texts}


@pytest.mark.parametrize("contour", ["private", "public"])
def test_only_what_signs_stands_nowhere_in_the_cluster(contour: Contour) -> None:
    """The promise of `larets env init --take-over`: what holds or opens data is in the cluster as well."""
    _, nowhere = _everywhere(contour, stage="rehearsal")
    assert nowhere == {"authority-key", "contract-key"}


@pytest.mark.parametrize("contour", ["private", "public"])
def test_cert_manager_has_the_authoritys_key_and_makes_the_certificates_itself(contour: Contour) -> None:
    names, nowhere = _everywhere(contour)
    assert nowhere == {"contract-key"} | {name for name in names if name.startswith("tls-")}


def test_secrets_that_a_store_fills_are_read_alike() -> None:
    stored = {"kind": "external-secrets", "store": "vault"}
    assert _everywhere("private", secrets=stored) == _everywhere("private")


def test_no_value_stands_in_what_is_read() -> None:
    for one in holders("private", settings("private", stage="rehearsal")):
        for key, text in one.texts.items():
            assert base64.b64encode(text.encode()).decode() == one.manifest["data"][key]
            assert "{" in text
