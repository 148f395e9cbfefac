"""The transit engine for real: the contract, the roles and policies of the guide, and what may befall a service."""

import asyncio
import base64
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import hvac
import pytest

from pii_vault.errors import KeyServiceError, KeyServiceUnavailable, UnknownTenantKey
from pii_vault.keys import transit, transit_session
from pii_vault.keys.transit import TransitKeys, create_transit_keys
from scripts.rehearse.real_vault import RealVault
from tests.unit.pii_vault.keys.contract import KeyServiceContract


class TestTransitKeysForReal(KeyServiceContract):
    """As the operator, whose role may all that the contract asks."""

    @pytest.fixture
    async def keys(self, engine: RealVault) -> TransitKeys:
        options = engine.options("operator")
        create_transit_keys(options)
        return TransitKeys(options)


@pytest.fixture
def operator(engine: RealVault) -> TransitKeys:
    options = engine.options("operator")
    create_transit_keys(options)
    return TransitKeys(options)


@pytest.fixture
async def shop(operator: TransitKeys, engine: RealVault) -> TransitKeys:
    """As the vault's processes, whose role may less."""
    await operator.ready()
    keys = TransitKeys(engine.options("vault"))
    await keys.create_tenant("demo")
    return keys


# --- what the roles may ------------------------------------------------------------------------------


async def test_the_vaults_role_uses_keys_and_cannot_end_their_life(shop: TransitKeys, operator: TransitKeys) -> None:
    [(dek, old)] = await shop.generate("demo", [b"subject"])
    for step in (
        shop.rotate("demo", "kek"),
        shop.raise_minimum("demo", "kek", 1),
    ):
        with pytest.raises(KeyServiceError, match="refuses this to the vault's role"):
            await step
    assert await operator.rotate("demo", "kek") == 2
    [new] = await shop.rewrap("demo", [(b"subject", old)])
    await operator.raise_minimum("demo", "kek", 2)
    with pytest.raises(KeyServiceError, match="refuses this"):
        await shop.trim("demo", "kek")
    assert (await operator.trim("demo", "kek")).oldest == 2
    assert await shop.unwrap("demo", [(b"subject", new)]) == [dek]
    with pytest.raises(UnknownTenantKey):
        await shop.unwrap("demo", [(b"subject", old)])


@pytest.mark.usefixtures("shop")
async def test_not_even_the_operator_may_delete_or_take_a_key_out(engine: RealVault) -> None:
    options = engine.options("operator")
    client = hvac.Client(url=engine.url, verify=str(engine.ca))
    client.auth.approle.login(options.role, options.secret_file.read_text())
    for path, body in (
        ("keys/kek-demo/config", {"deletion_allowed": True}),
        ("keys/kek-demo/config", {"exportable": True}),
        ("keys/kek-demo/config", {"allow_plaintext_backup": True}),
    ):
        with pytest.raises(hvac.exceptions.Forbidden):
            client.adapter.post(f"/v1/larets/{path}", json=body)
    for method, path in (
        ("delete", "keys/kek-demo"),
        ("get", "export/encryption-key/kek-demo"),
        ("get", "backup/kek-demo"),
    ):
        with pytest.raises(hvac.exceptions.Forbidden):
            client.adapter.request(method, f"/v1/larets/{path}")


async def test_a_tenant_that_is_not_there_is_not_made_by_wrapping(shop: TransitKeys, engine: RealVault) -> None:
    with pytest.raises(UnknownTenantKey):
        await shop.generate("nobody", [b"subject"])
    assert "kek-nobody" not in engine.client().secrets.transit.list_keys(mount_point="larets")["data"]["keys"]


async def test_once_trimmed_even_root_opens_nothing(
    shop: TransitKeys, operator: TransitKeys, engine: RealVault
) -> None:
    [(_, old)] = await shop.generate("demo", [b"subject"])
    await operator.rotate("demo", "kek")
    await operator.raise_minimum("demo", "kek", 2)
    await operator.trim("demo", "kek")
    with pytest.raises(hvac.exceptions.InvalidRequest):
        engine.client().secrets.transit.update_key_configuration(
            "kek-demo", min_decryption_version=1, mount_point="larets"
        )
    with pytest.raises(UnknownTenantKey):
        await operator.unwrap("demo", [(b"subject", old)])


# --- speed -------------------------------------------------------------------------------------------


async def test_a_batch_of_a_thousand_takes_chunks_and_a_fraction_of_a_second(shop: TransitKeys) -> None:
    contexts = [b"%d" % number for number in range(1000)]
    started = time.monotonic()
    made = await shop.generate("demo", contexts)
    wrapped = [(context, key) for context, (_, key) in zip(contexts, made, strict=True)]
    assert await shop.unwrap("demo", wrapped) == [dek for dek, _ in made]
    assert time.monotonic() - started < 2


# --- faults ------------------------------------------------------------------------------------------


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transit_session, "DEADLINE_SECONDS", 0.6)
    monkeypatch.setattr(transit_session, "TIMEOUTS", (0.3, 0.3))
    monkeypatch.setattr(transit_session, "DOWN_SECONDS", 0.0)
    monkeypatch.setattr(transit, "CALL_SECONDS", 1.5)


async def refused_within(shop: TransitKeys, seconds: float, said: str | None = None) -> None:
    started = time.monotonic()
    with pytest.raises(KeyServiceUnavailable, match=said):
        await shop.generate("demo", [b"subject"])
    assert time.monotonic() - started < seconds


