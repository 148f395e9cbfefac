"""The local keyring: the contract, and what a file shared by processes has to stand."""
# ruff: noqa: ASYNC240  a test's own event loop has nobody to hold up

import base64
import json
import multiprocessing
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pii_vault.errors import (
    BrokenKeyring,
    KeyringExists,
    KeyServiceUnavailable,
    TenantKeyExists,
    UnknownTenantKey,
    WrongPassphrase,
)
from pii_vault.keys import local
from pii_vault.keys.local import LocalKeyring, create_local_keyring
from tests.unit.pii_vault.keys.contract import KeyServiceContract

PASSPHRASE = "correct horse battery staple"
CHEAP = 10  # scrypt's work factor: these tests are not about its cost


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keyring.json"
    create_local_keyring(path, PASSPHRASE, work_factor=CHEAP)
    return path


class TestLocalKeyring(KeyServiceContract):
    @pytest.fixture
    async def keys(self, path: Path) -> LocalKeyring:
        return LocalKeyring(path, PASSPHRASE)


async def test_keys_outlive_the_process(path: Path) -> None:
    first = LocalKeyring(path, PASSPHRASE)
    await first.create_tenant("demo")
    ((dek, wrapped),) = await first.generate("demo", [b"subject"])
    second = LocalKeyring(path, PASSPHRASE)
    assert await second.unwrap("demo", [(b"subject", wrapped)]) == [dek]
    assert await second.index_key("demo", "phone", 1) == await first.index_key("demo", "phone", 1)
    assert await second.audit_key() == await first.audit_key()
    assert second.checkpoint_public_key() == first.checkpoint_public_key()


async def test_a_tenant_made_by_another_process_is_found(path: Path) -> None:
    mine, other = LocalKeyring(path, PASSPHRASE), LocalKeyring(path, PASSPHRASE)
    with pytest.raises(UnknownTenantKey):
        await mine.index_key("demo", "phone", 1)
    await other.create_tenant("demo")
    assert await mine.index_key("demo", "phone", 1) == await other.index_key("demo", "phone", 1)
    with pytest.raises(TenantKeyExists):
        await mine.create_tenant("demo")


def _create_tenants(path: Path, names: list[str]) -> None:
    import asyncio  # noqa: PLC0415  runs in a process of its own

    async def run() -> None:
        keyring = LocalKeyring(path, PASSPHRASE)
        for name in names:
            await keyring.create_tenant(name)

    asyncio.run(run())


