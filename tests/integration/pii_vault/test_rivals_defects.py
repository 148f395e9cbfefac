"""Defects found in another vault's open code, each as a negative test of this one. The name of a test says the defect.

Where a defect has a deeper test elsewhere, its docstring names it; here each is shown once, in one place, on the real
database.
"""

import asyncio
import hashlib
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from pii_vault.assemble import open_vault
from pii_vault.audit.subject import looks_at
from pii_vault.core import envelope
from pii_vault.core.classes import normalise
from pii_vault.core.primitives import NONCE_BYTES, AesGcmCipher
from pii_vault.core.tokens import parse_subject
from pii_vault.errors import AuditUnavailable, KeyServiceError, TamperedCiphertext, UnknownTenantKey
from pii_vault.keys.memory import MemoryKeyService
from pii_vault.keys.service import WrappedKey
from pii_vault.operations.ciphers import key_context
from pii_vault.operations.items import TokeniseItem
from pii_vault.operations.reveal import reveal
from pii_vault.operations.search import search
from pii_vault.operations.tokenise import tokenise
from pii_vault.rights.erase import Eraser
from pii_vault.rights.journal import open_journal
from pii_vault.vault import Vault
from tests.support.postgres import Database
from tests.support.vault import POLICIES, program, rows, staff, unwritable_log

PHONE, NAME = "+79001234567", "Анна Соколова"
HEAD = 2  # bytes of an envelope before its nonce: suite and version


async def take(vault: Vault, *, tenant: str = "demo", **values: str) -> dict[str, str]:
    """One person; tokens by class, and `subject`."""
    items = [TokeniseItem(class_id=name, value=value, subject="@1") for name, value in values.items()]
    results = await tokenise(vault, program(tenant=tenant), items, request_id="r")
    return {name: each.token or "" for name, each in zip(values, results, strict=True)} | {
        "subject": results[0].subject or ""
    }


async def shown(vault: Vault, *tokens: str, tenant: str = "demo") -> list[str | None]:
    answers = await reveal(vault, program(tenant=tenant), purpose="order_processing", tokens=tokens, request_id="r")
    return [answer.value or answer.error for answer in answers]


# --- the record -----------------------------------------------------------------------------------------


async def test_the_answer_leaves_before_its_audit_record_and_a_lost_record_is_ignored(
    vault: Vault, vault_database: Database
) -> None:
    """Here the record commits first, and what cannot be recorded is not released: tests/integration/pii_vault/audit."""
    person = await take(vault, phone=PHONE)
    before = rows(vault_database, "SELECT count(*) FROM audit_log")
    with unwritable_log(vault_database):
        for act in (
            shown(vault, person["phone"]),
            take(vault, phone="+79007654321"),
            search(vault, program(), purpose="support", class_id="phone", value=PHONE, request_id="r"),
        ):
            with pytest.raises(AuditUnavailable):
                await act
    assert rows(vault_database, "SELECT count(*) FROM audit_log") == before
    assert rows(vault_database, "SELECT count(*) FROM pii_value") == [(1,)]  # nothing was stored unrecorded either
    assert await shown(vault, person["phone"]) == [PHONE]
    [(last,)] = rows(vault_database, "SELECT counts->'value'->>'phone' FROM audit_detail ORDER BY idx DESC LIMIT 1")
    assert last == "1"


async def test_bulk_reading_leaves_no_record(vault: Vault, vault_database: Database) -> None:
    people = [await take(vault, phone=f"+7900{seed:07d}") for seed in range(30)]
    assert None not in await shown(vault, *(each["phone"] for each in people))
    [(verb, counts, subjects)] = rows(
        vault_database,
        "SELECT verb, counts->'value'->>'phone', cardinality(subjects) FROM audit_detail ORDER BY idx DESC LIMIT 1",
    )
    assert (verb, counts, subjects) == ("reveal", "30", 30)  # how many, and of whom each
    for each in people[:3]:
        looks = await looks_at(vault, each["subject"])
        assert any(look.verb == "reveal" for look in looks)


