import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from scripts.env import sealing
from scripts.env.errors import OtherPassphrase
from scripts.env.sealing import OtherFormat, Sealer, sealer

PASSPHRASE = "of the tests alone"


@pytest.fixture
def salt(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sealing, "ROUNDS", 10)  # a million in earnest
    key = hashlib.pbkdf2_hmac("sha256", PASSPHRASE.encode(), b"12345678", 10, 32)
    return f"v1:{base64.b64encode(b'12345678').decode()}:{Sealer(AESGCM(key)).seal('pulumi')}"


def test_a_sealed_value_opens_and_never_looks_the_same_twice(salt: str) -> None:
    one = sealer(salt, PASSPHRASE)
    sealed = one.seal("several\nlines: yes")
    assert one.open(sealed) == "several\nlines: yes"
    assert sealed != one.seal("several\nlines: yes")


def test_another_passphrase_opens_nothing(salt: str) -> None:
    with pytest.raises(OtherPassphrase):
        sealer(salt, "another one")


def test_a_touched_value_does_not_open(salt: str) -> None:
    one = sealer(salt, PASSPHRASE)
    version, nonce, sealed = one.seal("value").split(":")
    spoilt = base64.b64encode(bytes([base64.b64decode(sealed)[0] ^ 1]) + base64.b64decode(sealed)[1:]).decode()
    with pytest.raises(OtherFormat):
        one.open(f"{version}:{nonce}:{spoilt}")


@pytest.mark.parametrize("salt_of_another_format", ["", "v2:AAAA:x", "v1:not base64:v1:a:b", "v1:AAAA"])
def test_another_format_is_told_and_not_guessed_at(salt_of_another_format: str) -> None:
    with pytest.raises(OtherFormat):
        sealer(salt_of_another_format, PASSPHRASE)
