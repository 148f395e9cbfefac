"""The deep proof: after the trim nothing opens an erased person, with every file and every key there still is.

A cluster of its own, with both contours' databases in it; a backup of its files from before the erasure; a local
keyring. What is looked through: every file of the cluster, its write-ahead log, and the backup.
"""

import base64
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psycopg
import pytest

from app.config import database_address
from app.erasures.service import Erasures
from app.intake.service import Intake
from app.kit.db import Database as AppDatabase
from app.kit.db import make_engine
from pii_vault.assemble import open_vault
from pii_vault.core.blind_index import BlindIndexer
from pii_vault.core.classes import normalise
from pii_vault.core.envelope import open_sealed, value_aad
from pii_vault.core.primitives import AesGcmCipher
from pii_vault.core.tokens import new_token_text
from pii_vault.errors import TamperedCiphertext, UnknownTenantKey, UnwrapFailed
from pii_vault.gateway.connections import connect
from pii_vault.gateway.receive import Receiver
from pii_vault.gateway.registry import CONNECTORS
from pii_vault.keys.local import LocalKeyring, create_local_keyring
from pii_vault.keys.service import WrappedKey
from pii_vault.keys.versions import Kind
from pii_vault.operations import rotate as rotating
from pii_vault.operations.ciphers import key_context
from pii_vault.operations.registry import create_tenant
from pii_vault.operations.reindex import reindex
from pii_vault.operations.reveal import reveal
from pii_vault.operations.rewrap import rewrap
from pii_vault.operations.rotate import rotate, trim
from pii_vault.rights.erase import Eraser
from pii_vault.rights.journal import open_journal
from pii_vault.rights.prove import prove
from pii_vault.vault import Vault
from scripts.local.postgres import Cluster
from tests.conftest import APP, VAULT
from tests.integration.pii_vault.gateway.conftest import ConnectedShop
from tests.support import postgres as support
from tests.support import woocommerce
from tests.support.vault import program, rows, staff

PASSPHRASE = "test-only-passphrase"
PHONE_CLASS, KEY_VERSIONS = "phone", range(1, 4)


@dataclass
class Kept:
    """What an attacker who keeps old backups has of the erased person: sealed values and wrapped keys."""

    subject: bytes
    tenant_key: int
    values: list[tuple[bytes, int, int, bytes]]  # token, class, group, ciphertext
    keys: dict[int, WrappedKey]
    digests: list[bytes]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with support.cluster() as started:
        yield started


@pytest.fixture
def databases(cluster: Cluster) -> Iterator[tuple[support.Database, support.Database]]:
    templates = [support.make_template(cluster, side) for side in (VAULT, APP)]
    with support.clone(cluster, VAULT, templates[0]) as vault, support.clone(cluster, APP, templates[1]) as app:
        yield vault, app


@pytest.fixture
async def keyring(databases: tuple[support.Database, support.Database], tmp_path: Path) -> LocalKeyring:
    path = tmp_path / "keyring.json"
    create_local_keyring(path, PASSPHRASE, work_factor=10)
    keys = LocalKeyring(path, PASSPHRASE)
    await create_tenant(databases[0].owner_url, keys, "demo")
    return keys


@pytest.fixture
async def vault(
    databases: tuple[support.Database, support.Database], keyring: LocalKeyring, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Vault]:
    monkeypatch.setattr(rotating, "SETTLE_SECONDS", 0.0)
    policies = Path(support.__file__).parents[2] / "policies"
    async with open_vault(databases[0].runtime_url, keyring, policies, pool_size=4) as opened:
        yield opened


def kept_of(database: support.Database, subject: bytes) -> Kept:
    values = rows(
        database,
        "SELECT token, class_key, retention, ciphertext, digest, tenant_key FROM pii_value WHERE subject = %s::uuid",
        subject.hex(),
    )
    keys = rows(database, "SELECT retention, kek_version, wrapped FROM dek WHERE subject = %s::uuid", subject.hex())
    return Kept(
        subject,
        int(str(values[0][5])),
        [(t.bytes, c, g, bytes(b)) for t, c, g, b, _, _ in values],  # type: ignore[attr-defined,call-overload,misc]
        {g: WrappedKey(v, bytes(w)) for g, v, w in keys},  # type: ignore[arg-type,call-overload,misc]
        [d.bytes for _, _, _, _, d, _ in values if d is not None],  # type: ignore[attr-defined]
    )


