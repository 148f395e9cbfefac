"""The rendered network policies open the intended paths and nothing else, judged by an evaluator of their semantics."""

from typing import Any

import pytest

from infra.lib.names import NAMESPACES, Contour
from infra.lib.settings import StackSettings
from infra.paths import Networks, Path, Pods, paths
from infra.programs.common import peer_of
from tests.support.netpol import Cluster, Party
from tests.support.stacks import settings
from tests.unit.infra.conftest import Opened, rendered

STRANGER = "192.0.2.77"
CONTOURS: list[Contour] = ["private", "public"]


def party(end: Pods | Networks) -> Party:
    if isinstance(end, Pods):
        return Party(end.namespace, dict(end.labels))
    if end.name == "internet":
        return Party(address=STRANGER)
    return Party(address=end.networks[0].partition("/")[0])


def inside(found: tuple[Path, ...], contour: Contour) -> dict[str, Party]:
    """Every kind of pod of the contour, with one that nobody knows in each namespace."""
    ends = {str(end): party(end) for path in found for end in (path.source, path.target) if isinstance(end, Pods)}
    strangers = {
        f"{name}/stranger": Party(name, {"app.kubernetes.io/name": "stranger"}) for name in NAMESPACES[contour]
    }
    return ends | strangers


def reachable(own: StackSettings, manifests: list[dict[str, Any]]) -> set[tuple[str, str, int, str]]:
    """All that gets through, of every pair and every port that stands anywhere."""
    found = paths(own, peer_of(own))
    cluster, parties = Cluster(manifests), inside(found, own.contour)
    parties |= {str(end): party(end) for path in found for end in (path.source, path.target)}
    parties |= {"internet": Party(address=STRANGER), "metadata": Party(address="169.254.169.254")}
    ports = {port for path in found for port in path.ports} | {22, 80, 443, 6443}
    ours = set(NAMESPACES[own.contour])
    return {
        (source, target, port, protocol)
        for source, one in parties.items()
        for target, other in parties.items()
        for port in ports
        for protocol in ("TCP", "UDP")
        if {one.namespace, other.namespace} & ours and cluster.lets(one, other, port, protocol)
    }


def intended(own: StackSettings) -> set[tuple[str, str, int, str]]:
    return {
        (str(path.source), str(path.target), port, protocol)
        for path in paths(own, peer_of(own))
        for port in path.ports
        for protocol in path.protocols
    }


def beyond_networks(ways: set[tuple[str, str, int, str]]) -> set[tuple[str, str, int, str]]:
    """The internet holds every other address: who is let in from it is let in from there as well."""
    return {way for way in ways if ("internet", *way[1:]) not in ways or way[0] == "internet" or "/" in way[0]}


@pytest.mark.parametrize("stage", ["production", "rehearsal"])
@pytest.mark.parametrize("contour", CONTOURS)
@pytest.mark.parametrize("link", ["open", "closed"])
def test_exactly_the_intended_paths_are_open(contour: Contour, stage: str, link: str, opened: Opened) -> None:
    own = opened(contour, stage=stage) if link == "open" else settings(contour, stage=stage)
    assert beyond_networks(reachable(own, rendered(own))) == beyond_networks(intended(own))


@pytest.mark.parametrize("contour", CONTOURS)
def test_prometheus_reaches_the_listener_that_asks_for_certificates_and_no_other(
    contour: Contour, opened: Opened
) -> None:
    own = opened(contour, telemetry={"kind": "prometheus-operator"})
    ways = {way for way in beyond_networks(reachable(own, rendered(own))) if way[0].startswith("monitoring/")}
    assert ways == ({("monitoring/prometheus", "vault/vault", 8201, "TCP")} if contour == "private" else
                    {("monitoring/prometheus", "app/app", 8101, "TCP")})  # fmt: skip
    silent = opened(contour)
    assert not [path for path in paths(silent, peer_of(silent)) if "metrics" in path.name]


