"""Settings are refused with the line and what is allowed there, before anything is touched."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.errors import SettingsInvalid, SharedState
from infra.lib.located import Located
from infra.lib.settings import load_settings, parse_settings, refuse_shared_state, settings_of, site_of
from tests.support.stacks import DIGEST, REGISTRY, content, settings

UNTAGGED = f"{REGISTRY}/larets:1.0"
SEALED_BY = {"url": "https://keys.example.ru", "key": "shop-private", "role": "a-role", "secret_id_file": "./secret-id"}


@pytest.mark.parametrize("stage", ["production", "rehearsal"])
@pytest.mark.parametrize("contour", ["private", "public"])
def test_complete_settings_are_taken(contour: str, stage: str) -> None:
    assert settings(contour, stage=stage).contour == contour


@pytest.mark.parametrize(
    ("changes", "line", "told"),
    [
        ({"environment": None}, 1, "environment: is missing"),
        ({"environment": "Shop"}, 1, "environment: allowed: lower-case letters"),
        ({"stage": "prod"}, 3, "stage: allowed: 'rehearsal', 'staging' or 'production'"),
        (
            {"images__larets": UNTAGGED},
            None,
            "images.larets: a tag where a digest belongs; allowed: registry/name@sha256",
        ),
        ({"images__larets": f"docker.example.com/x@{DIGEST}"}, None, "images.larets: its registry is not listed"),
        ({"images__database": None}, None, "images.database: is needed here"),
        ({"hosts__vault": "vault.example.com"}, None, "hosts.vault: is not of one site with hosts.crm"),
        ({"hosts__hooks": "vault.example.ru"}, None, "hosts: each part has a host name of its own"),
        ({"hosts__crm": "https://crm.example.ru"}, None, "hosts.crm: allowed: a host name"),
        ({"cluster__identifier": None}, None, "cluster.identifier: must be given"),
        ({"cluster__context": None}, None, "cluster.context: must be given"),
        ({"cluster__api_server": None}, None, "cluster.api_server: CloudNativePG's pods call the API server"),
        ({"cluster__egress_addresses": ["0.0.0.0/0"]}, None, "the whole internet is not a peer"),
        ({"cluster__egress_addresses": ["128.0.0.0/1"]}, None, "the whole internet is not a peer"),
        ({"database__kind": "statefulset"}, None, "database.kind: is for rehearsals only; allowed in production"),
        ({"keys__kind": "local-keyring"}, None, "keys.kind: a keyring file is not a key service"),
        ({"cluster__pod_networks": None}, None, "cluster.pod_networks: must be given"),
        ({"keys__auth": "kubernetes"}, None, "keys.auth: our own OpenBao may not ask the API server"),
        ({"keys__seal": "transit"}, None, "keys.seal: is not a setting"),
        ({"keys__fingerprint": "aa"}, None, "keys.fingerprint"),
        ({"files": {"kind": "s3", "host": "s3.example.ru"}}, None, "files.host: a bucket needs host, addresses"),
        ({"protect_data": False}, None, "protect_data: is for rehearsals only"),
        ({"database__storage": "fifty"}, None, "database.storage: allowed: a size such as 512Mi"),
        ({"secrets__kind": "external-secrets"}, None, "secrets.store: External Secrets needs"),
        ({"sizes__web": {"replicas": 9}}, None, "sizes.web.max_replicas: allowed: 9"),
        ({"access": {"operators": ["system:authenticated"]}}, None, "access.operators.0: allowed: a group of people"),
        ({"access": {"officers": [" "]}}, None, "access.officers.0: allowed: a group of people"),
        ({"sizes__web": {"max_replicas": 60, "replicas": 2}}, None, "sizes: more pods, cpu at its largest"),
        ({"sizes__edge": {"max_replicas": 100}, "edge__kind": "proxy"}, None, "sizes.edge: more pods"),
        ({"database__storage": "1Ti"}, None, "database.storage: more storage"),
        ({"database__cpu": "40"}, None, "database: more cpu"),
        ({"database__memory": "50Gi"}, None, "database: more memory"),
        ({"keys__storage": "700Gi"}, None, "keys.storage: more storage"),
        ({"files__kind": "volume", "files__storage": "2Ti"}, None, "files.storage: more storage"),
        ({"proteckt_data": True}, None, "proteckt_data: is not a setting"),
        ({"database__kindd": "x"}, None, "database.kindd: is not a setting"),
        ({"state__sealed_by": SEALED_BY | {"url": "http://keys.example.ru"}}, None, "sealed_by.url: allowed: https://"),
        ({"state__sealed_by": SEALED_BY | {"key": "a/b"}}, None, "state.sealed_by.key: allowed: the name of a key"),
        ({"state__sealed_by": SEALED_BY | {"role": ""}}, None, "state.sealed_by.role"),
        ({"peer__fingerprint": "abc"}, None, "peer.fingerprint: allowed: sha256:"),
    ],
)
def test_a_fault_is_named_with_its_line_and_what_is_allowed(
    changes: dict[str, Any], line: int | None, told: str
) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        settings("private", **changes)
    first = caught.value.detail.splitlines()[0]
    assert told in caught.value.detail
    assert first.startswith("settings:")
    if line is not None:
        assert first.startswith(f"settings:{line}:")


def test_the_line_is_the_line_of_the_file(tmp_path: Path) -> None:
    text = yaml.safe_dump(content("private", images__larets=UNTAGGED), sort_keys=False)
    expected = next(number for number, line in enumerate(text.splitlines(), 1) if line.strip().startswith("larets:"))
    (tmp_path / "shop.yaml").write_text(text)
    with pytest.raises(SettingsInvalid, match=f"shop.yaml:{expected}: images.larets"):
        load_settings(tmp_path / "shop.yaml")


@pytest.mark.parametrize(
    "changes",
    [
        {"database__password": "canary-secret"},
        {"cluster__token": "canary-secret"},
        {"state__sealed_by": SEALED_BY | {"secret_id": "canary-secret"}},
        {"state__sealed_by": SEALED_BY | {"secret_id_file": "canary-secret"}},
        {"state__backend": "s3://key:canary-secret@bucket"},
        {"cluster__cloud": {"anything": "-----BEGIN EC PRIVATE " + "KEY----- canary-secret"}},
    ],
)
def test_a_secret_is_refused_and_not_repeated(changes: dict[str, Any]) -> None:
    with pytest.raises(SettingsInvalid, match="secret") as caught:
        settings("private", **changes)
    assert "canary-secret" not in caught.value.detail


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "not YAML"),
        ("- a", "must hold settings"),
        ("a: 1\nb: 2\na: 3", "3: `a` stands here twice"),
        ("a: 1\nb: !secret x", "2: not YAML"),
        ("a: 1\nb: 2026-99-99", "2: not YAML: no such value"),
        ("a: 1\nb: !!int x", "2: not YAML: no such value"),
        ("a: 1\nb: \0", "2: not YAML: a character that no text has"),
        ("a: 1\n[1]: 2", "2: not YAML"),
        ("a: 1\nb: *x", "2: not YAML"),
        ("a: &x\n  b: *x", "nested too deeply"),
        ("", "must hold settings"),
    ],
)
def test_a_file_that_is_no_settings_is_refused(text: str, told: str) -> None:
    with pytest.raises(SettingsInvalid, match=told):
        parse_settings(Located("settings", text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="cannot be read") as caught:
        load_settings(tmp_path / "none.yaml")
    assert "larets env init" in caught.value.hint


def test_two_environments_may_not_share_a_state() -> None:
    private, public = settings("private"), settings("public")
    refuse_shared_state([private, public])
    with pytest.raises(SharedState, match="shop/private and shop/public"):
        refuse_shared_state([private, settings("public", state__backend=private.state.backend + "/")])


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("crm.example.ru", "example.ru"),
        ("crm.shop.msk.ru", "shop.msk.ru"),
        ("crm.larets.localhost", "larets.localhost"),
    ],
)
def test_a_site_is_what_a_browser_takes_for_one(host: str, site: str) -> None:
    assert site_of(host) == site


def test_a_keyring_file_is_for_a_rehearsal_with_one_pod() -> None:
    with pytest.raises(SettingsInvalid, match="where keys are in a file"):
        settings("private", stage="rehearsal", sizes__web={"replicas": 2})


def test_the_relay_has_no_place_in_the_public_contour() -> None:
    hosts = [{"host": "sms.example.ru", "addresses": ["203.0.113.99/32"]}]
    assert settings("private", relay=hosts).relay[0].port == 443
    with pytest.raises(SettingsInvalid, match="relay"):
        settings("public", relay=hosts)


def test_data_given_as_data_is_checked_alike() -> None:
    with pytest.raises(SettingsInvalid):
        settings_of({"environment": "shop"})


def test_each_contour_has_a_key_and_a_sign_in_of_its_own_at_the_key_service() -> None:
    private = settings("private", state__sealed_by=SEALED_BY)
    other = SEALED_BY | {"key": "shop-public", "role": "other"}
    refuse_shared_state([private, settings("public", state__sealed_by=other)])
    refuse_shared_state([private, settings("public", state__sealed_by=SEALED_BY | {"url": "https://keys.example.com"})])
    with pytest.raises(SharedState, match="shop/private and shop/public seal their passphrases by one key"):
        refuse_shared_state([private, settings("public", state__sealed_by=other | {"key": SEALED_BY["key"]})])
    with pytest.raises(SharedState, match="sign in to the key service as one"):
        refuse_shared_state([private, settings("public", state__sealed_by=other | {"role": SEALED_BY["role"]})])
