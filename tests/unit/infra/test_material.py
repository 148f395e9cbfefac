"""What is made once: certificates that hold, values that fit who reads them, and nothing made twice."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from app.witness.keys import load_witness_keys
from infra import material, pki
from infra.contract import facts_of
from infra.errors import CertificateExpired, ContractInvalid, MaterialMissing
from infra.link import link_of
from pii_vault.client import parse_vkey
from tests.support.stacks import settings

NOW = datetime.now(UTC)
ELSEWHERE = {"kind": "external", "host": "db.example.ru", "addresses": ["203.0.113.5/32"]}


def test_everything_a_rehearsal_needs_is_made_and_only_once() -> None:
    own = settings("private", stage="rehearsal")
    made = material.make("private", own, {}, now=NOW)
    assert material.missing("private", own, made) == []
    assert material.make("private", own, made, now=NOW) == {}


def test_a_lost_value_alone_is_made_again() -> None:
    own = settings("public", stage="rehearsal")
    made = material.make("public", own, {}, now=NOW)
    left = {name: value for name, value in made.items() if name != "cookie-secret"}
    assert set(material.make("public", own, left, now=NOW)) == {"cookie-secret"}


def trusted(leaf: pki.Pair, authorities: str, folder: Path) -> bool:
    """Would a client that knows these authorities speak to the vault that shows this?"""
    (folder / "both.pem").write_text(leaf.certificate + leaf.key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "both.pem")
    client = ssl.create_default_context(cadata=authorities)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(back, there, server_hostname=settings("private").hosts.service)
    far = server.wrap_bio(there, back, server_side=True)
    for side in (near, far, near):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError:
            return False
    return near.version() is not None


def test_a_successor_signs_and_what_its_forerunner_signed_stays_trusted(tmp_path: Path) -> None:
    own = settings("private", stage="rehearsal")
    have = material.make("private", own, {}, now=NOW)
    both = material.successor(own, have["authority-crt"], now=NOW)
    old = pki.Pair(have["tls-vault-crt"], have["tls-vault-key"])
    new = pki.issue(pki.Pair(both["authority-crt"], both["authority-key"]), "vault", hosts=[own.hosts.service], now=NOW)
    assert [trusted(one, both["authority-crt"], tmp_path) for one in (old, new)] == [True, True]
    # The twin: who knows the old one alone refuses what the new one signed.
    assert [trusted(one, have["authority-crt"], tmp_path) for one in (old, new)] == [True, False]


def test_a_succeeded_authority_goes_with_the_last_that_it_signed() -> None:
    own = settings("private", stage="rehearsal")
    have = material.make("private", own, {}, now=NOW)
    both = material.successor(own, have["authority-crt"], now=NOW)
    newest = both["authority-crt"].removesuffix(have["authority-crt"])
    fresh = pki.issue(pki.Pair(both["authority-crt"], both["authority-key"]), "outbox", now=NOW).certificate
    assert pki.in_use(both["authority-crt"], [fresh, have["tls-vault-crt"]]) == both["authority-crt"]
    assert pki.in_use(both["authority-crt"], [fresh]) == newest


def test_what_only_a_person_can_give_is_asked_for() -> None:
    with pytest.raises(MaterialMissing, match="tls-database-crt"):
        material.make("private", settings("private", database=ELSEWHERE), {}, now=NOW)


@pytest.mark.parametrize("contour", ["private", "public"])
def test_passwords_of_somebody_elses_database_are_given_and_never_made(contour: Literal["private", "public"]) -> None:
    own = settings(contour, database=ELSEWHERE, keys={"state": "empty"})
    with pytest.raises(MaterialMissing, match="database-owner, database-runtime, tls-database-crt"):
        material.make(contour, own, {}, now=NOW)
    given = dict.fromkeys((*material.PASSWORDS, "tls-database-crt"), "given-by-a-person")
    assert not set(material.make(contour, own, given, now=NOW)) & set(given)
    assert set(material.PASSWORDS) <= set(
        material.make(contour, settings(contour, keys={"state": "empty"}), {}, now=NOW)
    )


@pytest.mark.parametrize(
    "value", ["short", "with a space in it", "0123456789/abcdef", "0123456789@abcdef", "a%41234567890123"]
)
def test_a_password_that_would_break_its_address_may_not_be_given(value: str) -> None:
    assert not material.may_be_given("database-runtime", value)
    assert material.may_be_given("database-runtime", "A-password.of_16~")
    assert material.may_be_given("key-service-secret", value)


@pytest.mark.parametrize("contour", ["private", "public"])
def test_the_other_contour_is_told_the_key_that_processes_use(contour: Literal["private", "public"]) -> None:
    own = settings(contour, stage="rehearsal", public_keys={})
    made = material.make(contour, own, {}, now=NOW)
    told = material.public_key(own, made)
    assert parse_vkey(told).name == ("vault.example.ru/audit" if contour == "private" else "crm.example.ru/witness")
    facts = facts_of(own, authority=made["authority-crt"], public_key=told)
    assert list(facts.public_keys.values()) == [told]
    other = material.make(contour, own, {}, now=NOW)
    with pytest.raises(ContractInvalid, match="is not the key"):
        facts_of(
            own.model_copy(update={"public_keys": facts.public_keys}),
            authority=made["authority-crt"],
            public_key=material.public_key(own, other),
        )


def test_a_key_that_the_key_service_makes_is_asked_for() -> None:
    own = settings("private", public_keys={}, keys={"state": "empty"})
    assert material.public_key(own, material.make("private", own, {}, now=NOW)) == ""
    with pytest.raises(ContractInvalid, match=r"public_keys\.audit") as caught:
        facts_of(own, authority="x")
    assert "audit key" in caught.value.hint


def test_a_new_key_services_secret_is_waited_for_and_then_asked_for() -> None:
    empty = settings("private", keys={"state": "empty", "operator_role": "larets-operator"})
    made = material.make("private", empty, {}, now=NOW)
    assert {one.name for one in material.missing("private", empty, made)} == material.LATER
    ready = settings("private", keys={"operator_role": "larets-operator"})
    with pytest.raises(MaterialMissing, match="key-service-secret, key-service-operator-secret") as caught:
        material.make("private", ready, made, now=NOW)
    assert "keys.state: empty" in caught.value.hint


def test_a_platform_holds_no_secret() -> None:
    assert material.needed("platform", settings("private")) == []


def test_certificates_are_signed_by_the_contours_own_authority() -> None:
    made = material.make("private", settings("private", stage="rehearsal"), {}, now=NOW)
    authority = x509.load_pem_x509_certificate(made["authority-crt"].encode())
    for name in ("tls-vault", "tls-outbox", "tls-edge", "tls-database"):
        leaf = x509.load_pem_x509_certificate(made[f"{name}-crt"].encode())
        leaf.verify_directly_issued_by(authority)
    hosts = x509.load_pem_x509_certificate(made["tls-edge-crt"].encode()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert hosts.value.get_values_for_type(x509.DNSName) == [
        "vault.example.ru",
        "console.example.ru",
        "hooks.example.ru",
    ]


def test_the_witness_reads_the_key_that_is_made_for_it(tmp_path: Path) -> None:
    made = material.make("public", settings("public", stage="rehearsal"), {}, now=NOW)
    (tmp_path / "witness").write_text(made["witness-key"])
    log = link_of("public", None).public_key  # of nobody: the link is closed
    keys = load_witness_keys(tmp_path / "witness", log)
    assert keys.name == "crm.example.ru/witness"


def test_certificates_near_their_end_are_named() -> None:
    own = settings("public", stage="rehearsal")
    made = material.make("public", own, {}, now=NOW)
    assert material.renewable(own, made, now=NOW) == []
    assert "tls-intake" in material.renewable(own, made, now=NOW + pki.LEAF_LIFE - timedelta(days=20))


def test_a_certificate_is_checked_both_ways() -> None:
    pair = pki.make_authority("a", now=NOW)
    pki.check(pair.certificate, "a", now=NOW)
    for when, told in ((NOW - timedelta(days=1), "is valid from"), (NOW + timedelta(days=4000), "ends on")):
        with pytest.raises(CertificateExpired, match=told):
            pki.check(pair.certificate, "a", now=when)
    with pytest.raises(CertificateExpired, match="not a certificate"):
        pki.check("nonsense", "a", now=NOW)


def test_the_closed_link_trusts_one_certificate_that_is_always_the_same(tmp_path: Path) -> None:
    assert pki.closed_authority() == pki.closed_authority()
    (tmp_path / "ca.pem").write_text(pki.closed_authority())
    ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))


def test_nobody_signs_for_the_closed_link() -> None:
    closed = x509.load_pem_x509_certificate(pki.closed_authority().encode())
    forged = pki.issue(pki.make_authority("Larets link closed", now=NOW), "outbox", now=NOW)
    with pytest.raises((InvalidSignature, ValueError, TypeError)):
        x509.load_pem_x509_certificate(forged.certificate.encode()).verify_directly_issued_by(closed)
