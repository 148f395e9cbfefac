"""The edge guard uses the vault's own detectors, and nothing heavier: no recogniser of names, no dictionary."""

import subprocess
import sys

from pii_vault.classify import numbers, written
from pii_vault.core import detect, mixed

HEAVY = {"natasha", "pymorphy3", "navec", "slovnet", "numpy", "razdel"}
LOADED = (
    "import sys, app.compose, app.edge_guard.middleware, app.models.columns, pii_vault.client;"
    "print('\\n'.join(sys.modules))"
)


def test_the_public_contour_loads_no_recogniser() -> None:
    command = [sys.executable, "-c", LOADED]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  ours
    loaded = set(done.stdout.split())
    assert "pii_vault.core.detect" in loaded  # twin: what it does use is seen
    assert not loaded & HEAVY
    assert not {name for name in loaded if name.startswith("pii_vault.classify")}


def test_guard_and_classifier_share_their_detectors() -> None:
    """What the guard would refuse the classifier finds: a text that crossed can always be stored."""
    assert mixed.find_personal_data is detect.find_personal_data  # type: ignore[attr-defined]
    assert numbers.find_personal_data is detect.find_personal_data  # type: ignore[attr-defined]
    assert written.find_personal_data is detect.find_personal_data  # type: ignore[attr-defined]
