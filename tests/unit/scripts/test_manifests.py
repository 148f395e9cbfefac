"""What checkov says is compared with what may be said, both ways."""

from typing import Any

import pytest
import yaml

from infra.render import render_all
from scripts.manifests import EXCEPTIONS, judged, variants

EXCUSED = [{"check": "CKV_1", "resources": ["Deployment.a.b"], "reason": "because"}]


def report(*failed: tuple[str, str]) -> dict[str, Any]:
    checks = [{"check_id": check, "resource": where, "check_name": "a check"} for check, where in failed]
    return {"summary": {"passed": 7}, "results": {"failed_checks": checks}}


@pytest.mark.parametrize(
    ("failed", "unexpected", "needless"),
    [
        ([("CKV_1", "Deployment.a.b")], 0, 0),
        ([("CKV_1", "Deployment.a.b"), ("CKV_2", "Deployment.a.b")], 1, 0),
        ([("CKV_1", "Deployment.a.b"), ("CKV_1", "Deployment.a.c")], 1, 0),
        ([], 0, 1),
    ],
)
def test_only_what_is_excused_may_fail(failed: list[tuple[str, str]], unexpected: int, needless: int) -> None:
    verdict = judged(report(*failed), EXCUSED)
    assert (len(verdict.unexpected), len(verdict.needless)) == (unexpected, needless)


def test_every_exception_has_a_reason_and_names_what_is_rendered() -> None:
    rendered = {
        f"{one['kind']}.{one['metadata'].get('namespace')}.{one['metadata']['name']}"
        for _, settings in variants()
        for one in render_all(settings)
    }
    for one in yaml.safe_load(EXCEPTIONS.read_text()):
        assert len(one["reason"]) > 40
        assert set(one["resources"]) <= rendered
