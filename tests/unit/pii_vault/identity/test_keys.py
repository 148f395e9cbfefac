"""The issuer's own key: what it seals stays in its place, what it hashes cannot be told apart without it."""

import pytest

from pii_vault.core.primitives import new_key
from pii_vault.errors import TamperedCiphertext
from pii_vault.identity.keys import IdentityKeys, address_block, new_secret, secret_digest

KEYS = IdentityKeys(new_key())


def test_sealed_text_opens_in_its_place_alone() -> None:
    blob = KEYS.seal("JBSWY3DPEHPK3PXP", context="staff/stf_1/totp")
    assert KEYS.open(blob, context="staff/stf_1/totp") == "JBSWY3DPEHPK3PXP"
    for context in ("staff/stf_2/totp", "staff/stf_1/login", ""):
        with pytest.raises(TamperedCiphertext):
            KEYS.open(blob, context=context)
    with pytest.raises(TamperedCiphertext):
        IdentityKeys(new_key()).open(blob, context="staff/stf_1/totp")


def test_one_login_in_several_spellings_is_one() -> None:
    spellings = ("Anna@Shop.example.ru", " anna@shop.example.ru ", "ANNA@SHOP.EXAMPLE.RU", "ａnna@shop.example.ru")
    assert len({KEYS.login_digest(spelling) for spelling in spellings}) == 1
    assert KEYS.login_digest("anna@shop.example.ru") != KEYS.login_digest("anna@shop.example.com")


def test_digests_of_another_issuer_differ() -> None:
    other = IdentityKeys(new_key())
    assert KEYS.login_digest("anna") != other.login_digest("anna")
    assert KEYS.throttle_digest("address", "a") != KEYS.throttle_digest("login", "a")
    assert KEYS.form_token("cookie") != other.form_token("cookie")


@pytest.mark.parametrize(
    ("address", "block"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("203.0.113.1", "203.0.113.0/24"),
        ("2001:db8:1:2ff:aaaa::1", "2001:db8:1:200::/56"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        (None, "unknown"),
        ("testclient", "unknown"),
    ],
)
def test_addresses_are_counted_by_block(address: str | None, block: str) -> None:
    assert address_block(address) == block


def test_secrets_have_256_bits_and_are_stored_hashed() -> None:
    secret = new_secret()
    assert len(secret) == 43
    assert secret.encode() not in secret_digest(secret)
    assert len(secret_digest(secret)) == 32
