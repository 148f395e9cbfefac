"""The primitives against the vectors of their norms. Wycheproof's, many more: tests/integration/pii_vault/core."""

import pytest

from pii_vault.core import primitives


def test_aes_256_gcm_test_case_14() -> None:
    """McGrew and Viega, The Galois/Counter Mode of Operation, appendix B."""
    cipher = primitives.AesGcmCipher(bytes(32))
    sealed = bytes.fromhex("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919")
    assert cipher.encrypt(bytes(12), bytes(16), b"") == sealed
    assert cipher.decrypt(bytes(12), sealed, b"") == bytes(16)
    for at in range(len(sealed)):
        with pytest.raises(primitives.AuthenticationFailed):
            cipher.decrypt(bytes(12), sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], b"")


@pytest.mark.parametrize(
    ("key", "message", "tag"),
    [
        (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    ],
)
def test_hmac_sha256_of_rfc_4231(key: bytes, message: bytes, tag: str) -> None:
    assert primitives.keyed_hash(key, message).hex() == tag
    assert primitives.keyed_hash(key + b"1", message).hex() != tag


def test_hkdf_expand_of_rfc_5869_case_1() -> None:
    uniform = bytes.fromhex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5")
    label = bytes.fromhex("f0f1f2f3f4f5f6f7f8f9")
    expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
    assert primitives.derive_key(uniform, label).hex() == expected
    assert primitives.derive_key(uniform, label[:-1]).hex() != expected


def test_ed25519_of_rfc_8032_test_1() -> None:
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = primitives.public_key(seed)
    assert public.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    signature = primitives.sign(seed, b"")
    assert signature.hex() == (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )
    assert primitives.signature_holds(public, b"", signature)
    assert not primitives.signature_holds(public, b"x", signature)
    assert not primitives.signature_holds(public, b"", signature[:-1])
