"""Certificates and keys of an instance, made once and renewed before they expire."""

from typing import Final

from scripts.files import write_whole
from scripts.local.instance import Instance
from scripts.local.pki import Authority

SERVICE_HOSTS: Final = ("vault.larets.localhost", "localhost", "127.0.0.1")
INTAKE_HOSTS: Final = ("intake.larets.localhost", "localhost", "127.0.0.1")
# Common names by which the listeners know their clients.
OUTBOX: Final = "outbox"
CRM: Final = "crm"
PROGRAM: Final = "demo-program"


def make_certificates(instance: Instance) -> None:
    """Two authorities, each signing for its own contour."""
    private = private_authority(instance)
    public = Authority("Larets public contour", certificates=instance.tls("public"), secrets=instance.secrets("public"))
    private.issue("vault", hosts=SERVICE_HOSTS)
    private.issue(OUTBOX)
    private.issue(PROGRAM)
    public.issue("intake", hosts=INTAKE_HOSTS)
    public.issue(CRM)


def private_authority(instance: Instance) -> Authority:
    """Signs the private contour's certificates: of its own listeners and workers, and of its programs."""
    return Authority(
        "Larets private contour", certificates=instance.tls("private"), secrets=instance.secrets("private")
    )


def make_keyring(instance: Instance) -> None:
    """The local keyring and the public key of its audit log, which the witness must know."""
    instance.secret("private", instance.keyring_passphrase.name)
    vkey = instance.tls("private") / "audit.vkey"
    if instance.keyring.exists() and vkey.exists():
        return
    from pii_vault.audit.note import log_key  # noqa: PLC0415  the first start alone needs these
    from pii_vault.keys.local import LocalKeyring, create_local_keyring  # noqa: PLC0415

    passphrase = instance.keyring_passphrase.read_text().strip()
    if not instance.keyring.exists():
        create_local_keyring(instance.keyring, passphrase)
    keyring = LocalKeyring(instance.keyring, passphrase)
    write_whole(vkey, f"{log_key(audit_origin(instance), keyring.checkpoint_public_key())}\n")


def audit_origin(instance: Instance) -> str:
    """The log's name in its checkpoints: the vault's host, so that two logs are never taken for one another."""
    return instance.vault_origin.partition("://")[2].partition(":")[0] + "/audit"


def make_public_keys(instance: Instance) -> None:
    """The witness's signing key, its public half, and the key that seals the CRM's cookies."""
    instance.secret("public", "cookie.secret")
    key, vkey = instance.secrets("public") / "witness.key", instance.tls("public") / "witness.vkey"
    if key.exists() and vkey.exists():
        return
    from app.witness.keys import create_witness_key  # noqa: PLC0415  the first start alone needs it

    name = instance.crm_origin.partition("://")[2].partition(":")[0] + "/witness"
    write_whole(vkey, f"{create_witness_key(key, name=name)}\n")
