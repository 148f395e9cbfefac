"""A local instance of both contours: its folders, ports, secrets and the settings of each process.

`var/data/<contour>` holds data, `var/secrets/<contour>` what opens them: a copy of the data folder alone opens nothing.
`LARETS_HOME` moves the whole instance, which is how a second one (the leak check's) runs beside the first.
"""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from scripts.files import write_whole

if TYPE_CHECKING:
    from pii_vault.config import VaultSettings

ROOT: Final = Path(__file__).resolve().parents[2]
Contour = Literal["private", "public"]
CONTOURS: Final[tuple[Contour, Contour]] = ("private", "public")


class InstanceProblem(Exception):
    """The instance cannot do what was asked; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback ports of the listeners. A `…_target` is where clients connect instead when a relay stands between."""

    crm: int = 8100
    intake: int = 8101
    vault: int = 8200
    service: int = 8201
    public_postgres: int = 8110
    private_postgres: int = 8210
    crm_target: int = 0
    intake_target: int = 0
    service_target: int = 0
    public_postgres_target: int = 0

    def target(self, name: Literal["crm", "intake", "service", "public_postgres"]) -> int:
        """The port a client of `name` connects to: the listener itself unless a relay stands before it."""
        return int(getattr(self, f"{name}_target")) or int(getattr(self, name))


def home() -> Path:
    return Path(os.environ.get("LARETS_HOME") or ROOT / "var").resolve()