async def test_erasing_a_person_takes_the_records_about_the_person_along_or_leaves_none_that_can_be_found(
    vault: Vault, vault_database: Database, keys: MemoryKeyService, tmp_path: Path
) -> None:
    person = await take(vault, phone=PHONE)
    await shown(vault, person["phone"])
    before = rows(vault_database, "SELECT idx, record, leaf FROM audit_log ORDER BY idx")
    await _erase(vault, keys, tmp_path, person["subject"])
    after = rows(vault_database, "SELECT idx, record, leaf FROM audit_log ORDER BY idx")
    assert after[: len(before)] == before
    verbs = [look.verb for look in await looks_at(vault, person["subject"])]
    assert {"reveal", "erase"} <= set(verbs)


# --- ciphertexts and keys -------------------------------------------------------------------------------


async def test_one_nonce_for_everything(vault: Vault, vault_database: Database) -> None:
    same = [await take(vault, text="одно и то же") for _ in range(20)]
    more = await take(vault, phone=PHONE, name=NAME)
    sealed = [bytes(row[0]) for row in rows(vault_database, "SELECT ciphertext FROM pii_value")]  # type: ignore[call-overload]
    sealed += [bytes(row[0]) for row in rows(vault_database, "SELECT wrapped FROM dek")]  # type: ignore[call-overload]
    assert len(sealed) == len(set(sealed)) == len(same) * 2 + 3
    assert set(more) == {"phone", "name", "subject"}
    assert not _repeated_nonces(sealed)


async def test_the_key_of_a_record_stands_in_its_own_row_or_follows_from_it(
    vault: Vault, vault_database: Database
) -> None:
    """So destroying a row would destroy nothing that a backup has. The deep proof: rights/test_deep_proof.py."""
    person = await take(vault, phone=PHONE)
    columns = {
        str(name)
        for (name,) in rows(
            vault_database, "SELECT column_name FROM information_schema.columns WHERE table_name = 'pii_value'"
        )
    }
    assert not {name for name in columns if "key" in name or "dek" in name or "wrap" in name} - {
        "tenant_key",
        "class_key",
    }
    subject = parse_subject(person["subject"], tenant="demo")
    wrapped = await _wrapped_key(vault_database, subject)
    [dek] = await vault.keys.unwrap("demo", [(key_context(subject, 0), wrapped)])
    dump = str(
        rows(
            vault_database,
            "SELECT t::text FROM pii_value t UNION ALL SELECT t::text FROM subject t"
            " UNION ALL SELECT t::text FROM dek t",
        )
    )
    assert dek.hex() not in dump
    assert all(dek[at : at + 8].hex() not in dump for at in range(0, 32, 8))  # no part of it either


async def test_an_erased_persons_old_rows_open_again_when_a_backup_brings_them_back(
    vault: Vault, vault_database: Database, keys: MemoryKeyService, tmp_path: Path
) -> None:
    person = await take(vault, phone=PHONE)
    subject = parse_subject(person["subject"], tenant="demo")
    wrapped = await _wrapped_key(vault_database, subject)
    rows(vault_database, "CREATE TABLE backup AS SELECT * FROM pii_value")
    await _erase(vault, keys, tmp_path, person["subject"])
    rows(vault_database, "UPDATE pii_value v SET ciphertext = b.ciphertext FROM backup b WHERE b.token = v.token")
    async with open_vault(vault_database.runtime_url, keys, POLICIES, pool_size=2) as restarted:  # no key is cached
        assert await shown(restarted, person["phone"]) != [PHONE]
    # Its wrapped key out of the same backup opens until the version it is under is given up, and not after.
    assert await keys.unwrap("demo", [(key_context(subject, 0), wrapped)])
    await keys.rotate("demo", "kek")
    await keys.raise_minimum("demo", "kek", 2)
    await keys.trim("demo", "kek")
    with pytest.raises((KeyServiceError, UnknownTenantKey)):
        await keys.unwrap("demo", [(key_context(subject, 0), wrapped)])


