import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pii_vault.core.envelope import OVERHEAD_BYTES, value_aad
from pii_vault.keys.tenant_keys import WRAPPED_BYTES
from scripts.bench.bare import made_batches
from scripts.bench.persons import values
from scripts.bench.statements import AAD, HEADER, Plain

new_ids = Plain().new_ids


def test_the_limits_rows_are_as_large_as_the_vaults() -> None:
    drawn = values(10, seed=3)
    (made,) = made_batches(drawn, size=10, tenant_key=1, kek=AESGCM(os.urandom(32)), new_ids=new_ids)
    batch = made.batch
    assert [len(blob) - OVERHEAD_BYTES for blob in batch.ciphertexts] == [len(value.encode()) for value in drawn]
    assert {len(blob) for blob in batch.wrapped} == {WRAPPED_BYTES}
    place = value_aad(tenant_key=1, subject=bytes(16), class_key=1, token=bytes(16))
    assert len(AAD) == len(HEADER) + len(place)


def test_the_limit_writes_keys_and_indexes_too() -> None:
    (made,) = made_batches(values(10, seed=3), size=10, tenant_key=1, kek=AESGCM(os.urandom(32)), new_ids=new_ids)
    batch = made.batch
    assert len(batch.subjects) == len(batch.key_subjects) == 3  # persons of four values, the last one cut off
    assert batch.value_subjects == [batch.subjects[place // 4] for place in range(10)]
    assert sum(digest is not None for digest in batch.digests) == 8  # every fourth is an address
    assert [len(texts) for _, texts in made.plain] == [4, 4, 2]


def test_no_row_comes_twice() -> None:
    kek = AESGCM(os.urandom(32))
    batches = made_batches(values(40, seed=3), size=4, tenant_key=1, kek=kek, new_ids=new_ids)
    tokens = [token for made in batches for token in made.batch.tokens]
    assert len(set(tokens)) == 40