async def test_processes_that_write_at_once_lose_nothing(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    names = [[f"shop-{worker}-{number}" for number in range(5)] for worker in "abc"]
    workers = [context.Process(target=_create_tenants, args=(path, part)) for part in names]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    keyring = LocalKeyring(path, PASSPHRASE)
    for name in (name for part in names for name in part):
        assert await keyring.index_key(name, "phone", 1)


def test_a_wrong_passphrase_is_said_plainly(path: Path) -> None:
    with pytest.raises(WrongPassphrase, match="does not open"):
        LocalKeyring(path, "wrong horse battery staple")


def test_a_short_passphrase_protects_nothing(tmp_path: Path) -> None:
    with pytest.raises(WrongPassphrase, match="at least 12"):
        create_local_keyring(tmp_path / "keyring.json", "secret", work_factor=CHEAP)
    assert not (tmp_path / "keyring.json").exists()


def test_a_keyring_is_never_written_over(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(KeyringExists):
        create_local_keyring(path, PASSPHRASE, work_factor=CHEAP)
    assert path.read_bytes() == before


async def test_only_the_owner_may_read_it(path: Path) -> None:
    await LocalKeyring(path, PASSPHRASE).create_tenant("demo")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    with pytest.raises(BrokenKeyring, match="chmod 600"):
        LocalKeyring(path, PASSPHRASE)


async def test_nothing_is_left_beside_it(path: Path) -> None:
    await LocalKeyring(path, PASSPHRASE).create_tenant("demo")
    assert sorted(path.name for path in path.parent.iterdir()) == ["keyring.json", "keyring.json.lock"]


async def test_a_write_that_fails_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = LocalKeyring(path, PASSPHRASE)
    before = path.read_bytes()

    def no_space(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pii_vault.keys.keyring_file.os.fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        await keyring.create_tenant("demo")
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert sorted(path.name for path in path.parent.iterdir()) == ["keyring.json", "keyring.json.lock"]
    with pytest.raises(UnknownTenantKey):
        await keyring.generate("demo", [b"subject"])


async def test_the_file_shows_no_key(path: Path) -> None:
    keyring = LocalKeyring(path, PASSPHRASE)
    await keyring.create_tenant("demo")
    content = path.read_bytes()
    for key in (await keyring.audit_key(), keyring._checkpoint_seed):
        assert base64.b64encode(key)[:40] not in content
        assert key.hex().encode() not in content
    assert PASSPHRASE.encode() not in content


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content["tenants"]["demo"]["kek"].update({"1": content["tenants"]["demo"]["index"]["1"]}),
        lambda content: content["tenants"].update({"demo": content["tenants"]["other-shop"]}),
        lambda content: content["tenants"]["demo"]["kek"].update({"2": content["tenants"]["demo"]["kek"]["1"]}),
        lambda content: content.update({"audit": content["checkpoint"]}),
        lambda content: content.update({"audit": "not base64!"}),
        lambda content: content.update({"audit": ""}),
        lambda content: content.update({"format": "larets-keyring/3"}),
        lambda content: content.update({"extra": 1}),
        lambda content: content["kdf"].update({"work_factor": 30}),
        lambda content: content["kdf"].update({"name": "plain"}),
        lambda content: content["tenants"]["demo"].update({"kek": {}}),
        lambda content: content.pop("root"),
        lambda content: content.pop("kdf"),
        lambda content: content.update({"token": {"name": "pkcs11", "key": "root"}}),
        lambda content: content["tenants"]["demo"].update({"minimum": {"other": 1}}),
        lambda content: content.update({"serial": 0}),
    ],
)
async def test_a_changed_file_is_refused_whole(path: Path, damage: Callable[[dict[str, Any]], object]) -> None:
    keyring = LocalKeyring(path, PASSPHRASE)
    await keyring.create_tenant("demo")
    await keyring.create_tenant("other-shop")
    content = json.loads(path.read_text())
    damage(content)
    path.write_text(json.dumps(content))
    with pytest.raises(BrokenKeyring):
        LocalKeyring(path, PASSPHRASE)


def test_what_is_no_keyring_is_refused(path: Path) -> None:
    path.write_text("{")
    with pytest.raises(BrokenKeyring, match="larets-keyring/2"):
        LocalKeyring(path, PASSPHRASE)
    path.unlink()
    with pytest.raises(BrokenKeyring, match="cannot be read"):
        LocalKeyring(path, PASSPHRASE)


async def test_it_is_not_ready_when_its_file_is_gone(path: Path) -> None:
    keyring = LocalKeyring(path, PASSPHRASE)
    await keyring.ready()
    path.unlink()
    with pytest.raises(KeyServiceUnavailable):
        await keyring.ready()


def test_no_keyring_without_a_folder(tmp_path: Path) -> None:
    with pytest.raises(BrokenKeyring, match="can be written"):
        create_local_keyring(tmp_path / "absent" / "keyring.json", PASSPHRASE, work_factor=CHEAP)


async def test_a_rotation_by_another_process_is_used_within_a_second(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = LocalKeyring(path, PASSPHRASE), LocalKeyring(path, PASSPHRASE)
    await mine.create_tenant("demo")
    assert (await other.generate("demo", [b"subject"]))[0][1].kek_version == 1
    await mine.rotate("demo", "kek")
    monkeypatch.setattr(local, "LOOK_SECONDS", 0.0)
    assert (await other.generate("demo", [b"subject"]))[0][1].kek_version == 2


async def test_a_version_destroyed_by_another_process_opens_nothing_here(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = LocalKeyring(path, PASSPHRASE), LocalKeyring(path, PASSPHRASE)
    await mine.create_tenant("demo")
    [(_, old)] = await other.generate("demo", [b"subject"])
    await mine.rotate("demo", "kek")
    await mine.raise_minimum("demo", "kek", 2)
    await mine.trim("demo", "kek")
    monkeypatch.setattr(local, "LOOK_SECONDS", 0.0)
    with pytest.raises(UnknownTenantKey, match="version 1"):
        await other.unwrap("demo", [(b"subject", old)])


async def test_a_trimmed_key_is_in_the_file_no_more(path: Path) -> None:
    keyring = LocalKeyring(path, PASSPHRASE)
    await keyring.create_tenant("demo")
    sealed = json.loads(path.read_text())["tenants"]["demo"]["kek"]["1"]
    await keyring.rotate("demo", "kek")
    await keyring.raise_minimum("demo", "kek", 2)
    assert sealed in path.read_text()
    await keyring.trim("demo", "kek")
    assert sealed not in path.read_text()


async def test_nothing_is_wrapped_while_the_file_is_gone_and_what_is_wrapped_still_opens(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = LocalKeyring(path, PASSPHRASE)
    await keyring.create_tenant("demo")
    [(dek, wrapped)] = await keyring.generate("demo", [b"subject"])
    path.unlink()
    monkeypatch.setattr(local, "LOOK_SECONDS", 0.0)
    with pytest.raises(BrokenKeyring):
        await keyring.generate("demo", [b"subject"])
    assert await keyring.unwrap("demo", [(b"subject", wrapped)]) == [dek]


async def test_each_change_raises_the_serial(path: Path) -> None:
    keyring = LocalKeyring(path, PASSPHRASE)
    assert keyring.serial == 1
    await keyring.create_tenant("demo")
    await keyring.rotate("demo", "kek")
    assert keyring.serial == 3
    assert LocalKeyring(path, PASSPHRASE).serial == 3


async def test_a_file_of_the_first_format_is_read_and_rewritten_by_the_next_change(path: Path) -> None:
    await LocalKeyring(path, PASSPHRASE).create_tenant("demo")
    content = json.loads(path.read_text())
    del content["serial"], content["token"], content["tenants"]["demo"]["minimum"]
    path.write_text(json.dumps({**content, "format": "larets-keyring/1"}))
    keyring = LocalKeyring(path, PASSPHRASE)
    [(_, wrapped)] = await keyring.generate("demo", [b"subject"])
    assert wrapped.kek_version == 1
    await keyring.rotate("demo", "kek")
    assert json.loads(path.read_text())["format"] == "larets-keyring/2"