@pytest.mark.parametrize("to", ["another value", "another class", "another person", "another shop"])
async def test_ciphertexts_open_in_any_row_they_are_moved_to(vault: Vault, vault_database: Database, to: str) -> None:
    mine = await take(vault, phone=PHONE, text="мой текст")
    other = await take(vault, phone="+79007654321")
    foreign = await take(vault, tenant="other", phone="+79005550000")
    moves = {
        "another value": "v.subject = w.subject AND v.class_key = 2 AND w.class_key = 10",
        "another class": "v.subject = w.subject AND v.class_key = 10 AND w.class_key = 2",
        "another person": "v.subject <> w.subject AND v.tenant_key = w.tenant_key"
        " AND v.class_key = 2 AND w.class_key = 2",
        "another shop": "v.tenant_key <> w.tenant_key AND v.class_key = 2 AND w.class_key = 2",
    }
    rows(vault_database, "CREATE TABLE was AS SELECT * FROM pii_value")
    moved = rows(
        vault_database,
        f"UPDATE pii_value v SET ciphertext = w.ciphertext FROM was w WHERE {moves[to]} RETURNING v.token",  # noqa: S608
    )
    assert moved
    tokens = (mine["phone"], mine["text"], other["phone"])
    values = [*await shown(vault, *tokens), *await shown(vault, foreign["phone"], tenant="other")]
    assert values.count("tampered_ciphertext") == len(moved)
    whole = {PHONE, "мой текст", "+79007654321", "+79005550000", "tampered_ciphertext"}
    assert set(values) <= whole
    assert all(
        value in ("tampered_ciphertext", right)
        for value, right in zip(values, (PHONE, "мой текст", "+79007654321", "+79005550000"), strict=True)
    )


# --- indexes --------------------------------------------------------------------------------------------


async def test_equal_values_have_one_index_hash_in_every_shop_and_class(vault: Vault, vault_database: Database) -> None:
    await take(vault, phone=PHONE, handle="79001234567")
    await take(vault, tenant="other", phone=PHONE)
    digests = rows(vault_database, "SELECT digest FROM pii_value WHERE digest IS NOT NULL")
    assert len(digests) == len(set(digests)) == 3


async def test_who_has_the_database_computes_the_index_hash_of_a_guessed_value(
    vault: Vault, vault_database: Database, keys: MemoryKeyService
) -> None:
    """Ten thousand million phones are guessed in minutes: only a secret key stands against that."""
    await take(vault, phone=PHONE)
    [(stored,)] = rows(vault_database, "SELECT digest FROM pii_value")
    normal = normalise(vault.classes.get("phone"), PHONE)
    assert not _guessable(vault_database, normal, stored.bytes)  # type: ignore[attr-defined]
    indexer = await vault.index_keys.get("demo", "phone")
    assert indexer.digest(normal) == stored.bytes  # type: ignore[attr-defined]
    await keys.create_tenant("third")
    assert await keys.index_key("third", "phone", 1) != await keys.index_key("demo", "phone", 1)
    assert await keys.index_key("demo", "phone", 1) != await keys.index_key("demo", "email", 1)


async def test_two_at_once_store_one_value_twice_because_nothing_is_unique(
    vault: Vault, vault_database: Database
) -> None:
    item = TokeniseItem(class_id="phone", value=PHONE, kind="deterministic")
    answers = await asyncio.gather(*(tokenise(vault, program(), [item], request_id=f"r{n}") for n in range(8)))
    assert len({answer[0].token for answer in answers}) == 1
    assert rows(vault_database, "SELECT count(*) FROM pii_value") == [(1,)]
    once = await asyncio.gather(
        *(
            tokenise(vault, program(), [TokeniseItem("name", NAME)], request_id=f"r{n}", idempotency_key="k")
            for n in range(8)
        )
    )
    assert len({answer[0].token for answer in once}) == 1
    assert rows(vault_database, "SELECT count(*) FROM pii_value") == [(2,)]


# --- statements -----------------------------------------------------------------------------------------


async def test_values_are_glued_into_statements(vault: Vault, vault_database: Database) -> None:
    nasty = ["'; DROP TABLE pii_value; --", "$1 || %s {0} %(x)s", "\\'; SELECT pg_sleep(9)--", 'a"b\\', "E'\\x41'"]
    for text in nasty:
        taken = await take(vault, text=text, name=f"Анна {text}")
        assert await shown(vault, taken["text"], taken["name"]) == [text, f"Анна {text}"]
        assert await search(
            vault, staff("officer"), purpose="subject_request", class_id="name", value=f"Анна {text}", request_id="r"
        )
        again = await tokenise(vault, program(), [TokeniseItem("text", text)], request_id="r", idempotency_key=text)
        assert again[0].token
    assert rows(vault_database, "SELECT count(*) > 0 FROM pii_value") == [(True,)]


