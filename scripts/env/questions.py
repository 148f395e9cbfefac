"""What `larets env init` asks: one question at a time, each answer checked at once, a wrong one asked for again."""

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

import typer
import yaml
from pydantic import TypeAdapter, ValidationError

from infra.lib import images, parts
from scripts.env.errors import ClusterRefused, EnvProblem
from scripts.env.example import PLACEHOLDER, example
from scripts.env.kube import Cluster, connect
from scripts.env.place import Contour
from scripts.voice import say

Settings = dict[str, Any]
Check = Callable[[str], str]

TRIES: Final = 5  # more often somebody's script answers, not a person
LATER: Final = "later"
WIDE: Final = {4: 16, 6: 56}  # what clusters commonly give all their pods; a node has a part of it
SLICES: Final = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
STAGES: Final = ("production", "staging", "rehearsal")
_DIGEST: Final = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
_HOST: Final[TypeAdapter[str]] = TypeAdapter(parts.Host)
_ADDRESS: Final[TypeAdapter[str]] = TypeAdapter(parts.Address)


class Wrong(ValueError):
    """Why an answer will not do and what is allowed there; it never repeats the answer."""


def ask(text: str, check: Check, *, default: str | None = None) -> str:
    """The first answer that will do; a wrong one is told and asked for again.

    Raises:
        EnvProblem: nobody answers, or only wrongly.
    """
    for _ in range(TRIES):
        try:
            said: str = typer.prompt(text, default=default, err=True)
        except typer.Abort as error:
            raise _left() from error
        try:
            return check(said.strip())
        except Wrong as wrong:
            say(f"larets: {wrong}")
    raise EnvProblem(
        f"no usable answer after {TRIES} tries; nothing was written",
        hint="`larets env init --answers FILE` takes them from a file",
    )


def agreed(text: str) -> bool:
    """Raises EnvProblem: nobody answers."""
    try:
        return typer.confirm(text, err=True)
    except typer.Abort as error:
        raise _left() from error


def asked(place: Contour) -> Settings:
    """Settings of a new contour, from a person. Nothing is written.

    Raises:
        EnvProblem: nobody answers, or the cluster was not confirmed.
    """
    domain = ask("the domain of the shop's own zone, such as shop.example.ru", host)
    stage = ask(f"what it is for ({', '.join(STAGES)})", one_of(STAGES), default=STAGES[0])
    content = example(place.environment, place.side, domain=domain, stage=stage)
    content["cluster"] |= cluster_answers()
    content["images"] |= image_answers(content)
    addresses = ask(f"address by which the internet reaches the edge; {LATER}: not known yet", address, default=LATER)
    if addresses != LATER:
        content["edge"] = {**content.get("edge", {}), "addresses": [addresses]}
    if place.side == "private" and stage != "rehearsal":
        content["keys"] = {"state": "empty", **content.get("keys", {})}  # until its keys are made; the guide says when
    return content


def cluster_answers() -> Settings:
    """File, context and identifier, confirmed by the person, and the API server's addresses."""
    path = Path(ask("path of the kubeconfig for this contour's cluster", kubeconfig))
    listed = contexts(path)
    default = listed[0] if len(listed) == 1 else None
    context = ask(f"the context in it ({', '.join(listed)})", one_of(listed), default=default)
    cluster = connect(path.read_text("utf-8"), context)
    identifier = cluster.identifier()
    if not agreed(f"{cluster.server} is the cluster {identifier}: is it the right one?"):
        raise EnvProblem("the cluster was not confirmed; nothing was written", hint="name another file or context")
    found = api_server(cluster) | pod_networks(cluster)
    return {"kubeconfig": str(path), "context": context, "identifier": identifier} | found


def image_answers(content: Settings) -> Settings:
    """Registry and digests; a digest may be left for later, and `larets env check` says so until it is there."""
    registry = ask("registry with the images, such as registry.example.ru/larets", registry_name).rstrip("/")
    made: Settings = {"registries": [registry]}
    for name, image in content["images"].items():
        if name == "registries":
            continue
        short = image.rpartition("/")[2].partition("@")[0]
        digest = ask(f"digest of {registry}/{short} (sha256:…); {LATER}: not known yet", image_digest, default=LATER)
        made[name] = f"{registry}/{short}@sha256:{PLACEHOLDER if digest == LATER else digest}"
    return made


def api_server(cluster: Cluster) -> Settings:
    """Where pods reach the API server, as the cluster itself says: its Service and what stands behind that."""
    try:
        service = cluster.request("GET", "/api/v1/namespaces/default/services/kubernetes")
        behind = cluster.request("GET", SLICES, query={"labelSelector": "kubernetes.io/service-name=kubernetes"})
    except ClusterRefused as refusal:
        say(f"larets: {refusal}: correct `cluster.api_server` in the settings by hand")
        return {}
    found = [service["spec"]["clusterIP"]]
    found += [where for one in behind["items"] for end in one["endpoints"] for where in end["addresses"]]
    ports = [port["port"] for one in behind["items"] for port in one["ports"]]
    networks = [f"{each}/{128 if ':' in each else 32}" for each in dict.fromkeys(found)]
    return {"api_server": networks} | ({"api_server_port": ports[0]} if ports else {})


def pod_networks(cluster: Cluster) -> Settings:
    """Whence the edge's pods call the vault: the networks of the nodes, widened so that later nodes are in them."""
    try:
        nodes = cluster.request("GET", "/api/v1/nodes")["items"]
    except ClusterRefused as refusal:
        say(f"larets: {refusal}: correct `cluster.pod_networks` in the settings by hand")
        return {}
    told = [ip_network(each) for node in nodes for each in node.get("spec", {}).get("podCIDRs", [])]
    wide = [each.supernet(new_prefix=min(each.prefixlen, WIDE[each.version])) for each in told]
    return {"pod_networks": [str(each) for each in dict.fromkeys(wide)]} if wide else {}


def host(text: str) -> str:
    return _checked(_HOST, text)


def address(text: str) -> str:
    return text if text == LATER else _checked(_ADDRESS, text)


def one_of(allowed: tuple[str, ...] | list[str]) -> Check:
    def check(text: str) -> str:
        if text not in allowed:
            raise Wrong(f"allowed: {', '.join(allowed)}")
        return text

    return check


def kubeconfig(text: str) -> str:
    path = Path(text).expanduser().absolute()
    try:
        found = contexts(path)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, LookupError, TypeError, AttributeError) as error:
        raise Wrong(f"this is no kubeconfig that can be read ({type(error).__name__}); allowed: its path") from error
    if not found:
        raise Wrong("this kubeconfig holds no context; allowed: the path of one that does")
    return str(path)


def contexts(path: Path) -> list[str]:
    content: Mapping[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return [str(one["name"]) for one in content["contexts"]]


def registry_name(text: str) -> str:
    if images.problem_of(f"{text.rstrip('/')}/x@sha256:{PLACEHOLDER}", [text]):
        raise Wrong("allowed: a registry with its path, without scheme or tag, such as registry.example.ru/larets")
    return text


def image_digest(text: str) -> str:
    if text == LATER:
        return text
    found = _DIGEST.fullmatch(text)
    if not found:
        raise Wrong("a tag may move after the review; allowed: sha256: and 64 hexadecimal digits")
    return found[1]


def _checked(adapter: TypeAdapter[str], text: str) -> str:
    try:
        return adapter.validate_python(text)
    except ValidationError as error:
        raise Wrong(error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")) from None


def _left() -> EnvProblem:
    return EnvProblem(
        "the questions were left; nothing was written", hint="`larets env init --answers FILE` asks for nothing"
    )
