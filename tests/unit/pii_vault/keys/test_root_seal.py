"""A secret file is read only if nobody else can read it."""

from pathlib import Path

import pytest

from pii_vault.errors import BrokenKeyring, WrongPassphrase
from pii_vault.keys.keyring_file import TokenKey
from pii_vault.keys.root_seal import PassphraseSeal, read_secret_file

PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"{PASSPHRASE}\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_of_ones_own_is_read(secret: Path, mode: int) -> None:
    secret.chmod(mode)
    assert read_secret_file(secret) == PASSPHRASE


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o777])
def test_a_file_that_others_may_read_or_write_is_refused(secret: Path, mode: int) -> None:
    secret.chmod(mode)
    with pytest.raises(WrongPassphrase, match="chmod 600 secret"):
        read_secret_file(secret)


def test_a_mounted_secret_of_root_is_read_through_the_group_but_not_by_strangers(
    secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pii_vault.keys.root_seal.os.geteuid", lambda: secret.stat().st_uid + 1)
    secret.chmod(0o440)
    assert read_secret_file(secret) == PASSPHRASE
    for mode in (0o444, 0o460):
        secret.chmod(mode)
        with pytest.raises(WrongPassphrase):
            read_secret_file(secret)


def test_an_absent_or_empty_file_is_no_secret(secret: Path) -> None:
    secret.write_text("\n")
    with pytest.raises(WrongPassphrase, match="is empty"):
        read_secret_file(secret)
    secret.unlink()
    with pytest.raises(WrongPassphrase, match="cannot read"):
        read_secret_file(secret)


def test_a_passphrase_opens_what_it_sealed_and_another_does_not() -> None:
    header, sealed = PassphraseSeal(PASSPHRASE, work_factor=10).seal(b"r" * 32)
    assert PassphraseSeal(PASSPHRASE).open(header, sealed) == b"r" * 32
    with pytest.raises(WrongPassphrase):
        PassphraseSeal("wrong horse battery staple").open(header, sealed)


def test_a_passphrase_does_not_open_the_root_of_a_token() -> None:
    with pytest.raises((WrongPassphrase, BrokenKeyring), match="PKCS#11"):
        PassphraseSeal(PASSPHRASE).open(TokenKey(key="root"), "AAAA")