def test_a_policy_that_opens_more_would_be_seen(opened: Opened) -> None:
    own = opened("private", stage="rehearsal")
    manifests = rendered(own)
    policy = next(one for one in manifests if one["metadata"]["name"] == "allow-postgres")
    policy["spec"]["ingress"].append({"ports": [{"protocol": "TCP", "port": 5432}]})
    more = reachable(own, manifests) - reachable(own, rendered(own))
    assert ("internet", "data/postgres", 5432, "TCP") in more


def test_a_namespace_without_its_default_deny_would_be_seen(opened: Opened) -> None:
    own = opened("public", stage="rehearsal")
    rest = [
        one for one in rendered(own)
        if (one["metadata"]["name"], one["metadata"].get("namespace")) != ("default-deny", "app")
    ]  # fmt: skip
    assert any(way[0] == "app/stranger" for way in reachable(own, rest))


@pytest.mark.parametrize("contour", CONTOURS)
def test_without_an_accepted_contract_no_path_leads_to_the_other_contour(contour: Contour) -> None:
    names = {str(end) for path in paths(settings(contour), None) for end in (path.source, path.target)}
    assert not [name for name in names if "other contour" in name]


def test_the_public_contour_reaches_nothing_but_the_service_listener(opened: Opened) -> None:
    own = opened("public", stage="rehearsal")
    out = {way for way in reachable(own, rendered(own)) if way[1] in {"internet", "metadata"}}
    assert out == set()


def test_the_relay_reaches_the_listed_hosts_alone(opened: Opened) -> None:
    listed = [{"host": "sms.example.ru", "addresses": ["203.0.113.99/32"]}]
    own = opened("private", stage="rehearsal", relay=listed)
    cluster = Cluster(rendered(own))
    worker, vault = (Party("vault", {"app.kubernetes.io/name": name}) for name in ("vault-worker", "vault"))
    assert cluster.lets(worker, Party(address="203.0.113.99"), 443)
    assert not cluster.lets(worker, Party(address="203.0.113.98"), 443)
    assert not cluster.lets(worker, Party(address="203.0.113.99"), 80)
    assert not cluster.lets(vault, Party(address="203.0.113.99"), 443)


@pytest.mark.parametrize("link", ["open", "closed"])
def test_programs_of_the_private_contour_reach_the_service_listener_and_nobody_else(link: str, opened: Opened) -> None:
    given: dict[str, Any] = {"stage": "rehearsal", "edge__programs": ["10.9.0.0/24"]}
    own = opened("private", **given) if link == "open" else settings("private", **given)
    manifests = rendered(own)
    cluster, edge = Cluster(manifests), Party("edge", {"app.kubernetes.io/name": "edge"})
    vault = Party("vault", {"app.kubernetes.io/name": "vault"})
    assert cluster.lets(Party(address="10.9.0.7"), edge, 9443)
    assert cluster.lets(edge, vault, 8201)
    assert not cluster.lets(Party(address="10.8.0.7"), edge, 9443)
    assert not cluster.lets(Party(address="10.9.0.7"), vault, 8201)
    service = next(one for one in manifests if one["kind"] == "Service" and one["metadata"]["namespace"] == "edge")
    assert {port["name"] for port in service["spec"]["ports"]} == {"browser", "link"}


def test_metadata_is_out_of_reach_even_where_the_internet_is_let_in(opened: Opened) -> None:
    own = opened("private", stage="rehearsal")
    edge = Party("edge", {"app.kubernetes.io/name": "edge"})
    cluster = Cluster(rendered(own))
    assert cluster.lets(Party(address=STRANGER), edge, 8443)
    assert not cluster.lets(Party(address="169.254.169.254"), edge, 8443)


def test_a_cluster_of_one_family_gets_no_rule_of_the_other() -> None:
    """A network plug-in that knows IPv4 alone may refuse every policy because of one such rule."""
    assert _networks(settings("private")) >= {"0.0.0.0/0", "::/0"}
    of_one = _networks(settings("private", cluster__families=["ipv4"]))
    assert "0.0.0.0/0" in of_one
    assert not [network for network in of_one if ":" in network]


def _networks(own: StackSettings) -> set[str]:
    ends = {end for path in paths(own, None) for end in (path.source, path.target)}
    return {network for end in ends if isinstance(end, Networks) for network in end.networks}
