"""`.ci/run` makes the tools of its own steps: what a test would skip without is among them."""

import re
from typing import Final

from scripts.local.instance import ROOT
from scripts.tools.build import known_tools

SKIPPED_WITHOUT: Final = re.compile(r"\bmake\(\[\"([a-z0-9-]+)\"\]\)")
NAMED: Final = re.compile(r'^step make tools NAMES="([^"]+)"$', re.MULTILINE)


def named() -> set[str]:
    found = NAMED.search((ROOT / ".ci" / "run").read_text("utf-8"))
    assert found is not None
    return set(found[1].split())


def wanted() -> set[str]:
    tests = (ROOT / "tests" / "integration").rglob("test_*.py")
    return {name for test in tests for name in SKIPPED_WITHOUT.findall(test.read_text("utf-8"))}


def test_every_named_tool_is_known() -> None:
    assert named() <= set(known_tools())


def test_no_test_is_skipped_for_want_of_a_tool() -> None:
    assert wanted() == {"haproxy", "wycheproof"}  # a look that finds nothing would prove nothing
    assert wanted() <= named()
