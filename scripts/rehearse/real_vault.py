"""A real transit engine: HashiCorp Vault, built by `make tools`, with TLS, roles and policies as documented.

It keeps its keys in a folder, so that it can be killed, started again and unsealed like one in production.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import hvac

from pii_vault.keys.transit_session import TransitOptions
from scripts.local.instance import ROOT
from scripts.local.pki import Authority
from scripts.local.sockets import free_port
from scripts.rehearse.plane import PlaneProblem

BINARY = ROOT / ".tools" / "bin" / "vault"
POLICIES = ROOT / "docs" / "transit"
CONFIG = """
storage "file" {{ path = "{folder}/data" }}
listener "tcp" {{
  address = "{host}:{port}"
  tls_cert_file = "{folder}/engine.crt"
  tls_key_file = "{folder}/engine.key"
}}
disable_mlock = true
api_addr = "https://{host}:{port}"
"""


@dataclass
class RealVault:
    folder: Path
    port: int
    host: str = "127.0.0.1"
    process: "subprocess.Popen[bytes] | None" = None
    root_token: str = ""
    unseal_key: str = ""
    made: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://{self.host}:{self.port}"

    @property
    def ca(self) -> Path:
        return self.folder / "ca.crt"

    def client(self) -> hvac.Client:
        return hvac.Client(url=self.url, token=self.root_token, verify=str(self.ca))

    # --- the process ---------------------------------------------------------------------------------

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "server", f"-config={self.folder / 'config.hcl'}"], stdout=log, stderr=log
            )
        self._wait()
        if self.unseal_key:
            self.unseal()

    def seal(self) -> None:
        """It answers 503 to everything until it is unsealed; what it keeps stays."""
        self.client().sys.seal()

    def unseal(self) -> None:
        self.client().sys.submit_unseal_key(self.unseal_key)

    def _wait(self) -> None:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                httpx.get(f"{self.url}/v1/sys/seal-status", verify=False, timeout=1)  # noqa: S501  only: is it there
            except httpx.HTTPError:
                time.sleep(0.05)
            else:
                return
        raise PlaneProblem(f"the key service does not answer; its log: {self.folder / 'log'}")

    def kill(self) -> None:
        process = self._started()
        process.kill()
        process.wait()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """It holds its connections and answers nothing."""
        number = self._started().pid
        os.kill(number, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(number, signal.SIGCONT)

    def _started(self) -> "subprocess.Popen[bytes]":
        if self.process is None:
            raise LookupError("the key service was not started")
        return self.process

    # --- set-up as in docs/guide-keys.md -------------------------------------------------------------

    def initialise(self) -> None:
        answer = self.client().sys.initialize(secret_shares=1, secret_threshold=1)
        self.root_token, self.unseal_key = answer["root_token"], answer["keys"][0]
        client = self.client()
        self.unseal()
        client.sys.enable_auth_method("approle")
        for name in ("larets-vault", "larets-operator"):
            client.sys.create_or_update_policy(name, (POLICIES / f"{name}.hcl").read_text())
        self.set_role("vault", ["larets-vault"])
        self.set_role("operator", ["larets-vault", "larets-operator"])

    def set_role(self, name: str, policies: list[str], *, ttl: str = "20m") -> None:
        self.client().auth.approle.create_or_update_approle(
            name,
            token_policies=policies,
            token_ttl=ttl,
            token_max_ttl="1h",  # noqa: S106  a time
            token_no_default_policy=False,
        )

    def fresh_mount(self) -> None:
        """An empty engine, as each test and each rehearsal gets it."""
        client = self.client()
        if "larets/" in client.sys.list_mounted_secrets_engines()["data"]:
            client.sys.disable_secrets_engine("larets")
        client.sys.enable_secrets_engine("transit", path="larets")

    def options(self, role: str = "vault") -> TransitOptions:
        client = self.client()
        secret = self.folder / f"{role}.secret"
        secret.touch(mode=0o600)
        secret.write_text(client.auth.approle.generate_secret_id(role)["data"]["secret_id"])
        role_id: Any = client.auth.approle.read_role_id(role)["data"]["role_id"]
        return TransitOptions(url=self.url, ca=self.ca, role=str(role_id), secret_file=secret)


@contextmanager
def real_vault(folder: Path, *, host: str = "127.0.0.1", port: int = 0, name: str = "") -> Iterator[RealVault]:
    """Ready for its first mount; `name` is a further one that its certificate holds for.

    Raises:
        FileNotFoundError: `make tools` has not been run.
        PlaneProblem: it did not start; where its log is.
    """
    if not BINARY.exists():
        raise FileNotFoundError("there is no Vault here yet; run: make tools")
    Authority("Tests", certificates=folder, secrets=folder).issue("engine", hosts=(host, *((name,) if name else ())))
    vault = RealVault(folder, port or free_port(), host)
    (folder / "config.hcl").write_text(CONFIG.format(folder=folder, host=host, port=vault.port))
    vault.start()
    try:
        vault.initialise()
        yield vault
    finally:
        vault.kill()
