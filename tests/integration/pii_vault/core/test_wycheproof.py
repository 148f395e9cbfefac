"""Project Wycheproof's vectors through the functions the vault itself calls (pii_vault/core/primitives.py).

AES-WRAP is not among them: the vault wraps keys by AES-256-GCM (keys/keyring_file.py), and the last test here fails
on the day that somebody begins to use it. HKDF is run as the vault does, Expand on a uniform key; the Extract step
that the vectors add is the vault's own HMAC.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pii_vault.core.primitives import (
    KEY_BYTES,
    NONCE_BYTES,
    TAG_BYTES,
    AesGcmCipher,
    AuthenticationFailed,
    derive_key,
    keyed_hash,
    keyed_hash_state,
    signature_holds,
)
from scripts.tools.build import make
from scripts.tools.tool import PLACE, ToolProblem


@cache
def _fetched() -> str:
    try:
        make(["wycheproof"])
    except ToolProblem as problem:
        return str(problem)
    return ""


@pytest.fixture(autouse=True)
def _vectors() -> None:
    if problem := _fetched():
        pytest.skip(f"{problem}; the vectors of the RFCs run all the same (tests/unit/pii_vault/core)")


def cases(name: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    content = json.loads((PLACE / "wycheproof" / f"{name}_test.json").read_text("utf-8"))
    for group in content["testGroups"]:
        for case in group["tests"]:
            yield group, case


def raw(case: dict[str, Any], field: str) -> bytes:
    return bytes.fromhex(case[field])


def test_aes_gcm_opens_what_is_valid_and_nothing_else() -> None:
    run = refused = 0
    for group, case in cases("aes_gcm"):
        if group["keySize"] != 8 * KEY_BYTES:
            with pytest.raises(ValueError, match="32 bytes"):
                AesGcmCipher(raw(case, "key"))
            continue
        if group["ivSize"] != 8 * NONCE_BYTES or group["tagSize"] != 8 * TAG_BYTES:
            continue  # the envelope has no room for another size
        run += 1
        cipher = AesGcmCipher(raw(case, "key"))
        sealed = raw(case, "ct") + raw(case, "tag")
        if case["result"] == "valid":
            assert cipher.decrypt(raw(case, "iv"), sealed, raw(case, "aad")) == raw(case, "msg"), case["tcId"]
            assert cipher.encrypt(raw(case, "iv"), raw(case, "msg"), raw(case, "aad")) == sealed, case["tcId"]
        else:
            refused += 1
            with pytest.raises(AuthenticationFailed):
                cipher.decrypt(raw(case, "iv"), sealed, raw(case, "aad"))
    assert run >= 60
    assert refused >= 20


def test_hmac_sha256_agrees() -> None:
    run = 0
    for group, case in cases("hmac_sha256"):
        tag = keyed_hash(raw(case, "key"), raw(case, "msg"))[: group["tagSize"] // 8]
        assert (tag == raw(case, "tag")) == (case["result"] == "valid"), case["tcId"]
        state = keyed_hash_state(raw(case, "key")).copy()  # as the blind index does
        state.update(raw(case, "msg"))
        assert state.finalize()[: group["tagSize"] // 8] == tag
        run += 1
    assert run >= 170


def test_hkdf_sha256_agrees() -> None:
    run = 0
    for _, case in cases("hkdf_sha256"):
        if case["result"] != "valid":
            continue  # asks for more bytes than HKDF has; the vault always takes 32
        uniform = keyed_hash(raw(case, "salt") or bytes(32), raw(case, "ikm"))
        size = min(KEY_BYTES, case["size"])
        assert derive_key(uniform, raw(case, "info"))[:size] == raw(case, "okm")[:size], case["tcId"]
        run += 1
    assert run >= 80


def test_ed25519_holds_where_it_should_and_nowhere_else() -> None:
    verdicts: list[bool] = []
    for group, case in cases("ed25519"):
        public = bytes.fromhex(group["publicKey"]["pk"])
        holds = signature_holds(public, raw(case, "msg"), raw(case, "sig"))
        assert holds == (case["result"] == "valid"), case["tcId"]
        verdicts.append(holds)
    assert len(verdicts) >= 150
    assert verdicts.count(False) >= 50


def test_the_vault_wraps_no_key_by_another_way_than_gcm() -> None:
    for path in Path("pii_vault").rglob("*.py"):
        source = path.read_text("utf-8")
        assert "keywrap" not in source, path
        assert "aes_key_wrap" not in source, path
        assert "AES_KEY_WRAP" not in source, path