async def _wrapped_key(database: Database, subject: bytes) -> WrappedKey:
    [(version, blob)] = rows(database, "SELECT kek_version, wrapped FROM dek WHERE subject = %s::uuid", subject.hex())
    return WrappedKey(int(str(version)), bytes(blob))  # type: ignore[call-overload]


async def _erase(vault: Vault, keys: MemoryKeyService, folder: Path, subject: str) -> None:
    eraser = Eraser(vault, await open_journal(folder / "erasures.journal", keys))
    who = parse_subject(subject, tenant="demo")
    await eraser.advance(await eraser.request(staff("officer"), who, reason="subject_request", request_id="r"))


def _repeated_nonces(sealed: list[bytes]) -> bool:
    """Wherever the nonce begins: whether the same twelve bytes stand there in two envelopes."""
    return any(
        Counter(each[at : at + NONCE_BYTES] for each in sealed).most_common(1)[0][1] > 1 for at in range(HEAD + 1)
    )


def _guessable(database: Database, normal: str, stored: bytes) -> bool:
    """Whether a plain hash of the value is the stored one, with or without what the database itself holds as salt."""
    known = rows(database, "SELECT subject::text FROM pii_value UNION SELECT id FROM tenant")
    texts = (normal, PHONE, PHONE[1:], f"phone{normal}", f"phone\0{normal}")
    guesses = (
        hashlib.new(name, f"{salt}{text}".encode(), usedforsecurity=False).digest()
        for salt in ("", *(str(row[0]) for row in known))
        for text in texts
        for name in ("md5", "sha1", "sha256", "sha512", "blake2b")
    )
    return any(stored in (guess[:16], guess[-16:]) for guess in guesses)


# --- twins: with the protection taken away, the checks above see the defect -------------------------------


async def test_the_check_sees_a_constant_nonce(
    vault: Vault, vault_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(envelope, "os", SimpleNamespace(urandom=bytes))
    for value in ("одно", "другое"):
        await take(vault, text=value)
    assert _repeated_nonces([bytes(row[0]) for row in rows(vault_database, "SELECT ciphertext FROM pii_value")])  # type: ignore[call-overload]


async def test_the_check_sees_a_log_whose_failures_are_swallowed(
    vault: Vault, vault_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await take(vault, phone=PHONE)
    before = rows(vault_database, "SELECT count(*) FROM audit_log")

    async def lost(_entry: object, **_: object) -> None:
        pass

    monkeypatch.setattr(vault.audit, "commit", lost)
    with unwritable_log(vault_database):
        assert await shown(vault, person["phone"]) == [PHONE]
    assert rows(vault_database, "SELECT count(*) FROM audit_log") == before


async def test_the_check_sees_an_index_hash_without_a_key(
    vault: Vault, vault_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Plain:
        version = 1

        def digest(self, normal: str) -> bytes:
            return hashlib.sha256(normal.encode()).digest()[:16]

    async def plain(*_: object) -> Plain:
        return Plain()

    monkeypatch.setattr(vault.index_keys, "get", plain)
    await take(vault, phone=PHONE)
    [(stored,)] = rows(vault_database, "SELECT digest FROM pii_value")
    assert _guessable(vault_database, normalise(vault.classes.get("phone"), PHONE), stored.bytes)  # type: ignore[attr-defined]


def test_a_cipher_that_binds_no_place_opens_a_moved_ciphertext() -> None:
    class Unbound(AesGcmCipher):
        def __init__(self, key: bytes) -> None:
            super().__init__(key)
            bound_encrypt, bound_decrypt = self.encrypt, self.decrypt
            self.encrypt = lambda nonce, data, _aad: bound_encrypt(nonce, data, b"")
            self.decrypt = lambda nonce, data, _aad: bound_decrypt(nonce, data, b"")

    key, subject = bytes(range(32)), bytes(16)
    here, there = (envelope.value_aad(tenant_key=1, subject=subject, class_key=each, token=subject) for each in (2, 10))
    moved = envelope.seal(Unbound(key), b"value", aad=here)
    assert envelope.open_sealed(Unbound(key), moved, aad=there) == b"value"
    with pytest.raises(TamperedCiphertext):
        envelope.open_sealed(AesGcmCipher(key), envelope.seal(AesGcmCipher(key), b"value", aad=here), aad=there)
