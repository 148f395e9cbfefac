"""What a stack needs that is secret or made once: which values there are, and how the missing ones are made.

The values live in the stack's own configuration, encrypted by the contour's passphrase, as `larets:<name>`.
A certificate is two values, `<name>-crt` (plain) and `<name>-key` (secret).
"""

import base64
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra import pki
from infra.errors import CertificateExpired, MaterialMissing
from infra.lib import names
from infra.lib.names import Stack
from infra.lib.settings import StackSettings

Kind = Literal["password", "certificate", "authority", "seed", "witness-key", "keyring", "given"]
AUTHORITY: Final = "authority"
CONTRACT_KEY: Final = "contract-key"
# They come when the key service is initialised, and it is this stack that brings it.
LATER: Final = frozenset({"key-service-secret", "key-service-operator-secret"})
# Of the two roles. The superuser's is set once, when the volume is made, and cannot be changed from outside.
PASSWORDS: Final = ("database-owner", "database-runtime")
_IN_AN_ADDRESS: Final = re.compile(r"[A-Za-z0-9._~-]{16,}")


@dataclass(frozen=True, slots=True)
class Material:
    """One thing to have. `hosts` makes a certificate a server's; `common_name` is how its peer knows a client."""

    name: str
    kind: Kind
    hosts: tuple[str, ...] = ()
    common_name: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of its values in the configuration."""
        pair = self.kind in {"certificate", "authority"}
        return (f"{self.name}-crt", f"{self.name}-key") if pair else (self.name,)


def is_secret(key: str) -> bool:
    """Certificates are told to everybody, all else to nobody."""
    return not key.endswith("-crt")


def needed(stack: Stack, settings: StackSettings) -> list[Material]:
    """What the stack reads from its configuration, in the order in which it can be made."""
    if stack == "platform":
        return []
    found = [Material(AUTHORITY, "authority"), Material(CONTRACT_KEY, "seed"), *_database(settings)]
    found += _private(settings) if stack == "private" else _public(settings)
    return found


def _database(settings: StackSettings) -> list[Material]:
    if settings.database.kind == "external":
        return [Material(name, "given") for name in (*PASSWORDS, "tls-database-crt")]
    found = [Material(name, "password") for name in PASSWORDS]
    found.append(Material("tls-database", "certificate", database_names(settings)))
    if settings.database.kind == "statefulset":
        found.append(Material("database-superuser", "password"))
    return found


def database_host(settings: StackSettings) -> str:
    database = settings.database
    service = "postgres-rw" if database.kind == "cloudnative-pg" else "postgres"
    return database.host or names.service_host(service, names.DATA)


def standby_hosts(settings: StackSettings) -> tuple[str, ...]:
    """Where hot standbys answer that may answer reads of the vault."""
    database = settings.database
    if settings.contour == "private" and database.kind == "cloudnative-pg" and database.instances > 1:
        return (names.service_host("postgres-ro", names.DATA),)
    return database.standbys


def database_names(settings: StackSettings) -> tuple[str, ...]:
    """The names that our own server's certificate bears."""
    return tuple(
        name for host in (database_host(settings), *standby_hosts(settings)) for name in (host, f"{host}.cluster.local")
    )


def key_service_host(settings: StackSettings) -> str:
    return settings.keys.host or names.service_host("key-service", names.KEYS)


def _private(settings: StackSettings) -> list[Material]:
    hosts = settings.hosts
    inside = names.service_host("vault", names.VAULT)
    found = [
        Material("tls-vault", "certificate", (hosts.service, inside)),
        Material("tls-outbox", "certificate", common_name="outbox"),
        Material("tls-metrics", "certificate", common_name="metrics"),
        Material("tls-edge", "certificate", (hosts.vault, hosts.console, hosts.hooks)),
    ]
    match settings.keys.kind:
        case "local-keyring":
            found += [Material("keyring-passphrase", "password"), Material("keyring", "keyring")]
        case "openbao":
            members = [f"key-service-{n}.key-service-members.{names.KEYS}.svc" for n in range(settings.keys.replicas)]
            found.append(Material("tls-key-service", "certificate", (key_service_host(settings), *members)))
        case "external":
            found.append(Material("tls-key-service-crt", "given"))
    if settings.keys.kind != "local-keyring" and settings.keys.auth == "approle":
        found.append(Material("key-service-secret", "given"))
        found += [Material("key-service-operator-secret", "given")] if settings.keys.operator_role else []
    if settings.files.kind == "s3":
        found += [Material("files-access-key", "given"), Material("files-secret-key", "given")]
    return found


def _public(settings: StackSettings) -> list[Material]:
    hosts = settings.hosts
    inside = names.service_host("app", names.APP)
    return [
        Material("tls-intake", "certificate", (hosts.intake, inside)),
        Material("tls-crm", "certificate", common_name="crm"),
        Material("tls-metrics", "certificate", common_name="metrics"),
        Material("tls-edge", "certificate", (hosts.crm,)),
        Material("cookie-secret", "password"),
        Material("witness-key", "witness-key"),
    ]


