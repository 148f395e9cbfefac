"""The envelope: frozen vectors by failure class, and what sealing promises."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pii_vault import errors
from pii_vault.core import envelope
from pii_vault.core.primitives import AesGcmCipher, new_key

VECTORS: list[dict[str, Any]] = json.loads(Path("tests/vectors/envelope_v1.json").read_text("utf-8"))
PLACE = envelope.value_aad(tenant_key=1, subject=bytes(16), class_key=2, token=b"t" * 16)


def _place(vector: dict[str, Any]) -> bytes:
    return envelope.value_aad(
        tenant_key=vector["tenant_key"],
        subject=bytes.fromhex(vector["subject"]),
        class_key=vector["class_key"],
        token=bytes.fromhex(vector["token"]),
    )


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["label"])
def test_vectors_hold(vector: dict[str, Any]) -> None:
    cipher = AesGcmCipher(bytes.fromhex(vector["key"]))
    blob = bytes.fromhex(vector["blob"])
    if vector["failure"] is None:
        assert envelope.open_sealed(cipher, blob, aad=_place(vector)) == vector["value"].encode()
    else:
        with pytest.raises(errors.TamperedCiphertext) as caught:
            envelope.open_sealed(cipher, blob, aad=_place(vector))
        assert type(caught.value).__name__ == vector["failure"]


def test_every_failure_class_has_a_vector() -> None:
    labels = " ".join(vector["label"] for vector in VECTORS)
    for failure in ("good", "tampered", "wrong row", "wrong class", "wrong tenant", "wrong key", "truncated", "suite"):
        assert failure in labels


@given(st.binary(max_size=300))
def test_what_is_sealed_opens(value: bytes) -> None:
    cipher = AesGcmCipher(new_key())
    blob = envelope.seal(cipher, value, aad=PLACE)
    assert len(blob) == len(value) + envelope.OVERHEAD_BYTES
    assert envelope.open_sealed(cipher, blob, aad=PLACE) == value


@given(st.integers(0, envelope.OVERHEAD_BYTES + 4), st.integers(0, 7))
def test_no_bit_can_be_changed(at: int, bit: int) -> None:
    cipher = AesGcmCipher(new_key())
    blob = bytearray(envelope.seal(cipher, b"value", aad=PLACE))
    blob[at] ^= 1 << bit
    with pytest.raises(errors.TamperedCiphertext):
        envelope.open_sealed(cipher, bytes(blob), aad=PLACE)


def test_sealing_twice_never_repeats_a_nonce() -> None:
    cipher = AesGcmCipher(new_key())
    items = [(cipher, b"same", PLACE)] * 500
    blobs = envelope.seal_all(items) + [envelope.seal(cipher, b"same", aad=PLACE) for _ in range(500)]
    assert len({blob[2:14] for blob in blobs}) == 1000


def test_a_batch_keeps_its_order() -> None:
    cipher = AesGcmCipher(new_key())
    blobs = envelope.seal_all((cipher, str(number).encode(), PLACE) for number in range(20))
    assert [envelope.open_sealed(cipher, blob, aad=PLACE) for blob in blobs] == [b"%d" % n for n in range(20)]
    assert envelope.seal_all([]) == []


def test_a_place_has_fixed_widths() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        envelope.value_aad(tenant_key=1, subject=b"short", class_key=2, token=bytes(16))
    with pytest.raises(ValueError, match="16 bytes"):
        envelope.value_aad(tenant_key=1, subject=bytes(16), class_key=2, token=b"short")


def test_no_error_and_no_repr_shows_value_or_key() -> None:
    key = b"K" * 32
    cipher = AesGcmCipher(key)
    blob = envelope.seal(cipher, b"canary-value", aad=PLACE)
    with pytest.raises(errors.TamperedCiphertext) as caught:
        envelope.open_sealed(cipher, blob, aad=PLACE[::-1])
    shown = f"{caught.value!r} {caught.value} {cipher!r}"
    assert "canary" not in shown
    assert "KKKK" not in shown


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        AesGcmCipher(b"k" * 16)
