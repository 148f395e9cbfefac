"""What an answer of the API server is taken for."""

import base64
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
import urllib3

from infra.pki import make_authority
from scripts.env.errors import ClusterAway, ClusterUnknown
from scripts.env.kube import Cluster, connect
from tests.support.fake_cluster import CONTEXT, UID, FakeCluster


def _answering(content: bytes, kind: str) -> Cluster:
    answer = SimpleNamespace(status=200, data=content, headers=urllib3.HTTPHeaderDict({"Content-Type": kind}))
    pool: Any = SimpleNamespace(request=lambda *_args, **_more: answer)
    return Cluster("https://cluster.example", cast("urllib3.PoolManager", pool), {})


@pytest.mark.parametrize(
    "log", ["[NOTICE]   (1) : New worker forked\n", '{"level": "info"}\n{"level": "info"}\n', "ready\n"]
)
def test_a_log_is_text_however_it_begins(log: str) -> None:
    assert _answering(log.encode(), "text/plain").request("GET", "/log") == log


def test_an_object_is_decoded() -> None:
    assert _answering(b'{"items": []}', "application/json").request("GET", "/api/v1/pods") == {"items": []}
    assert _answering(b"ok", "text/plain; charset=utf-8").request("GET", "/readyz") == "ok"


def test_another_cluster_at_the_same_address_is_told_from_one_that_is_away(cluster: FakeCluster) -> None:
    kubeconfig = cluster.kubeconfig.read_text()
    assert connect(kubeconfig, CONTEXT).identifier() == UID
    another = make_authority("another cluster", now=datetime.now(UTC)).certificate
    own, others = (base64.b64encode(one.encode()).decode() for one in (cluster.authority, another))
    with pytest.raises(ClusterUnknown, match="kubeconfig's authority"):
        connect(kubeconfig.replace(own, others), CONTEXT).identifier()
    with pytest.raises(ClusterAway, match="does not answer"):
        connect(kubeconfig.replace(str(cluster.port), "1"), CONTEXT).identifier()
