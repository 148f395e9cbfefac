"""The stand-in for the Kubernetes provider plugin: the engine's `ResourceProvider` service over server-side apply.

It stands in where the genuine plugin cannot be had, and says so in its version. Names are never made up: an object
without one is refused, so that a plan shows what will be there. Preview asks the API server by a dry run. What came
as a secret goes back as one, and the content of every Secret is one.
"""

from typing import Any, Final

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from scripts.env.errors import ClusterRefused, EnvProblem, KindUnknown
from scripts.env.kube import MANAGER, Cluster, Manifest, connect
from scripts.env.plugins import plugin_version
from tests.rehearsal.provider.changes import changed, needs_new_object
from tests.rehearsal.provider.ready import NotReady, wait_gone, wait_ready
from tests.rehearsal.provider.values import from_struct, has_unknown, keep_secret, plain, to_struct, wrap

VERSION: Final = f"{plugin_version()}-standin"
MANAGER_ASKED: Final = "pulumi.com/patchFieldManager"
FORCED: Final = "pulumi.com/patchForce"
UPSERT: Final = "upsertExistingObjects"
KINDS: Final = provider_pb2.PropertyDiff.Kind
DIFFS: Final = {
    ("add", False): KINDS.ADD,
    ("add", True): KINDS.ADD_REPLACE,
    ("delete", False): KINDS.DELETE,
    ("delete", True): KINDS.DELETE_REPLACE,
    ("update", False): KINDS.UPDATE,
    ("update", True): KINDS.UPDATE_REPLACE,
}
HIDDEN: Final = ("data", "stringData")


class StandIn(provider_pb2_grpc.ResourceProviderServicer):
    """One provider of one stack: one cluster, under one context, with one identifier."""

    def __init__(self) -> None:
        self._config: dict[str, Any] = {}
        self._cluster: Cluster | None = None

    @property
    def cluster(self) -> Cluster:
        if self._cluster is None:
            self._cluster = connect(str(self._config["kubeconfig"]), str(self._config["context"]))
        return self._cluster

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        del request, context
        return plugin_pb2.PluginInfo(version=VERSION)

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        del context
        given = from_struct(request.news)
        lacking = [name for name in ("kubeconfig", "context", "clusterIdentifier") if not given.get(name)]
        failures = [
            provider_pb2.CheckFailure(property=name, reason=f"{name} must be given: no default is ever taken")
            for name in lacking
        ]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Another cluster makes new objects; fresh credentials for the same one change nothing."""
        del context
        old, new = (plain(from_struct(struct)) for struct in (request.old_inputs or request.olds, request.news))
        other = old.get("clusterIdentifier") != new.get("clusterIdentifier")
        changes = provider_pb2.DiffResponse.DIFF_SOME if old != new else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=changes, replaces=["clusterIdentifier"] if other else [])

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        del context
        self._config = plain(from_struct(request.args))
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        del context
        inputs = plain(from_struct(request.news))
        if (inputs.get("metadata") or {}).get("name"):
            return provider_pb2.CheckResponse(inputs=request.news)
        reason = "metadata.name must be given: a made-up name would not be what the plan shows"
        failure = provider_pb2.CheckFailure(property="metadata.name", reason=reason)
        return provider_pb2.CheckResponse(inputs=request.news, failures=[failure])

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        del context
        old, new = plain(from_struct(request.old_inputs)), plain(from_struct(request.news))
        found = list(changed(old, new))
        detailed, replaces = {}, []
        for path, how in found:
            anew = needs_new_object(old, path)
            detailed[path] = provider_pb2.PropertyDiff(kind=DIFFS[how, anew], inputDiff=True)
            if anew:
                replaces.append(path)
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if found else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=sorted({path.split(".")[0].split("[")[0] for path, _ in found}),
            replaces=replaces,
            deleteBeforeReplace=bool(replaces),
            detailedDiff=detailed,
            hasDetailedDiff=True,
        )

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        inputs = from_struct(request.properties)
        self._refuse_living(plain(inputs), context)
        live = self._apply(inputs, preview=request.preview, patience=request.timeout, context=context)
        return provider_pb2.CreateResponse(
            id="" if request.preview else _identity(live), properties=to_struct(_outputs(live, inputs))
        )

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        inputs = from_struct(request.news)
        live = self._apply(inputs, preview=request.preview, patience=request.timeout, context=context)
        return provider_pb2.UpdateResponse(properties=to_struct(_outputs(live, inputs)))

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        known = from_struct(request.inputs) or from_struct(request.properties)
        try:
            live = self.cluster.read(plain(known))
        except EnvProblem as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        if live is None:
            return provider_pb2.ReadResponse(id="")
        return provider_pb2.ReadResponse(
            id=request.id, properties=to_struct(_outputs(live, known)), inputs=request.inputs
        )

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        known = plain(from_struct(request.old_inputs) or from_struct(request.properties))
        try:
            live = self.cluster.read(known)
            if live is not None:
                self.cluster.delete(known)
                wait_gone(self.cluster, known, live["metadata"]["uid"], patience=request.timeout)
        except KindUnknown:
            pass  # its CRD is gone, and so is it
        except (EnvProblem, NotReady) as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        del request, context
        return empty_pb2.Empty()

    def _refuse_living(self, manifest: Manifest, context: grpc.ServicerContext) -> None:
        """As the genuine plugin since 4.29: what lives is taken over only by a provider that was told so."""
        if str(self._config.get(UPSERT, "")).lower() == "true" or has_unknown(manifest):
            return
        try:
            living = self.cluster.read(manifest) is not None
        except KindUnknown:
            return
        except EnvProblem as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        if living:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, f"{manifest['kind']} {manifest['metadata']['name']} exists")

    def _apply(
        self, inputs: dict[str, Any], *, preview: bool, patience: float, context: grpc.ServicerContext
    ) -> Manifest:
        manifest = plain(inputs)
        annotations = manifest["metadata"].get("annotations") or {}
        if preview and has_unknown(manifest):
            return dict(manifest)
        try:
            live = self.cluster.apply(
                manifest,
                manager=annotations.get(MANAGER_ASKED, MANAGER),
                force=annotations.get(FORCED) == "true",
                dry_run=preview,
            )
            return live if preview else wait_ready(self.cluster, live, patience=patience)
        except EnvProblem as error:
            if preview and _comes_later(error):
                return dict(manifest)
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except NotReady as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        raise AssertionError  # abort raises


def _comes_later(error: EnvProblem) -> bool:
    """A namespace or a CRD that the same plan creates is not there yet when the plan is made."""
    missing = isinstance(error, ClusterRefused) and error.reason == "NotFound"
    return missing or isinstance(error, KindUnknown)


def _identity(live: Manifest) -> str:
    meta = live["metadata"]
    return f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else str(meta["name"])


def _outputs(live: Manifest, inputs: dict[str, Any]) -> dict[str, Any]:
    whole = {key: value for key, value in live.items() if key != "managedFields"}
    whole["metadata"] = {key: value for key, value in live["metadata"].items() if key != "managedFields"}
    kept: dict[str, Any] = keep_secret(whole, inputs)
    if live.get("kind") == "Secret":
        kept |= {name: wrap(kept[name]) for name in HIDDEN if name in kept}
    return kept
