"""Settings of one contour of one environment: what a person writes, checked before anything is touched.

`load_settings(path)` names the file and line of everything that is wrong and says what is allowed there. Nothing
secret has a place in this file; what looks like a secret is refused.
"""

import posixpath
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from infra.errors import SettingsInvalid, SharedState
from infra.lib import demand, images, parts
from infra.lib.located import Located, Where
from infra.lib.names import Contour, Stage, is_name

_SECRET_NAMES: Final = re.compile(r"(?i)(password|passwd|passphrase|secret|token|private_?key|api_?key|credential)")
_SECRET_VALUES: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|://[^/\s:@]*:[^/\s@]+@|\bhvs\.|\beyJ[A-Za-z0-9_-]{10,}\."
)
# Second-level names under which anybody may register: two hosts that share only one of these are not of one site.
_SHARED_SUFFIXES: Final = frozenset({"com.ru", "msk.ru", "spb.ru", "net.ru", "org.ru", "pp.ru", "co.uk", "com.tr"})


def _name(text: str) -> str:
    if not is_name(text):
        raise ValueError("allowed: lower-case letters, digits and hyphens, beginning with a letter")
    return text


class StackSettings(parts.Part):
    """One contour of one environment; its stacks `platform` and `private` or `public` read the same settings."""

    environment: Annotated[str, AfterValidator(_name)]
    contour: Contour
    stage: Stage
    hosts: parts.Hosts
    cluster: parts.Cluster
    state: parts.State
    images: parts.Images
    edge: parts.Edge = parts.Edge()
    database: parts.Database = parts.Database()
    keys: parts.Keys = parts.Keys()
    files: parts.Files = parts.Files()
    certificates: parts.Certificates = parts.Certificates()
    secrets: parts.Secrets = parts.Secrets()
    telemetry: parts.Telemetry = parts.Telemetry()
    relay: tuple[parts.RelayHost, ...] = ()
    peer: parts.Peer = parts.Peer()
    sizes: parts.Sizes = parts.Sizes()
    access: parts.Access = parts.Access()
    public_keys: dict[Literal["audit", "witness"], str] = Field(
        default_factory=dict, description="verifier keys of this contour, told to the other one in the contract"
    )
    protect_data: bool = Field(True, description="refuse to delete databases and key stores, and keep them on destroy")
    folder: Path = Field(Path(), exclude=True, description="relative paths are read from here")

    @property
    def rehearsed(self) -> bool:
        return self.stage == "rehearsal"

    @property
    def vault_namespace(self) -> str:
        """Where this contour's own processes run."""
        return "vault" if self.contour == "private" else "app"

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for check in (_images, _cluster, _hosts, _choices, _bounds, _private_parts, _weakenings):
            check(self)
        return self


def _refuse(where: str, message: str) -> None:
    # The loader finds the line again by the dotted name in front.
    text = f"{where}: {message}"
    raise ValueError(text)


def _images(settings: StackSettings) -> None:
    chosen = settings.images
    used = {"larets": True, "database": settings.database.kind != "external", "edge": settings.edge.kind == "proxy"}
    used["key_service"] = settings.contour == "private" and settings.keys.kind == "openbao"
    for name, needed in used.items():
        image = getattr(chosen, name)
        if not image and needed:
            _refuse(f"images.{name}", f"is needed here; allowed: {images.SHAPE}")
        problem = images.problem_of(image, chosen.registries) if image else None
        if problem:
            _refuse(f"images.{name}", problem)


def _cluster(settings: StackSettings) -> None:
    cluster = settings.cluster
    if not cluster.awaited:
        for name in ("kubeconfig", "context", "identifier"):
            if not getattr(cluster, name):
                _refuse(f"cluster.{name}", "must be given: nothing is taken from the surroundings")


def site_of(host: str) -> str:
    """The registrable part of a host name, as browsers count it."""
    labels = host.split(".")
    if labels[-1] == "localhost":
        return ".".join(labels[-2:])
    return ".".join(labels[-3:] if ".".join(labels[-2:]) in _SHARED_SUFFIXES else labels[-2:])


