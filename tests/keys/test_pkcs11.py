"""The keyring's root in a real token."""

import json
import shutil
from pathlib import Path

import pkcs11
import pytest

from pii_vault.errors import BrokenKeyring, KeyServiceError, KeyServiceUnavailable, WrongPassphrase
from pii_vault.keys.keyring_file import TokenKey
from pii_vault.keys.local import LocalKeyring, create_local_keyring
from pii_vault.keys.pkcs11 import TokenSeal
from tests.support.soft_token import SoftToken
from tests.unit.pii_vault.keys.contract import KeyServiceContract


@pytest.fixture
def seal(token: SoftToken) -> TokenSeal:
    return TokenSeal(token.module, token=token.label, key="larets-root", pin=token.pin)


@pytest.fixture
def path(tmp_path: Path, seal: TokenSeal) -> Path:
    path = tmp_path / "keyring.json"
    create_local_keyring(path, seal)
    return path


class TestKeyringWithAToken(KeyServiceContract):
    @pytest.fixture
    async def keys(self, path: Path, seal: TokenSeal) -> LocalKeyring:
        return LocalKeyring(path, seal)


async def test_keys_outlive_the_process(path: Path, seal: TokenSeal) -> None:
    first = LocalKeyring(path, seal)
    await first.create_tenant("demo")
    [(dek, wrapped)] = await first.generate("demo", [b"subject"])
    assert await LocalKeyring(path, seal).unwrap("demo", [(b"subject", wrapped)]) == [dek]


def test_the_tokens_key_cannot_be_read_out(path: Path, token: SoftToken) -> None:
    label = json.loads(path.read_text())["token"]["key"]
    with pkcs11.lib(str(token.module)).get_token(token_label=token.label).open(user_pin=token.pin) as session:
        key = session.get_key(object_class=pkcs11.ObjectClass.SECRET_KEY, label=label)
        assert key[pkcs11.Attribute.NEVER_EXTRACTABLE]
        with pytest.raises(pkcs11.exceptions.AttributeSensitive):
            key[pkcs11.Attribute.VALUE]


def test_a_key_that_can_be_copied_is_not_accepted(path: Path, token: SoftToken, seal: TokenSeal) -> None:
    with pkcs11.lib(str(token.module)).get_token(token_label=token.label).open(user_pin=token.pin, rw=True) as session:
        session.generate_key(
            pkcs11.KeyType.AES,
            256,
            label="weak",
            store=True,
            template={pkcs11.Attribute.EXTRACTABLE: True, pkcs11.Attribute.SENSITIVE: False},
        )
    with pytest.raises(KeyServiceError, match="can be read out"):
        seal.open(TokenKey(key="weak"), json.loads(path.read_text())["root"])


def test_a_wrong_pin_is_said(path: Path, token: SoftToken) -> None:
    wrong = TokenSeal(token.module, token=token.label, key="larets-root", pin="not-the-pin")
    with pytest.raises(WrongPassphrase, match="does not accept the PIN"):
        LocalKeyring(path, wrong)


def test_a_token_or_module_that_is_not_there_is_said(path: Path, token: SoftToken, tmp_path: Path) -> None:
    with pytest.raises(KeyServiceUnavailable, match="no token labelled elsewhere"):
        LocalKeyring(path, TokenSeal(token.module, token="elsewhere", key="larets-root", pin=token.pin))
    with pytest.raises(KeyServiceUnavailable, match="cannot be used"):
        LocalKeyring(path, TokenSeal(tmp_path / "no.so", token=token.label, key="larets-root", pin=token.pin))


def test_a_changed_root_or_one_of_another_keyring_does_not_open(path: Path, seal: TokenSeal, tmp_path: Path) -> None:
    content = json.loads(path.read_text())
    other = tmp_path / "other.json"
    create_local_keyring(other, seal)
    for root in (json.loads(other.read_text())["root"], "AAAA"):
        path.write_text(json.dumps({**content, "root": root}))
        with pytest.raises(BrokenKeyring):
            LocalKeyring(path, seal)


def test_a_passphrase_does_not_open_it(path: Path) -> None:
    with pytest.raises(WrongPassphrase, match="PKCS#11"):
        LocalKeyring(path, "correct horse battery staple")


async def test_a_trim_ends_every_older_copy_of_the_file(path: Path, seal: TokenSeal, tmp_path: Path) -> None:
    keyring = LocalKeyring(path, seal)
    await keyring.create_tenant("demo")
    [(_, old)] = await keyring.generate("demo", [b"subject"])
    copy = tmp_path / "copy.json"
    shutil.copy(path, copy)
    assert len(await LocalKeyring(copy, seal).unwrap("demo", [(b"subject", old)])) == 1
    await keyring.rotate("demo", "kek")
    [kept] = await keyring.rewrap("demo", [(b"subject", old)])
    await keyring.raise_minimum("demo", "kek", 2)
    await keyring.trim("demo", "kek")
    with pytest.raises(BrokenKeyring, match="trimmed since this copy"):
        LocalKeyring(copy, seal)
    assert len(await LocalKeyring(path, seal).unwrap("demo", [(b"subject", kept)])) == 1


class Died(Exception):
    """The process is gone here."""


def _retiring(path: Path) -> list[str] | None:
    found: list[str] | None = json.loads(path.read_text()).get("retiring")
    return found


async def _trimmed_but(path: Path, seal: TokenSeal, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trim that ends between the new file and the destruction of the token's old key; `copy` is of before."""
    keyring = LocalKeyring(path, seal)
    await keyring.create_tenant("demo")
    await keyring.rotate("demo", "kek")
    await keyring.raise_minimum("demo", "kek", 2)
    shutil.copy(path, copy)

    def die(*_: object) -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(TokenSeal, "retire", die)
        with pytest.raises(Died):
            await keyring.trim("demo", "kek")


@pytest.mark.parametrize("goes_on", ["start", "trim"])
async def test_a_trim_that_was_cut_off_is_gone_on_with(
    path: Path, seal: TokenSeal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, goes_on: str
) -> None:
    copy = tmp_path / "copy.json"
    held = LocalKeyring(path, seal)
    await _trimmed_but(path, seal, copy, monkeypatch)
    assert len(_retiring(path) or ()) == 1
    LocalKeyring(copy, seal)  # twin: without going on, the copy from before the trim would open for ever
    if goes_on == "start":
        LocalKeyring(path, seal)
    else:
        await held.trim("demo", "kek")
    with pytest.raises(BrokenKeyring, match="trimmed since this copy"):
        LocalKeyring(copy, seal)
    assert _retiring(path) is None  # an older release reads the file again
    assert (await LocalKeyring(path, seal).versions("demo", "kek")).oldest == 2


async def test_a_start_that_cannot_go_on_starts_and_says_so(
    path: Path, seal: TokenSeal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await _trimmed_but(path, seal, tmp_path / "copy.json", monkeypatch)

    def away(*_: object) -> None:
        raise KeyServiceUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(TokenSeal, "retire", away)
        LocalKeyring(path, seal)
    assert "older copies open" in caplog.text
    assert _retiring(path)
