"""Every setting of the processes is told by the stacks, or right by default with a reason, or no stack's to choose.

A new setting of the vault or the application fails here until somebody has decided which of these it is.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import BaseSettings

from app.config import AppSettings
from infra.lib.parts import RelayHost, private_networks
from infra.lib.settings import StackSettings
from infra.render import REQUIRED
from pii_vault.config import VaultSettings, load_settings
from tests.support.stacks import content, settings
from tests.unit.infra.conftest import Opened, rendered
from tests.unit.infra.test_processes import deployment, environment, told

EXTERNAL = {"kind": "external", "host": "keys.example.ru", "addresses": ["10.5.0.9/32"], "port": 8200}
BUCKET = {"kind": "s3", "host": "s3.example.ru", "addresses": ["10.6.0.9/32"], "bucket": "larets"}
MAIL = [{"host": "mail.example.ru", "addresses": ["10.7.0.25/32"], "port": 465}]
# Together they use every choice that the settings of a stack offer.
VARIANTS: list[dict[str, Any]] = [
    {"stage": "rehearsal"},
    {"keys": EXTERNAL | {"auth": "kubernetes", "namespace": "shop", "fingerprint": "a" * 64}, "files": BUCKET},
    {
        "keys": EXTERNAL | {"auth": "approle", "operator_role": "larets-operator"},
        "files": {"kind": "volume"},
        "relay": MAIL,
    },
]
# Right for every deployed contour as they are.
RIGHT_BY_DEFAULT: dict[str, dict[str, str]] = {
    "vault": {
        "dek_seconds": "ten minutes, the longest there is: what a key service may be away unnoticed",
        "checkpoint_seconds": "two seconds: the other contour hears of a record at once",
        "erasure_replay": "manual: after a restore a person looks first, and runs `larets subject replay`",
        "log_level": "INFO: nothing below it is kept",
        "replica_wait_ms": "a standby that is further behind is not waited for",
    },
    "app": {
        "outbox_name": "the common name that the private stack's own certificate bears",
        "oidc_client_id": "the issuer knows one client of the public contour",
        "log_level": "INFO: nothing below it is kept",
    },
}
# What a stack does not offer, and what is refused in its place.
NOT_OFFERED: dict[str, str] = {
    "pkcs11_module": "images hold no vendor's library; a token may seal the root of a key service of your own instead",
    "pkcs11_token": "see pkcs11_module",
    "pkcs11_key": "see pkcs11_module",
    "pkcs11_pin_file": "see pkcs11_module",
}


def names(model: type[BaseSettings]) -> set[str]:
    """As the environment calls them; the environment's own name has another prefix."""
    return set(model.model_fields) - {"environment"}


def told_by(manifests: Iterable[dict[str, Any]], workload: str, prefix: str) -> set[str]:
    """Names of settings in a pod's environment, and those that are files of its secrets."""
    listed = list(manifests)
    pod = deployment(listed, workload)
    named = {name.removeprefix(prefix).lower() for name in environment(pod) if name.startswith(prefix)}
    runtime = next(one for one in listed if one["kind"] == "Secret" and one["metadata"]["name"] == "runtime")
    required = runtime["metadata"]["annotations"][REQUIRED].split(",")
    return named | {key.removeprefix(prefix.lower()) for key in required}


def forgotten(known: set[str], said: set[str], excused: Iterable[str]) -> set[str]:
    return known - said - set(excused)


def variant(contour: str, changes: Mapping[str, Any]) -> StackSettings:
    return settings(contour, **changes)


def test_the_private_stack_tells_every_setting_of_the_vault() -> None:
    said = {name for one in VARIANTS for name in told_by(rendered(variant("private", one)), "vault", "LARETS_VAULT_")}
    excused = {*RIGHT_BY_DEFAULT["vault"], *NOT_OFFERED}
    assert forgotten(names(VaultSettings), said, excused) == set()
    assert said & excused == set(), "a setting that is told needs no excuse"
    assert excused <= names(VaultSettings), "an excuse for a setting that is not there any more"


def test_the_public_stack_tells_every_setting_of_the_application(opened: Opened) -> None:
    said = told_by(rendered(opened("public")), "app", "LARETS_APP_")
    excused = RIGHT_BY_DEFAULT["app"]
    assert forgotten(names(AppSettings), said, excused) == set()
    assert said.isdisjoint(excused)
    assert set(excused) <= names(AppSettings)


def test_a_setting_that_the_stacks_forget_would_be_seen() -> None:
    class Grown(VaultSettings):
        new_safeguard: str = ""

    said = told_by(rendered(variant("private", VARIANTS[0])), "vault", "LARETS_VAULT_")
    assert "new_safeguard" in forgotten(names(Grown), said, ())


@pytest.mark.parametrize("changes", VARIANTS, ids=["rehearsal", "kubernetes and s3", "approle, volume and mail"])
@pytest.mark.parametrize("workload", ["vault", "vault-worker"])
def test_what_is_told_is_taken_and_mounted(
    workload: str, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pod = deployment(rendered(variant("private", changes)), workload)
    mounted = tuple(one["mountPath"] + "/" for one in pod["containers"][0]["volumeMounts"])
    paths = [value for value in environment(pod).values() if value.startswith("/run/")]
    assert [path for path in paths if not f"{path}/".startswith(mounted)] == []
    told(monkeypatch, tmp_path, pod, "larets_vault_database_url")
    taken = load_settings()
    asked = content("private", **changes)
    assert taken.files == {"volume": "folder"}.get(kind := asked.get("files", {}).get("kind", "off"), kind)
    assert [str(network) for network in taken.trusted_edge] == asked["cluster"]["pod_networks"]
    assert [str(one) for one in taken.relay_networks] == (MAIL[0]["addresses"] if "relay" in asked else [])
    if "keys" in asked and asked["keys"]["kind"] == "external":
        assert taken.transit_auth == asked["keys"]["auth"]
        assert taken.transit_fingerprint == asked["keys"].get("fingerprint", "")
        assert taken.transit_namespace == asked["keys"].get("namespace", "")


def test_a_pod_signs_in_to_the_key_service_alone_by_its_token() -> None:
    pod = deployment(rendered(variant("private", VARIANTS[1])), "vault")
    assert pod["automountServiceAccountToken"] is False
    [projected] = [one["projected"] for one in pod["volumes"] if "projected" in one]
    [source] = projected["sources"]
    assert source["serviceAccountToken"]["audience"] == "larets-key-service"


def test_an_address_outside_is_not_called_private() -> None:
    told_of = {"93.184.216.34/32": (), "10.7.0.25/32": ("10.7.0.25/32",), "fd00::25/128": ("fd00::25/128",)}
    for address, expected in told_of.items():
        assert private_networks([RelayHost(host="mail.example.ru", addresses=(address,))]) == expected
