"""`make up` installs the packages of `requirements/run.txt` alone: what it starts must do with them.

The environment of the tests holds more, so a package that only came along with the tools would not be missed here. Each
start is tried in an interpreter that finds nothing else.
"""

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)
STARTS = (
    "pii_vault.main, pii_vault.hosts, pii_vault.worker, pii_vault.migrations",
    "app.main, app.worker, app.migrations",
    "scripts.up, scripts.local.demo, scripts.smoke.local, scripts.smoke.journey, scripts.local.report",
)
ONLY_THE_PINNED = """
import sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"not among the packages of a run: {{name}}", name=name)

sys.meta_path.insert(0, Finder())
import {modules}
"""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned() -> set[str]:
    return {normal(name) for name in PIN.findall((ROOT / "requirements" / "run.txt").read_text())}


def with_their_own(names: set[str]) -> set[str]:
    """These and what they always need: the releases here may be others than a run has, with other needs."""
    known: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        known.add(name)
        try:
            needs = requires(name) or []
        except PackageNotFoundError:  # of another system or Python
            continue
        always = {normal(re.split(r"[^A-Za-z0-9._-]", need)[0]) for need in needs if "extra ==" not in need}
        waiting |= always - known
    return known


def start(modules: str, *, installed: set[str]) -> subprocess.CompletedProcess[str]:
    """Imports these modules where only these distributions are to be found."""
    ours = with_their_own(installed) | {"larets"}
    blocked = {
        package
        for package, distributions in packages_distributions().items()
        if ours.isdisjoint(normal(name) for name in distributions) and not (ROOT / package).is_dir()
    }
    code = ONLY_THE_PINNED.format(blocked=blocked, modules=modules)
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603  our own words


@pytest.mark.parametrize("modules", STARTS)
def test_what_make_up_starts_needs_no_package_of_the_tests(modules: str) -> None:
    done = start(modules, installed=pinned())
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_package_that_is_not_pinned_would_be_missed() -> None:
    done = start(STARTS[1], installed=pinned() - {"greenlet"})
    assert done.returncode != 0
    assert "greenlet" in done.stderr