def may_be_given(name: str, value: str) -> bool:
    """A database's password stands in its address as it is, so it has no character that means something there."""
    return name not in PASSWORDS or _IN_AN_ADDRESS.fullmatch(value) is not None


def missing(stack: Stack, settings: StackSettings, have: Mapping[str, str]) -> list[Material]:
    return [one for one in needed(stack, settings) if not all(have.get(key) for key in one.keys)]


def make(stack: Stack, settings: StackSettings, have: Mapping[str, str], *, now: datetime) -> dict[str, str]:
    """The values that are not there yet, ready to be put into the configuration.

    Raises:
        MaterialMissing: some can only be given by a person: a token of the key service, an authority of a database.
    """
    known = dict(have)
    made: dict[str, str] = {}
    for material in missing(stack, settings, have):
        if material.kind != "given":
            made |= _make(material, settings, known | made, now=now)
    absent = [one.name for one in missing(stack, settings, known | made)]
    needed_now = [name for name in absent if name not in LATER or settings.keys.state == "ready"]
    if needed_now:
        hint = "put each in: `larets env give NAME --file FILE`"
        hint += "; or `keys.state: empty` as long as the key service is new" if LATER & set(needed_now) else ""
        raise MaterialMissing(f"only you can give {', '.join(needed_now)}", hint=hint)
    return made


def successor(settings: StackSettings, before: str, *, now: datetime) -> dict[str, str]:
    """A new authority in place of one whose key is lost; what that one has signed stays trusted."""
    pair = _authority(settings, now=now)
    return dict(zip((f"{AUTHORITY}-crt", f"{AUTHORITY}-key"), (pair.certificate + before, pair.key), strict=True))


def public_key(settings: StackSettings, have: Mapping[str, str]) -> str:
    """The key by which the other contour knows this one's log or witness, where it was made here; else empty.

    A key service makes the log's key itself: `larets audit key` beside the vault tells its public half then.
    """
    from pii_vault.audit.note import log_key, witness_key  # noqa: PLC0415  an administrator's machine alone needs it

    if settings.contour == "public" and (kept := have.get("witness-key")):
        _, name, seed = kept.split()
        private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
        return str(witness_key(name, private.public_key().public_bytes_raw()))
    if settings.contour == "private" and have.get("keyring"):
        return str(log_key(f"{settings.hosts.vault}/audit", _keyring_public_key(have)))
    return ""


def _keyring_public_key(have: Mapping[str, str]) -> bytes:
    from pii_vault.keys.local import LocalKeyring  # noqa: PLC0415  a rehearsal alone needs it

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "keyring.json"
        path.touch(mode=0o600)
        path.write_text(have["keyring"], "utf-8")
        return LocalKeyring(path, have["keyring-passphrase"]).checkpoint_public_key()


def renewable(settings: StackSettings, have: Mapping[str, str], *, now: datetime) -> list[str]:
    """Names of certificates that end within 30 days or have ended: what `rotate` makes anew."""
    found = []
    for one in needed(settings.contour, settings):
        if one.kind in {"certificate", "authority"} and (certificate := have.get(one.keys[0])):
            try:
                pki.check(certificate, one.name, now=now, before=pki.RENEW_BEFORE)
            except CertificateExpired:
                found.append(one.name)
    return found


def _make(material: Material, settings: StackSettings, have: Mapping[str, str], *, now: datetime) -> dict[str, str]:
    match material.kind:
        case "password":
            return {material.name: secrets.token_urlsafe(32)}
        case "seed":
            return {material.name: base64.b64encode(os.urandom(32)).decode()}
        case "authority":
            pair = _authority(settings, now=now)
        case "certificate":
            authority = pki.Pair(have[f"{AUTHORITY}-crt"], have[f"{AUTHORITY}-key"])
            common_name = material.common_name or material.name.removeprefix("tls-")
            pair = pki.issue(authority, common_name, hosts=material.hosts, now=now)
        case "witness-key":
            # The format of app/witness/keys.py: prefix, name, seed.
            return {material.name: f"LARETS-WITNESS-KEY {settings.hosts.crm}/witness {os.urandom(32).hex()}\n"}
        case "keyring":
            return {material.name: _keyring(have["keyring-passphrase"])}
        case "given":
            raise MaterialMissing
    return dict(zip(material.keys, (pair.certificate, pair.key), strict=True))


def _authority(settings: StackSettings, *, now: datetime) -> pki.Pair:
    return pki.make_authority(f"Larets {settings.contour} contour of {settings.environment}", now=now)


def _keyring(passphrase: str) -> str:
    """A keyring file without tenants, for the rehearsal."""
    from pii_vault.keys.local import create_local_keyring  # noqa: PLC0415  a rehearsal alone needs it

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "keyring.json"
        create_local_keyring(path, passphrase)
        return path.read_text("utf-8")
