"""The contract between the contours: signed, read by a person, and closed to everything else."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra import contract, pki
from infra.contract import Contract, accepted, facts_of, read, sign
from infra.errors import CertificateExpired, ContractChanged, ContractInvalid
from infra.lib.settings import StackSettings
from pii_vault.access.compile import compile_matrix
from tests.support.stacks import settings

NOW = datetime(2026, 11, 22, tzinfo=UTC)
KEY = Ed25519PrivateKey.generate()
AUTHORITY = pki.make_authority("private", now=NOW)


def made(*, authority: str = AUTHORITY.certificate, contour: str = "private", **changes: Any) -> Contract:
    return sign(facts_of(settings(contour, **changes), authority=authority), KEY)


def public(folder: Path, given: bytes, fingerprint: str) -> StackSettings:
    (folder / "private.json").write_bytes(given)
    own = settings("public", peer={"contract": "private.json", "fingerprint": fingerprint})
    return own.model_copy(update={"folder": folder})


def test_an_accepted_contract_opens_the_link(tmp_path: Path) -> None:
    one = made()
    facts = accepted(public(tmp_path, one.to_bytes(), one.fingerprint), now=NOW)
    assert facts is not None
    assert facts.link_host == "service.example.ru"


def test_the_vaults_contract_names_the_policies_it_enforces() -> None:
    digest = compile_matrix(Path("policies")).version
    facts = facts_of(settings("private"), authority=AUTHORITY.certificate, policy_digest=digest)
    assert read(sign(facts, KEY).to_bytes()).facts.policy_digest == digest
    others = facts.model_copy(update={"policy_digest": "0" * 64})
    assert sign(others, KEY).fingerprint != sign(facts, KEY).fingerprint


def test_a_contract_nobody_accepted_leaves_it_closed(tmp_path: Path) -> None:
    assert accepted(public(tmp_path, made().to_bytes(), ""), now=NOW) is None


def test_a_changed_contract_is_refused_until_accepted(tmp_path: Path) -> None:
    old, new = made(), made(edge__addresses=["203.0.113.11"])
    with pytest.raises(ContractChanged):
        accepted(public(tmp_path, new.to_bytes(), old.fingerprint), now=NOW)


def test_the_same_facts_of_another_signer_are_another_contract() -> None:
    assert sign(made().facts, Ed25519PrivateKey.generate()).fingerprint != made().fingerprint


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b"203.0.113.10", b"203.0.113.66"),
        lambda text: text.replace(b"198.51.100.7/32", b"198.51.0.0/16"),
        lambda text: text.replace(b'"environment": "shop"', b'"environment": "else"'),
        lambda text: text.replace(b'"facts": {', b'"facts": {"password": "x",'),
        lambda text: text.replace(b'{\n  "facts"', b'{\n  "more": 1,\n  "facts"'),
        lambda text: text[:-10],
        lambda _: b"[]",
        lambda _: b"{}",
        lambda _: b"x" * 100_000,
    ],
)
def test_what_was_not_signed_is_refused(change: object) -> None:
    given = change(made().to_bytes())  # type: ignore[operator]
    assert given != made().to_bytes()
    with pytest.raises(ContractInvalid):
        read(given)


def test_a_contract_is_read_as_it_was_written() -> None:
    assert read(made().to_bytes()) == made()


def test_a_contract_holds_no_secret() -> None:
    text = made().to_bytes().decode()
    assert "PRIVATE" not in text
    assert AUTHORITY.key not in text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"contour": "public"}, "itself"),
        ({"environment": "other"}, "another environment"),
        ({"hosts__crm": "shop.example.ru"}, "other hosts"),
    ],
)
def test_a_contract_of_somebody_else_is_refused(changes: dict[str, Any], told: str, tmp_path: Path) -> None:
    one = made(**changes)
    with pytest.raises(ContractInvalid, match=told):
        accepted(public(tmp_path, one.to_bytes(), one.fingerprint), now=NOW)


def test_an_authority_that_is_over_is_refused(tmp_path: Path) -> None:
    one = made()
    own = public(tmp_path, one.to_bytes(), one.fingerprint)
    with pytest.raises(CertificateExpired):
        accepted(own, now=NOW + timedelta(days=4000))


def test_a_contract_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    own = public(tmp_path, b"", made().fingerprint)
    (tmp_path / "private.json").unlink()
    with pytest.raises(ContractInvalid, match=r"private\.json"):
        accepted(own, now=NOW)


def test_what_the_other_side_needs_must_be_known_first() -> None:
    with pytest.raises(ContractInvalid, match=r"edge\.addresses, cluster\.egress_addresses, public_keys\.audit"):
        facts_of(
            settings("private", edge__addresses=[], cluster__egress_addresses=[], public_keys={}),
            authority=AUTHORITY.certificate,
        )


def test_the_module_speaks_of_both_sides() -> None:
    assert contract.facts_of(settings("public"), authority=AUTHORITY.certificate).link_host == "intake.example.ru"
