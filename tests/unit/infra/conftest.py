"""Whole contours, rendered: a production one by the book and a rehearsal, each with the link closed and open."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra import pki
from infra.contract import facts_of, sign
from infra.lib.settings import StackSettings
from infra.registered import Registered
from infra.render import all_registrations, manifests_of
from tests.support.stacks import AUDIT_KEY, settings

_RUNS: dict[str, list[Registered]] = {}


def all_registered(own: StackSettings) -> list[Registered]:
    """Everything of a contour. A program is run once per settings: what comes out depends on nothing else."""
    key = repr(own)
    if key not in _RUNS:
        _RUNS[key] = all_registrations(own)
    return copy.deepcopy(_RUNS[key])


def rendered(own: StackSettings) -> list[dict[str, Any]]:
    return manifests_of(all_registered(own))


Opened = Callable[..., StackSettings]


@cache
def _contract(contour: str) -> tuple[bytes, str]:
    authority = pki.make_authority(contour, now=datetime.now(UTC)).certificate
    known: dict[str, Any] = {} if contour == "private" else {"public_keys": {"witness": AUDIT_KEY}}
    one = sign(facts_of(settings(contour, **known), authority=authority), Ed25519PrivateKey.generate())
    return one.to_bytes(), one.fingerprint


@pytest.fixture(scope="session")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """Settings of a contour that has accepted the other one's contract."""
    folder = Path(tmp_path_factory.mktemp("contracts"))

    def make(contour: str, **changes: Any) -> StackSettings:
        content, fingerprint = _contract("public" if contour == "private" else "private")
        (folder / f"for-{contour}.json").write_bytes(content)
        peer = {"contract": f"for-{contour}.json", "fingerprint": fingerprint}
        return settings(contour, peer=peer, **changes).model_copy(update={"folder": folder})

    return make
