"""A cluster's API, spoken plainly: read, server-side apply, delete. It holds the credentials of one contour.

The official client is loaded only where a kubeconfig names a program that fetches the credentials: it takes a second to
import, and a command has less than that to give.
"""

import base64
import json
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import urllib3
import yaml

from scripts.env.errors import ClusterAway, ClusterRefused, ClusterUnknown, EnvProblem, KindUnknown

Manifest = dict[str, Any]

MANAGER: Final = "larets"
APPLY: Final = "application/apply-patch+yaml"
TIMEOUT: Final = urllib3.Timeout(connect=5, read=60)
NOT_FOUND: Final = 404


@dataclass(frozen=True, slots=True)
class Kind:
    """Where objects of one kind live."""

    base: str
    plural: str
    namespaced: bool

    def path(self, name: str = "", namespace: str | None = None) -> str:
        inside = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{self.base}{inside}/{self.plural}" + (f"/{name}" if name else "")


@dataclass(slots=True)
class Cluster:
    """Requests under one context of one kubeconfig, never the ambient one."""

    server: str
    pool: urllib3.PoolManager
    headers: dict[str, str]
    kinds: dict[str, dict[str, Kind]] = field(default_factory=dict)

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        content: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The decoded answer; raises ClusterRefused with the server's reason, ClusterAway when there is none."""
        url = f"{self.server}{path}" + (f"?{urlencode(query)}" if query else "")
        sent = None if body is None else json.dumps(body).encode()
        try:
            answer = self.pool.request(
                method,
                url,
                body=sent,
                headers=self.headers | {"Content-Type": content} | dict(headers or {}),
                timeout=TIMEOUT,
            )
        except urllib3.exceptions.HTTPError as error:
            if error.args and isinstance(error.args[0], ssl.SSLCertVerificationError):
                raise ClusterUnknown from error
            raise ClusterAway(f"{self.server} does not answer ({type(error).__name__})") from error
        if answer.status >= 400:  # noqa: PLR2004
            raise _refusal(answer.status, answer.data, method, path)
        plain = answer.headers.get("content-type", "").startswith("text/plain")  # a log may begin as JSON does
        return answer.data.decode() if plain or answer.data[:1] not in (b"{", b"[") else json.loads(answer.data)

    def where(self, api_version: str, kind: str) -> Kind:
        """Raises KindUnknown where the cluster lacks the CRD."""
        if kind not in self.kinds.get(api_version, {}):
            base = f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"
            try:
                listed = self.request("GET", base)["resources"]
            except ClusterRefused as error:
                if error.status != NOT_FOUND:
                    raise
                listed = []
            self.kinds[api_version] = {
                item["kind"]: Kind(base, item["name"], item["namespaced"]) for item in listed if "/" not in item["name"]
            }
        found = self.kinds[api_version].get(kind)
        if found is None:
            raise KindUnknown(f"the cluster does not know {kind} of {api_version}")
        return found

    def path(self, manifest: Mapping[str, Any]) -> str:
        meta = manifest["metadata"]
        kind = self.where(manifest["apiVersion"], manifest["kind"])
        return kind.path(meta["name"], meta.get("namespace") or "default")

    def read(self, manifest: Mapping[str, Any]) -> Manifest | None:
        """The live object of the same kind, namespace and name; None where there is none."""
        try:
            found: Manifest = self.request("GET", self.path(manifest))
        except ClusterRefused as error:
            if error.status == NOT_FOUND:
                return None
            raise
        return found

    def listed(self, api_version: str, kind: str, namespace: str = "") -> list[Manifest]:
        """All objects of a kind, in one namespace or in the whole cluster, each saying what it is."""
        items = self.request("GET", self.where(api_version, kind).path(namespace=namespace))["items"]
        return [{"apiVersion": api_version, "kind": kind, **one} for one in items]

    def apply(
        self, manifest: Mapping[str, Any], *, manager: str = MANAGER, dry_run: bool = False, force: bool = True
    ) -> Manifest:
        """Server-side apply; what comes back is the whole object, defaults and all."""
        query = {"fieldManager": manager, "force": str(force).lower(), "fieldValidation": "Strict"}
        if dry_run:
            query["dryRun"] = "All"
        applied: Manifest = self.request("PATCH", self.path(manifest), body=manifest, query=query, content=APPLY)
        return applied

    def replace(self, manifest: Mapping[str, Any], *, manager: str = MANAGER, dry_run: bool = False) -> Manifest:
        """The whole object put in place of the live one of the same `resourceVersion`; what comes back is all of it."""
        query = {"fieldManager": manager, "fieldValidation": "Strict"} | ({"dryRun": "All"} if dry_run else {})
        replaced: Manifest = self.request("PUT", self.path(manifest), body=manifest, query=query)
        return replaced

    def delete(self, manifest: Mapping[str, Any]) -> None:
        """Ask for removal; one that is already gone is no error."""
        try:
            self.request("DELETE", self.path(manifest), body={"propagationPolicy": "Background"})
        except ClusterRefused as error:
            if error.status != NOT_FOUND:
                raise

    def may(self, verb: str, group: str, resource: str, namespace: str = "", *, user: str = "", name: str = "") -> bool:
        """May this account do it? `user`: may that one, asked by impersonation."""
        attributes = {"verb": verb, "group": group, "resource": resource, "namespace": namespace, "name": name}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        asked = self.request(
            "POST",
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            body=review,
            headers={"Impersonate-User": user} if user else None,
        )
        return bool(asked["status"]["allowed"])

    def date(self) -> str:
        """The server's clock, as its answers carry it."""
        answer = self.pool.request("GET", f"{self.server}/version", headers=self.headers, timeout=TIMEOUT)
        return str(answer.headers["Date"])

    def identifier(self) -> str:
        """What no two clusters share: the uid of kube-system."""
        return str(self.request("GET", "/api/v1/namespaces/kube-system")["metadata"]["uid"])