def _hosts(settings: StackSettings) -> None:
    hosts = settings.hosts.model_dump()
    if len(set(hosts.values())) < len(hosts):
        _refuse("hosts", "each part has a host name of its own")
    site = site_of(settings.hosts.crm)
    for name in ("vault", "console", "hooks"):
        if site_of(hosts[name]) != site:
            _refuse(
                f"hosts.{name}",
                f"is not of one site with hosts.crm: frames would get no session; allowed: a name under {site}",
            )


def _choices(settings: StackSettings) -> None:
    database, keys = settings.database, settings.keys
    if database.kind == "external" and not (database.host and database.addresses):
        _refuse("database.host", "an external database needs host and addresses")
    if database.standbys and not (database.kind == "external" and settings.contour == "private"):
        _refuse("database.standbys", "are named for an external database of the private contour; leave it out here")
    if settings.contour == "private" and keys.kind == "external" and not (keys.host and keys.addresses):
        _refuse("keys.host", "an external key service needs host and addresses")
    if database.kind == "cloudnative-pg" and not settings.cluster.api_server and not settings.cluster.awaited:
        _refuse(
            "cluster.api_server", "CloudNativePG's pods call the API server: give its addresses, such as 10.0.0.1/32"
        )
    if settings.secrets.kind == "external-secrets" and not settings.secrets.store:
        _refuse("secrets.store", "External Secrets needs the name of a ClusterSecretStore")
    for name, size in (("web", settings.sizes.web), ("worker", settings.sizes.worker), ("edge", settings.sizes.edge)):
        if size.max_replicas < size.replicas:
            _refuse(f"sizes.{name}.max_replicas", f"allowed: {size.replicas} (sizes.{name}.replicas) or more")


def _bounds(settings: StackSettings) -> None:
    """Each namespace at its largest, against its quota: else a volume or a pod is refused in the middle of an apply."""
    sizes, database, keys, files = settings.sizes, settings.database, settings.keys, settings.files
    asked = [("sizes", demand.of([sizes.web, sizes.worker]) + demand.JOBS)]
    if settings.edge.kind == "proxy":
        asked.append(("sizes.edge", demand.of([sizes.edge])))
    if database.kind != "external":
        number = database.instances if database.kind == "cloudnative-pg" else 1
        asked.append(("database", demand.members(number, cpu=database.cpu, memory=database.memory)))
        asked.append(("database.storage", demand.volumes(database.storage, number=number)))
    if settings.contour == "private" and keys.kind == "openbao":
        asked.append(("keys.storage", demand.volumes(keys.storage, number=keys.replicas)))
    if files.kind == "volume":
        asked.append(("files.storage", demand.volumes(files.storage, "1Gi", "1Gi")))  # beside journal and keyring
    for where, wanted in asked:
        if over := wanted.over():
            _refuse(where, f"more {over} at its largest than its namespace's quota; allowed: {demand.ALLOWED}")


def _private_parts(settings: StackSettings) -> None:
    """What the private contour alone has, and how it may be had."""
    keys, files = settings.keys, settings.files
    if settings.contour == "public" and settings.relay:
        _refuse("relay", "the relay stands in the private contour; leave it out here")
    if settings.contour == "public" and settings.edge.programs:
        _refuse("edge.programs", "programs call the private contour; leave it out here")
    if settings.contour == "public" and files.kind != "off":
        _refuse("files.kind", "files stand in the private contour; allowed here: off")
    if files.kind == "s3" and not (files.host and files.addresses and files.bucket):
        _refuse("files.host", "a bucket needs host, addresses and bucket")
    if keys.kind == "openbao" and keys.auth == "kubernetes":
        _refuse("keys.auth", "our own OpenBao may not ask the API server who a pod is; allowed here: approle")
    deployed = settings.contour == "private" and settings.cluster.kubeconfig and not settings.rehearsed
    if deployed and not settings.cluster.pod_networks:
        _refuse(
            "cluster.pod_networks",
            "must be given: without it every visitor counts as the edge, and one who guesses passwords stops them all; "
            "allowed: networks of this cluster's pods, such as 10.244.0.0/16",
        )