@dataclass(frozen=True)
class Instance:
    """Paths and settings; makes nothing by itself except through `secret`."""

    home: Path
    ports: Ports
    vault_workers: int = 2
    contours: tuple[Contour, ...] = CONTOURS  # what `up` was last asked to run

    # -- folders -------------------------------------------------------------------------------------------------
    def data(self, contour: Contour) -> Path:
        return self.home / "data" / contour

    def secrets(self, contour: Contour) -> Path:
        return self.home / "secrets" / contour

    def logs(self, contour: Contour) -> Path:
        return self.data(contour) / "logs"

    def run(self, contour: Contour) -> Path:
        return self.data(contour) / "run"

    def tls(self, contour: Contour) -> Path:
        return self.data(contour) / "tls"

    def postgres(self, contour: Contour) -> Path:
        return self.data(contour) / "postgres"

    def temporary(self, contour: Contour) -> Path:
        """Temporary files of a contour's processes: never in one folder with the other's."""
        return self.data(contour) / "tmp"

    def make_folders(self) -> None:
        for contour in CONTOURS:
            for folder in (self.logs(contour), self.run(contour), self.tls(contour), self.temporary(contour)):
                folder.mkdir(parents=True, exist_ok=True)
            self.secrets(contour).mkdir(parents=True, exist_ok=True)
            self.secrets(contour).chmod(0o700)

    def secret(self, contour: Contour, name: str) -> str:
        """A generated secret, kept in a 0600 file. The same on every call."""
        path = self.secrets(contour) / name
        if not path.exists():
            write_whole(path, secrets.token_urlsafe(32), mode=0o600)
        return path.read_text().strip()

    # -- addresses -----------------------------------------------------------------------------------------------
    @property
    def crm_origin(self) -> str:
        return f"http://crm.larets.localhost:{self.ports.target('crm')}"

    @property
    def vault_origin(self) -> str:
        return f"http://vault.larets.localhost:{self.ports.vault}"

    @property
    def console_origin(self) -> str:
        return f"http://console.larets.localhost:{self.ports.vault}"

    @property
    def hooks_origin(self) -> str:
        return f"http://hooks.larets.localhost:{self.ports.vault}"

    def database_url(self, contour: Contour, role: Literal["owner", "runtime"], *, direct: bool = True) -> str:
        """Libpq address. `direct=False` gives the one the public processes use, through the relay if there is one."""
        name = {"private": "vault", "public": "app"}[contour]
        user = f"larets_{name}" + ("_owner" if role == "owner" else "")
        password = self.secret(contour, f"{user}.password")
        if contour == "private":
            port = self.ports.private_postgres
        else:
            port = self.ports.public_postgres if direct else self.ports.target("public_postgres")
        return f"postgresql://{user}:{password}@127.0.0.1:{port}/{name}"

    def superuser_url(self, contour: Contour) -> str:
        """For those who inspect the whole database: row security hides the tenants' rows from every other role."""
        name = {"private": "vault", "public": "app"}[contour]
        port = self.ports.private_postgres if contour == "private" else self.ports.public_postgres
        return f"postgresql://postgres:{self.secret(contour, 'postgres.password')}@127.0.0.1:{port}/{name}"

    @property
    def vault_database_url(self) -> str:
        return self.database_url("private", "owner")

    @property
    def keyring(self) -> Path:
        return self.data("private") / "keyring.json"

    @property
    def keyring_passphrase(self) -> Path:
        return self.secrets("private") / "keyring.passphrase"

    @property
    def log_vkey(self) -> str:
        return (self.tls("private") / "audit.vkey").read_text().strip()

    @property
    def witness_vkey(self) -> str:
        return (self.tls("public") / "witness.vkey").read_text().strip()

    @property
    def demo_file(self) -> Path:
        return self.secrets("private") / "demo.json"

    @property
    def demo(self) -> dict[str, Any]:
        """The demo shop: tenant, inbound path, the staff's logins, the first order. Empty before the first `up`."""
        return dict(json.loads(self.demo_file.read_text())) if self.demo_file.exists() else {}

    # -- settings of the processes -------------------------------------------------------------------------------
    def vault_environment(self) -> dict[str, str]:
        private, public, keys = self.tls("private"), self.tls("public"), self.secrets("private")
        values = {
            "database_url": self.database_url("private", "runtime"),
            "browser_bind": f"127.0.0.1:{self.ports.vault}",
            "service_bind": f"127.0.0.1:{self.ports.service}",
            "vault_origin": self.vault_origin,
            "console_origin": self.console_origin,
            "hooks_origin": self.hooks_origin,
            "crm_origin": self.crm_origin,
            "service_cert": private / "vault.crt",
            "service_key": keys / "vault.key",
            "private_ca": private / "ca.crt",
            "public_ca": public / "ca.crt",
            "keyring_path": self.keyring,
            "keyring_passphrase_file": self.keyring_passphrase,
            "files": "folder",
            "files_folder": self.data("private") / "files",
            "workers": self.vault_workers,
            "policies_dir": ROOT / "policies",
            "app_intake_url": f"https://127.0.0.1:{self.ports.target('intake')}",
            "outbound_cert": private / "outbox.crt",
            "outbound_key": keys / "outbox.key",
            "witness_public_key": public / "witness.vkey",
        }
        return {"LARETS_ENV": "dev"} | {f"LARETS_VAULT_{name.upper()}": str(value) for name, value in values.items()}

    def app_environment(self) -> dict[str, str]:
        private, public, keys = self.tls("private"), self.tls("public"), self.secrets("public")
        values = {
            "database_url": self.database_url("public", "runtime", direct=False),
            "browser_bind": f"127.0.0.1:{self.ports.crm}",
            "intake_bind": f"127.0.0.1:{self.ports.intake}",
            "crm_origin": self.crm_origin,
            "vault_origin": self.vault_origin,
            "console_origin": self.console_origin,
            "intake_cert": public / "intake.crt",
            "intake_key": keys / "intake.key",
            "private_ca": private / "ca.crt",
            "public_ca": public / "ca.crt",
            "vault_service_url": f"https://127.0.0.1:{self.ports.target('service')}",
            "client_cert": public / "crm.crt",
            "client_key": keys / "crm.key",
            "cookie_secret_file": keys / "cookie.secret",
            "witness_key_file": keys / "witness.key",
            "checkpoint_public_key": private / "audit.vkey",
        }
        return {"LARETS_ENV": "dev"} | {f"LARETS_APP_{name.upper()}": str(value) for name, value in values.items()}

    def vault_settings(self) -> "VaultSettings":
        """The vault's settings, for commands that work in the private contour."""
        from pii_vault.config import VaultSettings  # noqa: PLC0415  slow to import; most commands do without

        prefix = "LARETS_VAULT_"
        environment = self.vault_environment()
        fields = {key.removeprefix(prefix).lower(): value for key, value in environment.items() if prefix in key}
        return VaultSettings.model_validate({"environment": "dev"} | fields)

    def save(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        content = {"ports": asdict(self.ports), "vault_workers": self.vault_workers, "contours": self.contours}
        write_whole(self.home / "instance.json", json.dumps(content, indent=2) + "\n")


def exists() -> bool:
    """Whether this checkout has an instance, running or not."""
    return (home() / "instance.json").exists()


def load() -> Instance:
    """The instance of this checkout.

    Raises:
        InstanceProblem: there is none yet.
    """
    if not exists():
        message = "no local instance yet: run `make up` first"
        raise InstanceProblem(message)
    content = json.loads((home() / "instance.json").read_text())
    contours = tuple(content.get("contours", CONTOURS))  # noted since the second version of this file
    return Instance(home(), Ports(**content["ports"]), content["vault_workers"], contours)


def load_or_create() -> Instance:
    try:
        return load()
    except InstanceProblem:
        instance = Instance(home(), Ports())
        instance.save()
        return instance
