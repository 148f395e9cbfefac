"""Both contours as `make up` starts them, in a folder and on ports of their own."""

import asyncio
import itertools
import shutil
import ssl
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

import httpx
import psycopg
import pyotp

from pii_vault.assemble import open_keys
from pii_vault.identity import store
from pii_vault.identity.context import OpenIdentity, new_identity, open_sessions
from pii_vault.identity.dev import DEV_CLIENT, issue_vault_token
from pii_vault.identity.models import Staff
from pii_vault.identity.tokens import access_token
from pii_vault.vault import utc_now
from scripts.local import postgres
from scripts.local.databases import start_cluster
from scripts.local.demo import seed, shop_of
from scripts.local.instance import CONTOURS, Contour, Instance, Ports
from scripts.local.pki import Authority
from scripts.local.processes import SERVICES, Service, start, stop, wait_until
from scripts.local.shop import Buyer, Shop, buyer, order
from scripts.local.sockets import free_ports
from scripts.local.start import bring_up, ready

PATIENCE_SECONDS = 30.0
T = TypeVar("T")
_numbers = itertools.count(70_001)


@dataclass(frozen=True, slots=True)
class Member:
    """One of the demo staff. `totp` is the secret of the second factor."""

    id: str
    login: str
    password: str = field(repr=False)
    totp: str = field(repr=False)