def _weakenings(settings: StackSettings) -> None:
    """What a rehearsal may do and nobody else."""
    local = settings.contour == "private" and settings.keys.kind == "local-keyring"
    if local and settings.keys.local_keyring != "accepted":
        _refuse(
            "keys.kind", "a keyring file is not a key service; accept it in a rehearsal: keys.local_keyring: accepted"
        )
    if local and settings.sizes.web.max_replicas > 1:
        _refuse("sizes.web.max_replicas", "allowed: 1 where keys are in a file (and sizes.web.replicas: 1)")
    if settings.rehearsed:
        return
    weak = {
        "keys.kind": (local, "openbao, external"),
        "database.kind": (settings.database.kind == "statefulset", "cloudnative-pg, external"),
        "edge.service": (settings.edge.kind == "proxy" and settings.edge.service == "ClusterIP", "LoadBalancer"),
        "protect_data": (not settings.protect_data, "true"),
    }
    for where, (weakened, allowed) in weak.items():
        if weakened:
            _refuse(where, f"is for rehearsals only; allowed in {settings.stage}: {allowed}")


def load_settings(path: Path) -> StackSettings:
    """Read and check a settings file.

    Raises:
        SettingsInvalid: with one line of `file:line: name: what is wrong; allowed: …` per fault.
    """
    return parse_settings(Located.read(path), folder=path.parent)


def parse_settings(document: Located, *, folder: Path = Path()) -> StackSettings:
    """Raises SettingsInvalid."""
    found = [f"{document.at(where)}: {told}" for where, told in _misplaced_secrets(document)]
    if found:
        raise SettingsInvalid(
            "\n".join(found),
            hint="secrets are made and kept encrypted by `larets env`; take this one out and replace it",
        )
    try:
        return StackSettings.model_validate(document.content | {"folder": folder})
    except ValidationError as error:
        raise SettingsInvalid("\n".join(_told(document, error))) from None


def _misplaced_secrets(document: Located) -> Iterable[tuple[Where, str]]:
    known = {("secrets",), ("keys", "local_keyring"), ("state", "sealed_by", "secret_id_file")}
    for where, value in document.leaves():
        name = ".".join(map(str, where))
        if where[:1] not in known and where not in known and any(_SECRET_NAMES.search(str(part)) for part in where):
            yield where, f"{name}: a secret has no place here"
        elif isinstance(value, str) and _SECRET_VALUES.search(value):
            yield where, f"{name}: this looks like a secret, which has no place here"


def _told(document: Located, error: ValidationError) -> Iterable[str]:
    for fault in error.errors(include_input=False, include_url=False):
        where, message = fault["loc"], fault["msg"].removeprefix("Value error, ")
        if not where:
            dotted, _, message = message.partition(": ")
            where = tuple(dotted.split("."))
        names = [part for part in where if not str(part).startswith(("function-", "literal", "constrained"))]
        yield f"{document.at(tuple(names))}: {'.'.join(map(str, names))}: {_sentence(fault['type'], message)}"


def _sentence(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "is not a setting; see infra/README.md for all of them"
    if kind == "missing":
        return "is missing"
    return message.replace("Input should be", "allowed:")


def refuse_shared_state(settings: Sequence[StackSettings]) -> None:
    """Raises SharedState: two contours or environments name one backend, one key that seals, or one sign-in to it."""
    taken: dict[tuple[str, ...], str] = {}
    for one in settings:
        name = f"{one.environment}/{one.contour}"
        for told, *own in _own(one):
            other = taken.setdefault((told, *own), name)
            if other != name:
                raise SharedState(f"{other} and {name} {told}")


def _own(settings: StackSettings) -> Iterable[tuple[str, ...]]:
    """What a contour shares with nobody, after what is told of two that do."""
    yield "keep their state in one place: give each a backend of its own", _address(settings.state.backend)
    by = settings.state.sealed_by
    if by:
        yield "seal their passphrases by one key: give each a key of its own", by.url, by.namespace, by.mount, by.key
        yield "sign in to the key service as one: give each a role of its own", by.url, by.namespace, by.role


def _address(backend: str) -> str:
    """One spelling for one place: no query, no detour by `..`."""
    scheme, _, rest = backend.partition("://")
    return f"{scheme}://{posixpath.normpath(rest.partition('?')[0])}"


def settings_of(content: dict[str, Any]) -> StackSettings:
    """Settings given as data, for tests and tools. Raises SettingsInvalid."""
    import yaml  # noqa: PLC0415  only here

    return parse_settings(Located("settings", yaml.safe_dump(content, sort_keys=False)))
