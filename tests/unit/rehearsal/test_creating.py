"""The stand-in treats what lives already as the genuine plugin does."""

from types import SimpleNamespace
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from tests.rehearsal.provider.service import UPSERT, StandIn
from tests.rehearsal.provider.values import to_struct

SERVICE: dict[str, Any] = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "edge", "namespace": "edge"}}


class Aborted(Exception):
    """As gRPC's abort."""


def _abort(code: Any, told: str) -> None:
    raise Aborted(code.name, told)


def created(*, lives: bool, told_so: bool) -> Any:
    provider = StandIn()
    provider._config = {UPSERT: "true"} if told_so else {}
    provider._cluster = SimpleNamespace(  # type: ignore[assignment]
        read=lambda _: SERVICE if lives else None, apply=lambda manifest, **_: manifest
    )
    request = provider_pb2.CreateRequest(properties=to_struct(SERVICE))
    return provider.Create(request, SimpleNamespace(abort=_abort))


def test_what_lives_is_taken_over_only_by_a_provider_that_was_told_so() -> None:
    assert created(lives=True, told_so=True).id == "edge/edge"
    assert created(lives=False, told_so=False).id == "edge/edge"
    with pytest.raises(Aborted, match="ALREADY_EXISTS"):
        created(lives=True, told_so=False)