async def opened(keys: LocalKeyring, kept: Kept) -> list[str]:
    """What the keys there are make of what an old backup holds."""
    found = []
    for group, wrapped in kept.keys.items():
        for version in KEY_VERSIONS:  # whatever the row says: the attacker tries them all
            try:
                attempt = (key_context(kept.subject, group), WrappedKey(version, wrapped.blob))
                [dek] = await keys.unwrap("demo", [attempt])
            except (UnwrapFailed, UnknownTenantKey):
                continue
            found += _values(kept, group, AesGcmCipher(dek))
    return found


def _values(kept: Kept, group: int, cipher: AesGcmCipher) -> list[str]:
    found = []
    for token, class_key, of_group, blob in kept.values:
        if of_group != group:
            continue
        aad = value_aad(tenant_key=kept.tenant_key, subject=kept.subject, class_key=class_key, token=token)
        try:
            found.append(open_sealed(cipher, blob, aad=aad).decode())
        except TamperedCiphertext:
            continue
    return found


async def live_keys(keys: LocalKeyring, database: support.Database) -> list[AesGcmCipher]:
    """Every data key that the database still has and the key service still opens."""
    found = []
    for subject, group, version, wrapped in rows(database, "SELECT subject, retention, kek_version, wrapped FROM dek"):
        context = key_context(subject.bytes, group)  # type: ignore[attr-defined,arg-type]
        [dek] = await keys.unwrap("demo", [(context, WrappedKey(version, bytes(wrapped)))])  # type: ignore[arg-type,call-overload]
        found.append(AesGcmCipher(dek))
    return found


async def index_entries(keys: LocalKeyring, vault: Vault, phone: str) -> list[bytes]:
    """The person's phone under every index key there still is."""
    normal = normalise(vault.classes.get(PHONE_CLASS), phone)
    found = []
    for version in KEY_VERSIONS:
        try:
            found.append(BlindIndexer(await keys.index_key("demo", PHONE_CLASS, version)).digest(normal))
        except UnknownTenantKey:
            continue
    return found


