"""The register of consents: bits that never move, and which of them let a value be seen."""

from pathlib import Path

import pytest

from pii_vault.consent.register import ConsentRegister, load_consents
from pii_vault.errors import PolicyError

POLICY = Path("policies/consents.yaml")
PURPOSES, CLASSES = ("marketing", "support"), ("name", "phone", "email", "handle", "address")


def load(path: Path = POLICY) -> ConsentRegister:
    return load_consents(path, purposes=PURPOSES, classes=CLASSES)


def test_the_bits_in_use_never_move() -> None:
    register = load()
    bits = {channel: register.bit("marketing", channel) for channel in register.channels}
    assert bits == {"email": 1, "sms": 2, "call": 4, "messenger": 8, "post": 16}


def test_marketing_needs_consent_and_the_contract_does_not() -> None:
    register = load()
    assert register.needed("marketing")
    assert not register.needed("support")
    assert register.mask("support", "phone") == 0


@pytest.mark.parametrize(
    ("class_id", "mask"), [("phone", 4), ("address", 16), ("email", 0), ("handle", 0), ("name", 4 | 16)]
)
def test_a_consent_to_what_the_relay_sends_shows_nobody_the_value(class_id: str, mask: int) -> None:
    assert load().mask("marketing", class_id) == mask


def test_bits_are_read_back_as_purposes_and_channels() -> None:
    assert list(load().read(1 | 4)) == [("marketing", "email"), ("marketing", "call")]
    assert list(load().read(0)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("key: 1\n    class: phone", "key: 0\n    class: phone"),  # two channels, one bit
        ("class: handle", "class: telepathy"),
        ("marketing:", "world_domination:"),
        ("confirm: code", "confirm: perhaps"),
        ("key: 4", "key: 8"),  # would reach into the next purpose's bits
        ("code_minutes: 1440", "code_minutes: 0"),
    ],
)
def test_a_broken_register_stops_the_vault(tmp_path: Path, old: str, new: str) -> None:
    text = POLICY.read_text("utf-8")
    assert old in text
    path = tmp_path / "consents.yaml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(PolicyError):
        load(path)
