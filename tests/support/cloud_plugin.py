"""A cloud's plugin for the engine that makes nothing and says yes. Another network needs a new object."""

import secrets
from typing import Any, Final

from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from tests.rehearsal.provider.__main__ import serve
from tests.rehearsal.provider.values import from_struct

ANEW: Final = "network_id"


class Nowhere(provider_pb2_grpc.ResourceProviderServicer):
    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        del request, context
        return plugin_pb2.PluginInfo(version="1.0.0")

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        del context
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        del request, context
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        del request, context
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        del context
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        del context
        old, new = from_struct(request.old_inputs), from_struct(request.news)
        changed = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
        some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=some, diffs=changed, replaces=[ANEW] if ANEW in changed else [])

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        del context
        made = "" if request.preview else secrets.token_hex(4)
        return provider_pb2.CreateResponse(id=made, properties=request.properties)

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        del context
        return provider_pb2.UpdateResponse(properties=request.news)

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        del request, context
        return empty_pb2.Empty()


if __name__ == "__main__":
    serve(Nowhere())