def files_with(folder: Path, *needles: bytes) -> list[str]:
    """Files that hold any of these byte strings."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            if any(needle in content for needle in needles):
                found.append(str(path.relative_to(folder)))
    return found


def spellings(*values: str) -> list[bytes]:
    """A value as a file could hold it."""
    forms = [value.encode(coding) for value in values for coding in ("utf-8", "utf-16-le", "cp1251")]
    return forms + [base64.b64encode(value.encode())[:-4] for value in values]


def settle(*databases: support.Database) -> None:
    for database in databases:
        with psycopg.connect(database.superuser_url, autocommit=True) as connection:
            connection.execute("VACUUM")
            connection.execute("CHECKPOINT")
            connection.execute("SELECT pg_switch_wal()")


async def give_up_old_keys(vault: Vault) -> None:
    """As the operator does within thirty days: rotate, re-wrap, re-index, trim."""
    kinds: tuple[Kind, Kind] = ("kek", "index")
    for kind in kinds:
        await rotate(vault, "demo", kind)
    assert (await rewrap(vault, "demo", load=1)).damaged == 0
    assert (await reindex(vault, "demo", load=1, settle=0)).damaged == 0
    for kind in kinds:
        await trim(vault, "demo", kind)


async def test_after_the_trim_no_file_and_no_key_yields_the_erased_person(
    databases: tuple[support.Database, support.Database],
    cluster: Cluster,
    keyring: LocalKeyring,
    vault: Vault,
    tmp_path: Path,
) -> None:
    private, public = databases
    buyer, survivor = woocommerce.buyer(71), woocommerce.buyer(72)
    canaries = (buyer.phone, buyer.email, "Звоните Шнырхотову")
    shop = ConnectedShop(
        Receiver(vault, CONNECTORS),
        await connect(private.owner_url, keyring, CONNECTORS["woocommerce"], tenant="demo"),
    )
    await shop.send("order.created", woocommerce.order(101, buyer=buyer, note=canaries[2]))
    await shop.send("order.created", woocommerce.order(102, buyer=survivor))
    app = AppDatabase(make_engine(database_address(public.runtime_url), pool_size=2))
    for (body,) in rows(private, "DELETE FROM gateway_outbox RETURNING body"):
        await Intake(app).take(bytes(body))  # type: ignore[call-overload]

    # An older backup, and what it holds of the person.
    settle(*databases)
    backup = tmp_path / "backup"
    shutil.copytree(cluster.data, backup, ignore=shutil.ignore_patterns("postmaster.*", "*.sock*"))
    [(subject,)] = rows(private, "SELECT contact FROM gateway_object WHERE external_id = '101'")
    kept = kept_of(private, subject.bytes)  # type: ignore[attr-defined]
    assert files_with(backup, kept.keys[0].blob)
    assert files_with(backup, *kept.digests)
    before = await opened(keyring, kept)
    assert {canaries[0], canaries[1], canaries[2]} <= set(before)  # so far the backup and the keys do give them
    assert set(await index_entries(keyring, vault, buyer.phone)) & set(kept.digests)

    # Erase, and let the public contour drop its tokens.
    eraser = Eraser(vault, await open_journal(tmp_path / "erasures.journal", keyring))
    erasure = await eraser.advance(
        await eraser.request(staff("officer"), kept.subject, reason="subject_request", request_id="r")
    )
    for (body,) in rows(private, "DELETE FROM gateway_outbox RETURNING body"):
        order = bytes(body)  # type: ignore[call-overload]
        assert (await Erasures(app).take(order)).places > 0
        tokens = msgspec.json.decode(order)["data"]["tokens"]
    await app.close()
    assert (await eraser.advance(erasure)).step == "public"
    assert await opened(keyring, kept) == before  # not yet: this is what the second date is for

    await give_up_old_keys(vault)
    done = await eraser.advance(erasure)
    assert done.step == "final"
    settle(*databases)

    # Every key there still is, against everything the backup holds.
    assert await opened(keyring, kept) == []
    yielded = [
        value
        for cipher in await live_keys(keyring, private)
        for group in (0, 1)
        for value in _values(kept, group, cipher)
    ]
    assert yielded  # the requisites that the law makes the shop keep, blocked
    assert not set(yielded) & set(canaries)
    entries = await index_entries(keyring, vault, buyer.phone)
    assert entries
    assert files_with(cluster.data, *entries) == []
    assert files_with(backup, *entries) == []

    # Every file, for the values themselves, and the public half for the tokens.
    assert files_with(cluster.data, *spellings(*canaries)) == []
    assert files_with(backup, *spellings(*canaries)) == []
    assert files_with(tmp_path, *spellings(*canaries)) == []
    with psycopg.connect(public.superuser_url) as connection:
        for table in ("contact_token", "order_token", "orders", "timeline_event", "idempotency_key"):
            dump = connection.execute(f"SELECT array_agg(t::text) FROM {table} t").fetchone()  # noqa: S608
            assert not any(token in str(dump) for token in tokens)

    # Who was not erased is as before.
    vault.deks.clear()
    [(phone,)] = rows(
        private,
        "SELECT token FROM pii_value v JOIN gateway_object o ON o.contact = v.subject "
        "WHERE o.external_id = '102' AND v.class_key = 2",
    )
    text = new_token_text("phone", tenant="demo", bits=phone.bytes)  # type: ignore[attr-defined]
    [answer] = await reveal(vault, program(), purpose="order_processing", tokens=[text], request_id="r")
    assert answer.value == survivor.phone
    assert (await prove(vault, await open_journal(tmp_path / "erasures.journal", keyring), "demo", kept.subject)).holds


def test_the_search_through_files_would_find_a_value(tmp_path: Path) -> None:
    (tmp_path / "page").write_bytes(b"\0" * 999 + "Шнырхотов".encode("cp1251") + b"\0")
    assert files_with(tmp_path, *spellings("Шнырхотов")) == ["page"]
