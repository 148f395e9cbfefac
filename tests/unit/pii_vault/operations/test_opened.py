"""Rows of a reveal: the short way of the common row and the long way of any other answer the same."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import pii_vault
from pii_vault.core.classes import load_classes
from pii_vault.core.envelope import seal, value_aad
from pii_vault.core.primitives import new_key
from pii_vault.keys.cache import DekCache
from pii_vault.operations.ciphers import ACTIVE, ERASED, UNCONSENTED
from pii_vault.operations.items import RevealResult
from pii_vault.operations.opened import Consents, Opened, Way
from pii_vault.packed import GROUP_BYTES, HEAD, PackedRows

PHONE = load_classes(Path(pii_vault.__file__).parents[1] / "policies" / "classes.yaml").get("phone")
TENANT = 7
ANNA, BORIS = b"a" * 16, b"b" * 16
VALUE = "+79990000001"
ERASED_ANSWER, TAMPERED_ANSWER = RevealResult(error="erased"), RevealResult(error="tampered_ciphertext")
NO_CONSENT = RevealResult(error="no_consent")


class Shop:
    """Two persons, whose keys are held."""

    def __init__(self) -> None:
        self.deks = DekCache(10, 60.0)
        self.ciphers = {subject: self.deks.put(subject, 0, new_key()) for subject in (ANNA, BORIS)}
        self.asked: dict[bytes, str] = {}

    def sealed(self, subject: bytes, token: bytes, value: bytes = VALUE.encode()) -> bytes:
        place = value_aad(tenant_key=TENANT, subject=subject, class_key=PHONE.key, token=token)
        return seal(self.ciphers[subject], value, aad=place)

    def row(self, change: Callable[[bytes], bytes] = bytes, *, subject: bytes = ANNA, asked: str = "phone") -> bytes:
        token = os.urandom(16)
        self.asked[token] = asked
        blob = change(self.sealed(subject, token))
        return HEAD.pack((0).to_bytes(GROUP_BYTES, "big") + subject, PHONE.key, token, len(blob)) + blob

    def open(
        self, data: bytes, *, states: dict[bytes, bytes] | None = None, consents: Consents | None = None
    ) -> tuple[Opened, list[RevealResult | None]]:
        """What became of the tokens, in the order in which `row` made them."""
        persons = {
            subject: state + (subject == ANNA).to_bytes(8, "big")
            for subject, state in (states or {ANNA: ACTIVE, BORIS: ACTIVE}).items()
        }
        ways = {(PHONE.key, ACTIVE): Way("phone", PHONE, "allow")}
        ways[PHONE.key, UNCONSENTED] = Way("phone", PHONE, "deny", NO_CONSENT)
        ways[PHONE.key, ERASED] = Way("phone", PHONE, "deny", ERASED_ANSWER)
        opened = Opened(self.asked, ways, TENANT, consents)
        assert opened.add(PackedRows(data, persons), self.deks) == []
        return opened, [opened.results.get(token) for token in self.asked]


@pytest.fixture
def shop() -> Shop:
    return Shop()


def _flipped(at: int) -> Callable[[bytes], bytes]:
    return lambda blob: (
        blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :] if at >= 0 else _flipped(len(blob) + at)(blob)
    )


FAULTS = {
    "a byte of the text": _flipped(20),
    "a byte of the nonce": _flipped(5),
    "a byte of the tag": _flipped(-1),
    "another suite": lambda blob: b"\2" + blob[1:],
    "another format": lambda blob: blob[:1] + b"\2" + blob[2:],
    "cut to a nonce": lambda blob: blob[:14],
    "cut to a byte": lambda blob: blob[:1],
    "cut by one": lambda blob: blob[:-1],
    "longer by one": lambda blob: blob + b"\0",
}


@pytest.mark.parametrize("before", [0, 1], ids=["the long way", "the short way"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_row_with_a_fault_is_told_and_its_neighbours_open(shop: Shop, fault: str, before: int) -> None:
    rows = [shop.row() for _ in range(before)] + [shop.row(FAULTS[fault]), shop.row()]
    opened, results = shop.open(b"".join(rows))
    assert results == [*[RevealResult(VALUE)] * before, TAMPERED_ANSWER, RevealResult(VALUE)]
    assert opened.counts(malformed=0) == {"value": {"phone": before + 1}, "tampered_ciphertext": {"phone": 1}}


@pytest.mark.parametrize("before", [0, 1], ids=["the long way", "the short way"])
def test_an_erased_row_ends_the_batch(shop: Shop, before: int) -> None:
    rows = [shop.row() for _ in range(before)] + [shop.row(lambda _: b"")]
    _, results = shop.open(b"".join(rows))
    assert results == [*[RevealResult(VALUE)] * before, ERASED_ANSWER]


@pytest.mark.parametrize("before", [0, 1], ids=["the long way", "the short way"])
def test_bytes_that_are_no_text(shop: Shop, before: int) -> None:
    rows = [shop.row() for _ in range(before)]
    token = os.urandom(16)
    shop.asked[token] = "phone"
    blob = shop.sealed(ANNA, token, b"\xff\xfe")
    rows.append(HEAD.pack(bytes(GROUP_BYTES) + ANNA, PHONE.key, token, len(blob)) + blob)
    _, results = shop.open(b"".join(rows))
    assert results[-1] == TAMPERED_ANSWER


@pytest.mark.parametrize("part", [slice(GROUP_BYTES, 18), slice(20, 36)], ids=["person", "token"])
def test_a_value_moved_to_another_place_does_not_open(shop: Shop, part: slice) -> None:
    row, moved = shop.row(), bytearray(shop.row())
    elsewhere = BORIS if part.stop == 18 else os.urandom(16)
    moved[part] = elsewhere
    if part.stop == 36:
        shop.asked.popitem()
        shop.asked[elsewhere] = "phone"
    _, results = shop.open(row + bytes(moved))
    assert results == [RevealResult(VALUE), TAMPERED_ANSWER]


def test_a_token_that_names_another_class_is_none(shop: Shop) -> None:
    opened, results = shop.open(shop.row() + shop.row(asked="email"))
    assert results == [RevealResult(VALUE), None]
    assert opened.counts(malformed=0)["unknown_token"] == {"unknown": 1}


def test_one_erased_person_among_others(shop: Shop) -> None:
    data = shop.row() + shop.row(subject=BORIS) + shop.row()
    opened, results = shop.open(data, states={ANNA: ACTIVE, BORIS: ERASED})
    assert results == [RevealResult(VALUE), ERASED_ANSWER, RevealResult(VALUE)]
    assert opened.exposed == {ANNA}
    assert opened.subjects == {ANNA, BORIS}


def test_the_short_way_does_not_pass_by_consent(shop: Shop) -> None:
    data = shop.row() + shop.row(subject=BORIS) + shop.row()
    _, results = shop.open(data, consents=Consents({PHONE.key: 1}, 0))
    assert results == [RevealResult(VALUE), NO_CONSENT, RevealResult(VALUE)]
    _, results = shop.open(data, consents=Consents({}, 2))
    assert results == [NO_CONSENT] * 3