@pytest.mark.usefixtures("hurry")
async def test_sealed_it_is_said_and_unsealed_it_works(shop: TransitKeys, engine: RealVault) -> None:
    await shop.generate("demo", [b"subject"])
    engine.client().sys.seal()
    await refused_within(shop, 2, "unseal it")
    engine.client().sys.submit_unseal_key(engine.unseal_key)
    await asyncio.sleep(0.5)
    assert len(await shop.generate("demo", [b"subject"])) == 1


@pytest.mark.usefixtures("hurry")
async def test_killed_and_started_again_it_goes_on(shop: TransitKeys, engine: RealVault) -> None:
    [(dek, wrapped)] = await shop.generate("demo", [b"subject"])
    engine.kill()
    await refused_within(shop, 2)
    engine.start()
    until = time.monotonic() + 10
    while True:
        try:
            assert await shop.unwrap("demo", [(b"subject", wrapped)]) == [dek]
            break
        except KeyServiceUnavailable:
            assert time.monotonic() < until


@pytest.mark.usefixtures("hurry")
async def test_a_service_that_hangs_is_given_up(shop: TransitKeys, engine: RealVault) -> None:
    await shop.generate("demo", [b"subject"])
    with engine.stopped():
        await refused_within(shop, 2)
    assert len(await shop.generate("demo", [b"subject"])) == 1


@pytest.mark.usefixtures("hurry")
async def test_throttled_it_waits_a_little_and_then_says_so(shop: TransitKeys, engine: RealVault) -> None:
    await shop.generate("demo", [b"subject"])
    client = engine.client()
    client.adapter.post("/v1/sys/quotas/rate-limit/tests", json={"rate": 1, "interval": "5s", "path": "larets/"})
    try:
        three = (shop.generate("demo", [b"subject"]) for _ in range(3))
        with pytest.raises(KeyServiceUnavailable, match="throttling"):
            await asyncio.gather(*three)
    finally:
        client.adapter.delete("/v1/sys/quotas/rate-limit/tests")
    assert len(await shop.generate("demo", [b"subject"])) == 1


async def test_a_revoked_token_is_replaced(shop: TransitKeys, engine: RealVault) -> None:
    await shop.generate("demo", [b"subject"])
    engine.client().adapter.post("/v1/sys/leases/revoke-prefix/auth/approle/login", json={})
    assert len(await shop.generate("demo", [b"subject"])) == 1


@pytest.mark.usefixtures("operator")
async def test_a_short_token_is_renewed_without_a_gap(engine: RealVault) -> None:
    engine.set_role("vault", ["larets-vault"], ttl="2s")
    try:
        keys = TransitKeys(engine.options("vault"))
        await keys.create_tenant("demo")
        until = time.monotonic() + 4
        while time.monotonic() < until:
            await keys.generate("demo", [b"subject"])
            await asyncio.sleep(0.1)
    finally:
        engine.set_role("vault", ["larets-vault"])


def test_another_authority_or_another_certificate_is_not_spoken_to(engine: RealVault) -> None:
    options = engine.options("operator")
    for wrong in (replace(options, ca=None), replace(options, fingerprint="00" * 32)):
        with pytest.raises(KeyServiceUnavailable, match="certificate"):
            TransitKeys(wrong)


# --- pods --------------------------------------------------------------------------------------------


def _pod_token(account: str) -> str:
    """The form of a service account's token; who vouches for it is the API server that the engine asks."""

    def part(content: Mapping[str, str]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    claims = {
        "iss": "kubernetes/serviceaccount",
        "kubernetes.io/serviceaccount/namespace": "larets",
        "kubernetes.io/serviceaccount/service-account.name": account,
        "kubernetes.io/serviceaccount/service-account.uid": "1",
        "sub": f"system:serviceaccount:larets:{account}",
    }
    return f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(claims)}.{part({'signature': 'none'})}"


@contextmanager
def _api_server(good: str) -> Iterator[str]:
    """Answers TokenReviews as an API server does that knows one token."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            known = body["spec"]["token"] == good
            user = {"username": "system:serviceaccount:larets:vault", "uid": "1", "groups": []}
            answer = {**body, "status": {"authenticated": True, "user": user} if known else {"authenticated": False}}
            content = json.dumps(answer).encode()
            self.send_response(201)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.usefixtures("operator")
async def test_a_pod_signs_in_by_its_own_account_and_a_stranger_does_not(engine: RealVault, tmp_path: Path) -> None:
    client = engine.client()
    client.sys.enable_auth_method("kubernetes")
    try:
        with _api_server(_pod_token("vault")) as url:
            client.auth.kubernetes.configure(
                kubernetes_host=url, token_reviewer_jwt=_pod_token("reviewer"), disable_local_ca_jwt=True
            )
            client.auth.kubernetes.create_role(
                "larets-vault", ["vault"], ["larets"], policies=["larets-vault"], ttl="20m"
            )
            token = tmp_path / "token"
            token.write_text(_pod_token("vault"))
            options = replace(engine.options(), auth="kubernetes", role="larets-vault", secret_file=token)
            keys = TransitKeys(options)
            await keys.create_tenant("demo")
            assert len(await keys.generate("demo", [b"subject"])) == 1
            token.write_text(_pod_token("stranger"))
            with pytest.raises(KeyServiceUnavailable, match="does not accept the vault's sign-in by kubernetes"):
                TransitKeys(options)
    finally:
        client.sys.disable_auth_method("kubernetes")
