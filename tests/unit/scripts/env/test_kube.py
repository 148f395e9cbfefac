"""What an answer of the API server is taken for."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
import urllib3

from scripts.env.kube import Cluster


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
