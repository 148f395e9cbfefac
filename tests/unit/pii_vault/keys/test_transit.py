"""The transit engine: the contract, and what its service and the way to it may do wrong."""

import asyncio
import base64
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from pii_vault.errors import KeyServiceError, KeyServiceUnavailable, TenantKeyExists, UnknownTenantKey, UnwrapFailed
from pii_vault.keys import transit, transit_session
from pii_vault.keys.service import WrappedKey
from pii_vault.keys.transit import TransitKeys, create_transit_keys
from pii_vault.keys.transit_session import TransitOptions
from scripts.local.pki import Authority
from tests.support.fake_transit import ROLE, SECRET, FakeTransit, fake_transit
from tests.unit.pii_vault.keys.contract import KeyServiceContract


@pytest.fixture
def engine() -> Iterator[FakeTransit]:
    with fake_transit() as fake:
        yield fake


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transit_session, "DEADLINE_SECONDS", 0.4)
    monkeypatch.setattr(transit_session, "TIMEOUTS", (0.2, 0.2))
    monkeypatch.setattr(transit_session, "DOWN_SECONDS", 0.0)
    monkeypatch.setattr(transit_session, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(transit, "CALL_SECONDS", 1.0)


@pytest.fixture
def options(engine: FakeTransit, tmp_path: Path) -> TransitOptions:
    secret = tmp_path / "secret-id"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    return TransitOptions(url=engine.url, role=ROLE, secret_file=secret)


@pytest.fixture
def keys(options: TransitOptions) -> TransitKeys:
    create_transit_keys(options)
    return TransitKeys(options)


@pytest.fixture
async def shop(keys: TransitKeys) -> TransitKeys:
    await keys.create_tenant("demo")
    return keys


class TestTransitKeys(KeyServiceContract):
    @pytest.fixture
    async def keys(self, options: TransitOptions) -> TransitKeys:
        create_transit_keys(options)
        return TransitKeys(options)


async def test_a_large_call_travels_in_chunks(shop: TransitKeys, engine: FakeTransit) -> None:
    contexts = [b"%d" % number for number in range(600)]
    made = await shop.generate("demo", contexts)
    assert sorted(engine.batches) == [102, 249, 249]
    wrapped = [(context, key) for context, (_, key) in zip(contexts, made, strict=True)]
    assert await shop.unwrap("demo", wrapped) == [dek for dek, _ in made]


async def test_a_chunk_more_would_be_refused_by_the_engine(shop: TransitKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transit, "CHUNK", 251)
    with pytest.raises(KeyServiceError):
        await shop.generate("demo", [b"%d" % number for number in range(251)])


async def test_another_start_finds_the_same_keys(shop: TransitKeys, options: TransitOptions) -> None:
    [(dek, wrapped)] = await shop.generate("demo", [b"subject"])
    again = TransitKeys(options)
    assert await again.unwrap("demo", [(b"subject", wrapped)]) == [dek]
    assert await again.audit_key() == await shop.audit_key()
    assert again.checkpoint_public_key() == shop.checkpoint_public_key()


async def test_a_tenant_made_by_halves_is_finished(keys: TransitKeys, engine: FakeTransit) -> None:
    await keys.create_tenant("demo")
    del engine.keys["index-demo"]
    await keys.create_tenant("demo")
    assert len(await keys.index_key("demo", "phone", 1)) == 32


def test_an_engine_without_the_logs_keys_is_not_taken_for_ones_own(options: TransitOptions) -> None:
    with pytest.raises(KeyServiceError, match="larets keys init"):
        TransitKeys(options)
    create_transit_keys(options)
    with pytest.raises(TenantKeyExists):
        create_transit_keys(options)


@pytest.mark.parametrize("lost", ["audit", "checkpoint"])
def test_keys_that_were_made_by_half_are_made_whole(options: TransitOptions, engine: FakeTransit, lost: str) -> None:
    create_transit_keys(options)
    kept = {name: key for name, key in engine.keys.items() if name != lost}
    del engine.keys[lost]
    create_transit_keys(options)
    assert {name: engine.keys[name] for name in kept} == kept
    TransitKeys(options)


async def test_an_unknown_tenant_makes_no_key_by_the_way(keys: TransitKeys, engine: FakeTransit) -> None:
    with pytest.raises(UnknownTenantKey):
        await keys.generate("nobody", [b"subject"])
    assert not engine.seen["/v1/larets/encrypt/kek-nobody"]


async def test_the_operators_rotation_of_the_audit_key_changes_nothing(
    keys: TransitKeys, options: TransitOptions, engine: FakeTransit
) -> None:
    for name in ("audit", "checkpoint"):
        engine.keys[name].versions[2] = b"2" * 32
    again = TransitKeys(options)
    assert await again.audit_key() == await keys.audit_key()
    assert again.checkpoint_public_key() == keys.checkpoint_public_key()


# --- signing in --------------------------------------------------------------------------------------


async def test_it_signs_in_once_and_renews_before_the_end(shop: TransitKeys, engine: FakeTransit) -> None:
    engine.restart()
    engine.lease_seconds = 1
    await shop.ready()
    before = engine.seen["/v1/auth/approle/login"]
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        await shop.ready()
        await asyncio.sleep(0.05)
    assert engine.seen["/v1/auth/token/renew-self"] >= 1
    assert engine.seen["/v1/auth/approle/login"] == before


async def test_a_token_that_cannot_be_renewed_is_replaced(shop: TransitKeys, engine: FakeTransit) -> None:
    engine.restart()
    engine.lease_seconds, engine.renewable = 1, False
    await shop.ready()
    before = engine.seen["/v1/auth/approle/login"]
    await asyncio.sleep(0.8)
    await shop.ready()
    assert engine.seen["/v1/auth/approle/login"] == before + 1


async def test_after_a_restart_of_the_service_it_signs_in_again(shop: TransitKeys, engine: FakeTransit) -> None:
    [(dek, wrapped)] = await shop.generate("demo", [b"subject"])
    engine.restart()
    assert await shop.unwrap("demo", [(b"subject", wrapped)]) == [dek]


async def test_a_missing_right_is_no_reason_to_sign_in_again_and_again(
    shop: TransitKeys, engine: FakeTransit, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.support import fake_transit as support  # noqa: PLC0415

    def denied(*_: object) -> dict[str, object]:
        raise support.Refused(403, "permission denied")

    monkeypatch.setattr(engine, "_transit", denied)
    before = engine.seen["/v1/auth/approle/login"]
    with pytest.raises(KeyServiceError, match="refuses this to the vault's role"):
        await shop.versions("demo", "kek")
    assert engine.seen["/v1/auth/approle/login"] <= before + 1


async def test_a_wrong_secret_is_said_and_not_shown(options: TransitOptions) -> None:
    options.secret_file.write_text("a wrong secret")
    with pytest.raises(KeyServiceUnavailable, match="does not accept the vault's sign-in by approle") as caught:
        TransitKeys(options)
    assert "wrong secret" not in str(caught.value)


async def test_a_pod_signs_in_with_its_own_token(options: TransitOptions, engine: FakeTransit) -> None:
    options.secret_file.chmod(0o644)  # as Kubernetes writes it
    create_transit_keys(replace(options, auth="kubernetes", auth_mount="k8s-private"))
    assert engine.seen["/v1/auth/k8s-private/login"] == 1


async def test_the_namespace_goes_with_each_request(options: TransitOptions, engine: FakeTransit) -> None:
    create_transit_keys(replace(options, namespace="shops/larets"))
    assert engine.namespaces == {"shops/larets"}


# --- faults ------------------------------------------------------------------------------------------


async def timed(act: Callable[[], object]) -> float:
    started = time.monotonic()
    with pytest.raises(KeyServiceUnavailable):
        await act()  # type: ignore[misc]
    return time.monotonic() - started


@pytest.mark.parametrize(
    ("fault", "said"),
    [("sealed", "unseal it"), ("throttled", "throttling"), ("broken", "does not answer"), ("redirect", "not answer")],
)
async def test_a_service_that_is_away_is_waited_for_a_while_and_then_said(
    shop: TransitKeys, engine: FakeTransit, fault: str, said: str
) -> None:
    [(dek, wrapped)] = await shop.generate("demo", [b"subject"])
    engine.fault = fault
    started = time.monotonic()
    with pytest.raises(KeyServiceUnavailable, match=said) as caught:
        await shop.unwrap("demo", [(b"subject", wrapped)])
    assert time.monotonic() - started < 1.5
    assert caught.value.status_code == 503
    engine.fault = ""
    assert await shop.unwrap("demo", [(b"subject", wrapped)]) == [dek]


@pytest.mark.parametrize("fault", ["sealed", "throttled", "broken"])
async def test_a_moment_of_it_is_not_noticed(shop: TransitKeys, engine: FakeTransit, fault: str) -> None:
    engine.fault, engine.fail_times = fault, 2
    assert len(await shop.generate("demo", [b"subject"])) == 1


async def test_a_slow_service_is_given_up_and_holds_up_nobody_else(shop: TransitKeys, engine: FakeTransit) -> None:
    engine.fault, engine.slow_seconds = "slow", 1.0
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    assert await timed(lambda: shop.generate("demo", [b"subject"])) < 1.5
    ticking.cancel()
    assert ticks > 20


async def test_a_service_that_is_gone_is_said(keys: TransitKeys, options: TransitOptions) -> None:
    keys._options = replace(options, url="http://127.0.0.1:1")
    assert await timed(keys.ready) < 1.5
    with pytest.raises(KeyServiceUnavailable):
        TransitKeys(replace(options, url="http://127.0.0.1:1"))


async def test_while_it_is_known_to_be_away_calls_fail_at_once(
    shop: TransitKeys, engine: FakeTransit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transit_session, "DOWN_SECONDS", 0.5)
    engine.fault = "sealed"
    await timed(shop.ready)
    assert await timed(shop.ready) < 0.1
    engine.fault = ""
    await asyncio.sleep(0.5)
    await shop.ready()


@pytest.mark.parametrize(
    "answer",
    [
        {"batch_results": []},
        {"batch_results": [{"ciphertext": "other:v1:AAAA"}]},
        {"batch_results": [{"ciphertext": "vault:v1:%%%%"}]},
        {"batch_results": [{"ciphertext": "vault:v0:AAAA"}]},
    ],
)
async def test_a_strange_answer_is_never_taken_for_a_key(
    shop: TransitKeys, engine: FakeTransit, monkeypatch: pytest.MonkeyPatch, answer: dict[str, object]
) -> None:
    await shop.generate("demo", [b"subject"])
    monkeypatch.setattr(engine, "_batch", lambda *_: answer)
    with pytest.raises(KeyServiceError):
        await shop.generate("demo", [b"subject"])


async def test_a_short_key_is_not_accepted(
    shop: TransitKeys, engine: FakeTransit, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = {"batch_results": [{"plaintext": base64.b64encode(b"short").decode()}]}
    monkeypatch.setattr(engine, "_batch", lambda *_: short)
    with pytest.raises(UnwrapFailed, match="wrong length"):
        await shop.unwrap("demo", [(b"subject", WrappedKey(1, bytes(60)))])


# --- TLS ---------------------------------------------------------------------------------------------


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    folder = tmp_path / "tls"
    folder.mkdir()
    Authority("Tests", certificates=folder, secrets=folder).issue("engine", hosts=("127.0.0.1",))
    return folder


def fingerprint(certificate: Path) -> str:
    return x509.load_pem_x509_certificate(certificate.read_bytes()).fingerprint(hashes.SHA256()).hex()


async def test_only_the_pinned_certificate_of_the_right_authority_is_spoken_to(
    certificates: Path, options: TransitOptions
) -> None:
    folder = certificates
    with fake_transit(certificate=folder / "engine.crt", key=folder / "engine.key") as engine:
        pinned = replace(options, url=engine.url, ca=folder / "ca.crt", fingerprint=fingerprint(folder / "engine.crt"))
        create_transit_keys(pinned)
        for wrong in (replace(pinned, fingerprint="00" * 32), replace(pinned, ca=None)):
            with pytest.raises(KeyServiceUnavailable, match="certificate is not the expected one"):
                create_transit_keys(wrong)
