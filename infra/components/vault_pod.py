"""What the vault's processes are told and find in their folders: every setting of theirs that a stack has a say in.

`tests/unit/infra/test_processes.py` walks all settings of the vault: what is neither told here nor right by default nor
refused by name is an error there.
"""

from dataclasses import dataclass

from infra.components.secrets import SecretArgs
from infra.lib.names import VAULT, VAULT_BROWSER, VAULT_SERVICE, Stage
from infra.lib.parts import Files, Hosts, Keys, WorkloadSize
from infra.lib.pods import RUN, Mount, temporary
from infra.link import Link

KEYRING = f"{RUN}/keyring"
CODE = "/srv/larets"  # where the image has it
AUDIENCE = "larets-key-service"  # of the token by which a pod signs in to the key service, and of nothing else
_STORE = f"{RUN}/files"
_CLIENT, _OPERATOR = "key-service-client", "key-service-operator"


@dataclass(frozen=True, slots=True)
class VaultArgs:
    image: str
    stage: Stage
    hosts: Hosts
    keys: Keys
    key_service_host: str
    link: Link
    web: WorkloadSize
    worker: WorkloadSize
    storage_class: str
    shared_storage_class: str
    pod_networks: tuple[str, ...]
    files: Files
    relay_networks: tuple[str, ...]
    generation: int


def environment_of(args: VaultArgs, *, operator: bool = False) -> dict[str, str]:
    """`operator`: for commands of an administrator, which rotate and trim keys."""
    hosts = args.hosts
    values = {
        "browser_bind": f"0.0.0.0:{VAULT_BROWSER}",
        "service_bind": f"0.0.0.0:{VAULT_SERVICE}",
        "vault_origin": f"https://{hosts.vault}",
        "console_origin": f"https://{hosts.console}",
        "hooks_origin": f"https://{hosts.hooks}",
        "crm_origin": f"https://{hosts.crm}",
        "browser_cert": f"{RUN}/tls/tls.crt",
        "browser_key": f"{RUN}/tls/tls.key",
        "service_cert": f"{RUN}/tls/tls.crt",
        "service_key": f"{RUN}/tls/tls.key",
        "private_ca": f"{RUN}/tls/ca.crt",
        "public_ca": f"{RUN}/peer/ca.crt",
        "outbound_cert": f"{RUN}/outbound/tls.crt",
        "outbound_key": f"{RUN}/outbound/tls.key",
        "app_intake_url": args.link.url,
        "witness_public_key": args.link.public_key,
        "workers": "2",
        "erasure_journal": f"{RUN}/journal/erasures.journal",
        "trusted_edge": ",".join(args.pod_networks),
        "relay_networks": ",".join(args.relay_networks),
        "policies_dir": f"{CODE}/policies",
    }
    values |= _keys(args, operator=operator) | _files(args.files)
    environment = "staging" if args.stage == "rehearsal" else args.stage
    return {
        "LARETS_ENV": environment,
        "LARETS_SECRETS_DIR": f"{RUN}/secrets",
        **{f"LARETS_VAULT_{name.upper()}": value for name, value in values.items()},
    }


def _keys(args: VaultArgs, *, operator: bool) -> dict[str, str]:
    keys = args.keys
    if keys.kind == "local-keyring":
        return {
            "key_service": "local",
            "local_keyring": "accepted",
            "keyring_path": f"{KEYRING}/keyring.json",
            "keyring_passphrase_file": f"{RUN}/keyring-passphrase/passphrase",
        }
    by_token = keys.auth == "kubernetes"
    return {
        "key_service": "transit",
        "transit_url": f"https://{args.key_service_host}:{keys.port}",
        "transit_mount": keys.mount,
        "transit_namespace": keys.namespace,
        "transit_auth": keys.auth,
        "transit_auth_mount": keys.auth_mount,
        "transit_role": keys.operator_role if operator and keys.operator_role else keys.role,
        "transit_secret_file": f"{RUN}/key-service-token/token" if by_token else f"{RUN}/key-service/secret",
        "transit_ca": f"{RUN}/key-service/ca.crt",
        "transit_fingerprint": keys.fingerprint,
    }


def _files(files: Files) -> dict[str, str]:
    match files.kind:
        case "off":
            return {"files": "off"}
        case "volume":
            return {"files": "folder", "files_folder": _STORE}
        case "s3":
            return {
                "files": "s3",
                "files_s3_endpoint": f"https://{files.host}:{files.port}",
                "files_s3_region": files.region,
                "files_s3_bucket": files.bucket,
                "files_s3_prefix": files.prefix,
                "files_s3_access_key_file": f"{_STORE}/access-key",
                "files_s3_secret_key_file": f"{_STORE}/secret-key",
            }


def secrets(args: VaultArgs) -> tuple[SecretArgs, ...]:
    """What the processes read besides their database's address."""
    store = {"access-key": "{files-access-key}", "secret-key": "{files-secret-key}"}
    found = (SecretArgs("files-store", VAULT, "keys", store),) if args.files.kind == "s3" else ()
    if args.keys.kind == "local-keyring":
        keys = {"passphrase": "{keyring-passphrase}", "keyring.json": "{keyring}"}
        return (SecretArgs("keyring", VAULT, "keys", keys), *found)
    authority = {"ca.crt": "{authority-crt}" if args.keys.kind == "openbao" else "{tls-key-service-crt}"}
    if args.keys.auth == "kubernetes":
        return (SecretArgs(_CLIENT, VAULT, "keys", authority), *found)
    client = SecretArgs(_CLIENT, VAULT, "keys", {"secret": "{key-service-secret}"} | authority)
    if not args.keys.operator_role:
        return (client, *found)
    return (
        client,
        SecretArgs(_OPERATOR, VAULT, "keys", {"secret": "{key-service-operator-secret}"} | authority),
        *found,
    )


def mounts_of(args: VaultArgs, *, operator: bool = False) -> tuple[Mount, ...]:
    return (
        Mount("secrets", f"{RUN}/secrets", secret="runtime"),  # noqa: S106  names, all of them
        Mount("database", f"{RUN}/database", secret="database-authority"),  # noqa: S106
        Mount("tls", f"{RUN}/tls", secret="tls-vault"),  # noqa: S106
        Mount("outbound", f"{RUN}/outbound", secret="tls-outbox"),  # noqa: S106
        Mount("peer", f"{RUN}/peer", config="peer"),
        Mount("journal", f"{RUN}/journal", claim="journal"),
        temporary(),
        *_key_mounts(args.keys, operator=operator),
        *_file_mounts(args.files),
    )


def _key_mounts(keys: Keys, *, operator: bool) -> tuple[Mount, ...]:
    if keys.kind == "local-keyring":
        return (
            Mount("keyring", KEYRING, claim="keyring"),
            Mount("keyring-passphrase", f"{RUN}/keyring-passphrase", secret="keyring"),  # noqa: S106
        )
    if keys.auth == "kubernetes":
        token = Mount("key-service-token", f"{RUN}/key-service-token", audience=AUDIENCE)
        return (Mount("key-service", f"{RUN}/key-service", secret=_CLIENT), token)
    return (
        Mount("key-service", f"{RUN}/key-service", secret=_OPERATOR if operator and keys.operator_role else _CLIENT),
    )


def _file_mounts(files: Files) -> tuple[Mount, ...]:
    match files.kind:
        case "off":
            return ()
        case "volume":
            return (Mount("files", _STORE, claim="files"),)
        case "s3":
            return (Mount("files", _STORE, secret="files-store"),)  # noqa: S106