def connect(kubeconfig: str, context: str) -> Cluster:
    """A cluster by the text of a kubeconfig, or its path, and one of its contexts; no default is ever taken."""
    if "\n" not in kubeconfig and kubeconfig.startswith("/"):
        kubeconfig = Path(kubeconfig).read_text()
    config: Any = None
    try:
        config = yaml.safe_load(kubeconfig)
        chosen = _named(config, "contexts", context)["context"]
        cluster = _named(config, "clusters", chosen["cluster"])["cluster"]
        user = _named(config, "users", chosen["user"])["user"]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise EnvProblem(
            f"the kubeconfig has no whole context {context!r}",
            hint=f"set `cluster.context` to one that it holds: {', '.join(_contexts(config)) or 'there is none'}",
        ) from error
    if cluster.get("insecure-skip-tls-verify"):
        raise EnvProblem("the kubeconfig switches off the check of the server's certificate", hint="put its CA there")
    trust = ssl.create_default_context(cadata=_text(cluster, "certificate-authority"))
    headers = {"Accept": "application/json", "User-Agent": "larets"}
    if user.get("exec") or user.get("auth-provider"):
        headers |= _fetched(config, context)
    elif token := user.get("token") or (Path(user["tokenFile"]).read_text().strip() if user.get("tokenFile") else ""):
        headers["Authorization"] = f"Bearer {token}"
    certificate, key = _text(user, "client-certificate"), _text(user, "client-key")
    if certificate and key:
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as both:  # ssl reads a pair from a file alone
            both.write(f"{certificate}\n{key}")
            both.flush()
            trust.load_cert_chain(both.name)
    pool = urllib3.PoolManager(ssl_context=trust, maxsize=16, retries=False)
    return Cluster(server=cluster["server"].rstrip("/"), pool=pool, headers=headers)


def _contexts(config: Any) -> list[str]:
    try:
        return [str(one["name"]) for one in config["contexts"]]
    except (KeyError, TypeError):
        return []


def _named(config: Mapping[str, Any], part: str, name: str) -> dict[str, Any]:
    for item in config[part]:
        if item["name"] == name:
            found: dict[str, Any] = item
            return found
    raise KeyError(name)


def _text(part: Mapping[str, Any], name: str) -> str | None:
    if data := part.get(f"{name}-data"):
        return base64.b64decode(data).decode()
    return Path(part[name]).read_text() if part.get(name) else None


def _fetched(config: dict[str, Any], context: str) -> dict[str, str]:
    from kubernetes import client  # noqa: PLC0415
    from kubernetes import config as loader  # noqa: PLC0415

    settings = client.Configuration()
    loader.load_kube_config_from_dict(config, context=context, client_configuration=settings)  # type: ignore[no-untyped-call]
    return {"Authorization": str(settings.get_api_key_with_prefix("authorization"))}


def _refusal(status: int, data: bytes, method: str, path: str) -> ClusterRefused:
    try:
        told = json.loads(data)
    except ValueError:
        told = {}
    # A Secret's refusal may quote its content; the reason alone says enough there.
    message = "" if "/secrets" in path else str(told.get("message", ""))
    reason = str(told.get("reason", status))
    return ClusterRefused(f"{method} {path}: {message or reason}", status=status, reason=reason)