@dataclass
class World:
    """A running instance with its demo shop, and what tests do to it from outside."""

    instance: Instance
    demo: dict[str, Any]
    issuer: OpenIdentity
    used_steps: dict[str, int] = field(default_factory=dict)

    # -- people --------------------------------------------------------------------------------------------------
    def member(self, role: str) -> Member:
        return Member(**{name: self.demo["staff"][role][name] for name in ("id", "login", "password", "totp")})

    def code(self, secret: str) -> str:
        """A second factor that is good now. Each is good once, so the earliest unused one of the window."""
        step = 30
        while True:
            now = int(time.time()) // step
            fresh = [at for at in (now - 1, now, now + 1) if at > self.used_steps.get(secret, 0)]
            if fresh:
                self.used_steps[secret] = fresh[0]
                return pyotp.HOTP(secret).at(fresh[0])
            time.sleep(0.5)

    def bearer(self, role: str, audience: Literal["vault", "crm"] = "vault") -> str:
        return self.bearer_of(self.member(role).id, audience)

    def bearer_of(self, staff_id: str, audience: Literal["vault", "crm"] = "vault") -> str:
        return issue_vault_token(self.issuer, staff_id=staff_id, audience=audience)

    def old_bearer(self, staff_id: str, *, age: timedelta) -> str:
        """A genuine token of the vault that was issued that long ago."""
        now = self.issuer.now()
        with self.issuer.sessions.begin() as db:
            assert db.get(Staff, staff_id) is not None
            session = store.begin(db, staff_id=staff_id, device="test", policy=self.issuer.policy, now=now)
            return access_token(self.issuer, session, audience="vault", client_id=DEV_CLIENT, now=now - age)

    def cookie(self, staff_id: str, audience: Literal["vault", "console"] = "vault") -> str:
        """The Cookie header of a genuine session at one of the vault's hosts."""
        now = self.issuer.now()
        with self.issuer.sessions.begin() as db:
            session = store.begin(db, staff_id=staff_id, device="test", policy=self.issuer.policy, now=now)
            given = store.give_cookie(db, session, audience=audience, now=now)
        return f"__Host-larets_{audience}={given.cookie}"

    # -- orders --------------------------------------------------------------------------------------------------
    @property
    def shop(self) -> Shop:
        return shop_of(self.instance, self.demo)

    def send(self, who: Buyer | None = None, *, number: int | None = None, **fields: Any) -> tuple[int, Buyer]:
        """A signed `order.created` of a generated person; the gateway has taken it when this returns."""
        number = number if number is not None else next(_numbers)
        who = who or buyer(number)
        with httpx.Client(trust_env=False, timeout=15) as client:
            answer = self.shop.send("order.created", order(number, buyer=who, **fields), client=client)
        assert answer.status_code == httpx.codes.OK, answer.text
        return number, who

    def card(self, number: int) -> dict[str, Any]:
        """The order's card as the CRM's API tells it, waited for."""
        found = until(lambda: self.rows("public", "SELECT id FROM orders WHERE external_id = %s", str(number)))
        with self.crm(headers={"authorization": f"Bearer {self.bearer('sales', 'crm')}"}) as client:
            answer = client.get(f"/api/v1/orders/{found[0][0]}")
        assert answer.status_code == httpx.codes.OK, answer.text
        return dict(answer.json())

    def arrive(self, who: Buyer | None = None, **fields: Any) -> tuple[dict[str, Any], Buyer]:
        """An order from the shop to the card."""
        number, who = self.send(who, **fields)
        return self.card(number), who

    # -- HTTP ----------------------------------------------------------------------------------------------------
    def vault(self, host: Literal["vault", "console", "hooks"] = "vault", **options: Any) -> httpx.Client:
        """A client of the vault's browser listener under one of its host names."""
        origin = {
            "vault": self.instance.vault_origin,
            "console": self.instance.console_origin,
            "hooks": self.instance.hooks_origin,
        }[host]
        return _client(f"http://127.0.0.1:{self.instance.ports.vault}", origin, **options)

    def crm(self, **options: Any) -> httpx.Client:
        return _client(f"http://127.0.0.1:{self.instance.ports.crm}", self.instance.crm_origin, **options)

    def peer(self, name: str | None, contour: Contour = "private", **options: Any) -> httpx.Client:
        """A client of the service listener with this certificate of the contour's authority, or with none."""
        return self._mutual(self.instance.ports.service, "private", name, contour, options)

    def intake(self, name: str | None, contour: Contour = "private", **options: Any) -> httpx.Client:
        """The same for the public contour's intake listener."""
        return self._mutual(self.instance.ports.intake, "public", name, contour, options)

    def _mutual(
        self, port: int, server: Contour, name: str | None, contour: Contour, options: dict[str, Any]
    ) -> httpx.Client:
        context = ssl.create_default_context(cafile=str(self.instance.tls(server) / "ca.crt"))
        if name is not None:
            certificate = self.instance.tls(contour) / f"{name}.crt"
            context.load_cert_chain(certificate, self.instance.secrets(contour) / f"{name}.key")
        return httpx.Client(
            base_url=f"https://127.0.0.1:{port}", verify=context, trust_env=False, timeout=20, **options
        )

    def authority(self, contour: Contour) -> Authority:
        """The contour's own authority, to sign what the product would not."""
        return Authority(contour, certificates=self.instance.tls(contour), secrets=self.instance.secrets(contour))

    def reveal(self, bearer: str, *tokens: str, purpose: str = "order_processing") -> httpx.Response:
        with self.vault(headers={"authorization": f"Bearer {bearer}"}) as client:
            return client.post("/v1/reveal", json={"purpose": purpose, "items": [{"token": text} for text in tokens]})

    # -- databases and processes ---------------------------------------------------------------------------------
    def rows(self, contour: Contour, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Past every service, as the cluster's superuser. Returns the rows, if the statement gives any."""
        with psycopg.connect(self.instance.superuser_url(contour), autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def stop(self, *names: str) -> None:
        stop(self.instance, [service_of(name) for name in names])

    def start(self, *names: str) -> None:
        with quiet_children():
            for name in names:
                start(self.instance, service_of(name))
        for name in names:
            self.wait_ready(name)

    def wait_ready(self, name: str) -> None:
        service = service_of(name)
        wait_until(lambda: ready(self.instance, service), instance=self.instance, service=service)

    @contextmanager
    def without(self, *names: str) -> Iterator[None]:
        """These services are down inside the block and run again after it."""
        self.stop(*names)
        try:
            yield
        finally:
            self.start(*names)

    def start_postgres(self, contour: Contour) -> None:
        start_cluster(self.instance, contour)

    def kill_postgres(self, contour: Contour) -> None:
        postgres.stop(self.instance.postgres(contour), mode="immediate")


def service_of(name: str) -> Service:
    return next(service for service in SERVICES if service.name == name)


def until(look: Callable[[], T | None], *, seconds: float = PATIENCE_SECONDS) -> T:
    """What `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    message = f"nothing after {seconds:.0f} s"
    raise AssertionError(message)


@contextmanager
def quiet_children() -> Iterator[None]:
    """The processes outlive the objects that started them, on purpose."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield


@contextmanager
def running_world() -> Iterator[World]:
    """Starts an instance, makes its demo shop, and stops and deletes it at the end."""
    # Not pytest's own folder: the cluster's account must be able to pass through every folder above.
    home = Path(tempfile.mkdtemp(prefix="larets-e2e-"))
    names = ("crm", "intake", "vault", "service", "public_postgres", "private_postgres")
    instance = Instance(home, Ports(**dict(zip(names, free_ports(len(names)), strict=True))))
    instance.save()
    try:
        with quiet_children():
            bring_up(instance, CONTOURS, say=lambda _: None)
        seed(instance)
        with attached(instance) as world:
            yield world
    finally:
        stop(instance)
        for contour in CONTOURS:
            postgres.stop(instance.postgres(contour), mode="immediate")
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def attached(instance: Instance) -> Iterator[World]:
    """An instance that runs already and has its demo shop."""
    issuer = _open_identity(instance)
    try:
        yield World(instance, instance.demo, issuer)
    finally:
        issuer.sessions.kw["bind"].dispose()


def _open_identity(instance: Instance) -> OpenIdentity:
    settings = instance.vault_settings()
    clock: Callable[[], datetime] = utc_now
    sessions = open_sessions(instance.vault_database_url, size=2)
    identity = new_identity(settings, key_service=open_keys(settings), sessions=sessions, clock=clock)
    return asyncio.run(identity.open())


def _client(address: str, origin: str, **options: Any) -> httpx.Client:
    headers = {"host": origin.partition("://")[2]} | options.pop("headers", {})
    return httpx.Client(base_url=address, headers=headers, trust_env=False, timeout=20, **options)
