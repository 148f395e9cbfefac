"""What the pods are told is what the processes take: their real settings read the rendered environment."""

import ipaddress
import re
from pathlib import Path
from typing import Any

import pytest

from app.config import AppSettings
from infra.components.edge import EdgeArgs, proxy_text
from infra.components.key_service import KeyServiceArgs, configuration
from infra.components.telemetry import alarms
from infra.lib import proxy
from infra.lib.parts import WorkloadSize
from infra.lib.pods import RUN
from pii_vault.config import VaultSettings, load_settings
from pii_vault.edge import believed
from scripts import database
from tests.support.stacks import settings
from tests.unit.infra.conftest import Opened, rendered


def deployment(manifests: list[dict[str, Any]], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        one for one in manifests if one["kind"] == "Deployment" and one["metadata"]["name"] == name
    )["spec"]["template"]["spec"]
    return found


def environment(pod: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in pod["containers"][0]["env"]}


def told(monkeypatch: pytest.MonkeyPatch, folder: Path, pod: dict[str, Any], secret: str) -> None:
    (folder / secret).write_text("postgresql://u:p@postgres/x")
    for name, value in environment(pod).items():
        monkeypatch.setenv(name, str(folder) if name == "LARETS_SECRETS_DIR" else value)


@pytest.mark.parametrize("name", ["vault", "vault-worker"])
@pytest.mark.parametrize("stage", ["production", "rehearsal"])
@pytest.mark.parametrize("link", ["open", "closed"])
def test_the_vault_takes_its_environment(
    name: str, *, stage: str, link: str, opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = opened("private", stage=stage) if link == "open" else settings("private", stage=stage)
    told(monkeypatch, tmp_path, deployment(rendered(own), name), "larets_vault_database_url")
    taken: VaultSettings = load_settings()
    assert taken.vault_origin == "https://vault.example.ru"
    assert taken.key_service == ("transit" if stage == "production" else "local")
    assert ("link-closed" in taken.app_intake_url) is (link == "closed")
    unknown = {key for key in environment(deployment(rendered(own), name)) if key.startswith("LARETS_VAULT_")} - {
        f"LARETS_VAULT_{field.upper()}" for field in VaultSettings.model_fields
    }
    assert unknown == set()  # the vault ignores what it does not know: a misspelt safeguard would not be one


@pytest.mark.parametrize("link", ["open", "closed"])
def test_the_application_takes_its_environment(
    link: str, opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = opened("public") if link == "open" else settings("public")
    told(monkeypatch, tmp_path, deployment(rendered(own), "app"), "larets_app_database_url")
    taken = AppSettings()
    assert taken.vault_service_url.startswith("https://")
    assert ("link-closed" in taken.vault_service_url) is (link == "closed")


def test_the_other_contours_host_is_pinned_to_its_contracts_address(opened: Opened) -> None:
    pod = deployment(rendered(opened("public")), "app")
    assert pod["hostAliases"] == [{"ip": "203.0.113.10", "hostnames": ["service.example.ru"]}]
    assert "hostAliases" not in deployment(rendered(settings("public")), "app")


@pytest.mark.parametrize("contour", ["private", "public"])
def test_every_file_a_process_is_told_of_is_mounted(contour: Any) -> None:
    pod = deployment(rendered(settings(contour, stage="rehearsal")), "vault" if contour == "private" else "app")
    mounted = tuple(one["mountPath"] + "/" for one in pod["containers"][0]["volumeMounts"])
    paths = [value for value in environment(pod).values() if value.startswith("/run/")]
    assert paths
    assert [path for path in paths if not f"{path}/".startswith(mounted)] == []


@pytest.mark.parametrize("contour", ["private", "public"])
def test_pods_wait_for_the_schema_by_a_command_that_exists(contour: Any) -> None:
    manifests = rendered(settings(contour, stage="rehearsal"))
    pod = deployment(manifests, "vault" if contour == "private" else "app")
    job = next(one for one in manifests if one["kind"] == "Job")["spec"]["template"]["spec"]
    used = [pod["initContainers"][0]["command"][3], job["containers"][0]["command"][3]]
    known = {command.callback.__name__ for command in database.cli.registered_commands if command.callback}
    assert set(used) == {"wait", "migrate"} <= known


def test_another_image_is_another_job() -> None:
    def job(**changes: Any) -> str:
        manifests = rendered(settings("public", stage="rehearsal", **changes))
        return str(next(one for one in manifests if one["kind"] == "Job")["metadata"]["name"])

    other = "registry.example.ru/larets/larets@sha256:" + "b" * 64
    assert (
        len({job(), job(images__larets=other), job(secrets={"generation": 2}), job(database__irreversible="accepted")})
        == 4
    )
    assert job() == job()


def test_a_rotation_starts_the_pods_anew() -> None:
    def generation(number: int) -> Any:
        manifests = rendered(settings("public", secrets={"generation": number}))
        return next(one for one in manifests if one["kind"] == "Deployment")["spec"]["template"]["metadata"]

    assert generation(1) != generation(2)


def proxied(**changes: Any) -> Any:
    """The annotations of the proxy's pods."""
    manifests = rendered(settings("private", edge__kind="proxy", **changes))
    return next(one for one in manifests if one["kind"] == "Deployment" and one["metadata"]["name"] == "edge")[
        "spec"]["template"]["metadata"]["annotations"]  # fmt: skip


def test_another_text_of_the_proxy_starts_its_pods_anew() -> None:
    assert proxied() != proxied(hosts__hooks="events.example.ru")
    assert proxied() == proxied(keys__role="another")  # of which the proxy is told nothing


def edge(*, link_open: bool) -> EdgeArgs:
    return EdgeArgs(
        "proxy", "personal", "image", "", "ClusterIP", "", ("vault.example.ru", "hooks.example.ru"),
        "service.example.ru",
        link_open, "vault", "vault", 8200, 8201, WorkloadSize(), 1,
    )  # fmt: skip


def test_the_proxy_lets_known_hosts_through_and_logs_nobody() -> None:
    text = proxy_text(edge(link_open=True))
    assert "acl known hdr(host) -i vault.example.ru hooks.example.ru" in text
    assert "status 421" in text
    assert "req.ssl_sni -i service.example.ru" in text
    assert "log" not in text.replace("dialog", "")


def test_the_proxy_alone_says_who_called() -> None:
    """What a visitor writes into the header is thrown away, so the last hop is what the vault may believe."""
    lines = [line.strip() for line in proxy_text(edge(link_open=False)).splitlines()]
    assert "http-request set-header x-forwarded-for %[src]" in lines
    assert "http-request del-header forwarded" in lines
    networks = [ipaddress.ip_network("10.244.0.0/16")]
    assert believed("10.244.0.5", ["203.0.113.9"], trusted=networks) == "203.0.113.9"
    assert believed("10.244.0.5", ["198.51.100.1, 203.0.113.9"], trusted=networks) == "203.0.113.9"  # as Envoy appends
    assert believed("10.244.0.5", ["203.0.113.9"], trusted=[]) == "10.244.0.5"  # where pod_networks are not told


def test_the_proxy_checks_who_answers_it() -> None:
    text = proxy_text(edge(link_open=False))
    assert "ssl verify required" in text
    assert "verifyhost vault.vault.svc" in text
    assert "verify none" not in text


def test_the_proxys_script_follows_the_files_that_are_mounted_and_speaks_to_its_own_socket() -> None:
    text, script = proxy_text(edge(link_open=True)), proxy.watching()
    [admin] = re.findall(r"stats socket (\S+) mode 600", text)
    [served] = re.findall(r"ssl crt (\S+)", text)
    assert f'admin = "{admin}"' in script
    assert f'certificate, key = "{served}", "{served}.key"' in script
    assert f"lua-load {RUN}/config/certificates.lua" in text


def test_the_proxy_has_no_listener_for_a_closed_link() -> None:
    assert ":9443" in proxy_text(edge(link_open=True))
    assert ":9443" not in proxy_text(edge(link_open=False))
    assert "service.example.ru" not in proxy_text(edge(link_open=False))


def test_the_key_service_takes_none_of_the_charts_unsafe_defaults() -> None:
    found = configuration(KeyServiceArgs("image", 3, "10Gi", "", 1))
    listener = found["listener"][0]["tcp"]
    assert listener["tls_disable"] is False
    assert listener["tls_min_version"] == "tls13"
    joined = found["storage"]["raft"]["retry_join"]
    assert len(joined) == 3
    assert all(one["leader_api_addr"].startswith("https://") and one["leader_ca_cert_file"] for one in joined)
    assert found["ui"] is False


@pytest.mark.parametrize(("contour", "home", "port"), [("private", "vault", "service"), ("public", "app", "intake")])
def test_what_is_watched_is_there_with_the_certificate_that_it_asks_for(contour: Any, home: str, port: str) -> None:
    manifests = rendered(settings(contour, telemetry={"kind": "prometheus-operator"}))
    [monitor] = [one["spec"] for one in manifests if one["kind"] == "ServiceMonitor"]
    wanted = monitor["selector"]["matchLabels"].items()
    found = [one for one in manifests if one["kind"] == "Service" and wanted <= one["metadata"]["labels"].items()]
    assert [(one["metadata"]["namespace"], one["metadata"]["name"]) for one in found] == [(home, home)]
    [endpoint] = monitor["endpoints"]
    assert endpoint["port"] == port
    assert port in {one["name"] for one in found[0]["spec"]["ports"]}
    certificates = {one["spec"]["secretName"]: one["spec"] for one in manifests if one["kind"] == "Certificate"}
    assert certificates["tls-metrics"]["commonName"] == "metrics"
    assert not [one for one in rendered(settings(contour)) if one["kind"] in {"ServiceMonitor", "PrometheusRule"}]


@pytest.mark.parametrize("contour", ["private", "public"])
def test_every_alarm_says_what_to_do(contour: Any) -> None:
    for group in alarms(contour)["groups"]:
        for rule in group["rules"]:
            assert rule["annotations"]["action"]
            assert rule["labels"]["severity"] in {"page", "ticket"}
