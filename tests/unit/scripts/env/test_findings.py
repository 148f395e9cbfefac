from typing import Any

import pytest

from scripts.env.findings import rule_findings
from scripts.env.inputs import UNKNOWN
from scripts.env.notary import Registration
from tests.support.stacks import DIGEST, REGISTRY, settings


@pytest.mark.parametrize(
    ("image", "told", "blocking"),
    [
        (f"{REGISTRY}/vault@{DIGEST}", "", []),
        (f"{REGISTRY}/vault:latest", "the image is not named by digest; ", [True]),
        (UNKNOWN, "the image is not named by digest (cannot be told yet)", [False]),
    ],
    ids=["passes", "fails", "not known yet"],
)
def test_what_is_not_known_yet_is_listed_as_such_and_blocks_nothing(
    image: str, told: str, blocking: list[bool]
) -> None:
    meta = {"name": "vault", "namespace": "vault"}
    inputs: dict[str, Any] = {"kind": "Pod", "metadata": meta, "spec": {"containers": [{"name": "a", "image": image}]}}
    pod = Registration("urn:a", "kubernetes:core/v1:Pod", "a", inputs, protect=False, custom=True, provider="p::id")
    found = [one for one in rule_findings({"urn:a": pod}, [], settings("private")) if one.rule == "images_by_digest"]
    assert [one.blocks for one in found] == blocking
    assert all(told in one.reason for one in found)
