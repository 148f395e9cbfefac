"""A contour's folder as `larets env init` leaves it; a cluster and a key service that answer what a test tells them."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from pii_vault.keys import transit_session
from scripts.env.command import cli
from scripts.env.environment import Environment, open_environment
from scripts.env.place import VARIABLE, Side, contour_of
from scripts.local.pki import Authority
from tests.support.fake_cluster import CONTEXT, UID, FakeCluster, fake_cluster
from tests.support.fake_transit import ROLE, SECRET, FakeTransit, Key, fake_transit
from tests.support.stacks import content

Opener = Callable[..., Environment]
Again = Callable[[], Environment]


def run(*arguments: str, side: Side = "private") -> Result:
    return CliRunner().invoke(cli, [*arguments, "--env", "shop", "--contour", side])


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[FakeCluster]:
    with fake_cluster(tmp_path) as started:
        yield started


@pytest.fixture
def environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "environments"
    monkeypatch.setenv(VARIABLE, str(folder))
    return folder


@pytest.fixture
def opened(environments: Path, tmp_path: Path) -> Opener:
    """Writes the settings of a rehearsal and opens them; `a__b=value` changes `a: {b: …}`."""

    def open_(side: Side = "private", *, name: str = "shop", **changes: Any) -> Environment:
        made = content(side, stage=changes.pop("stage", "rehearsal"), **changes)
        named = {"kubeconfig": str(tmp_path / "kubeconfig"), "context": CONTEXT, "identifier": UID}
        # What a test leaves to the fixture leads to the fake cluster.
        made["cluster"] |= {part: one for part, one in named.items() if f"cluster__{part}" not in changes}
        contour = contour_of(name, side)
        assert contour.folder.is_relative_to(environments)
        made |= {
            "environment": name,
            "state": made["state"] | {"backend": changes.get("state__backend", f"file://{contour.state}")},
        }
        contour.folder.mkdir(parents=True, exist_ok=True)
        contour.settings.write_text(yaml.safe_dump(made, sort_keys=False))
        return open_environment(name, side)

    return open_


# --- a passphrase that a key service seals ----------------------------------------------------------


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transit_session, "DEADLINE_SECONDS", 0.4)
    monkeypatch.setattr(transit_session, "TIMEOUTS", (0.2, 0.2))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    Authority("Tests", certificates=folder, secrets=folder).issue("engine", hosts=("127.0.0.1",))
    return folder


@pytest.fixture
def key_service(certificates: Path, hurry: None) -> Iterator[FakeTransit]:
    del hurry
    with fake_transit(certificate=certificates / "engine.crt", key=certificates / "engine.key") as fake:
        for name in ("shop-private", "shop-public"):
            fake.keys[name] = Key("aes256-gcm96", {1: os.urandom(32)})
        yield fake


@pytest.fixture
def sealed_by(key_service: FakeTransit, certificates: Path, tmp_path: Path) -> dict[str, Any]:
    secret = tmp_path / "secret-id"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    return {
        "url": key_service.url,
        "ca": str(certificates / "ca.crt"),
        "mount": "larets",
        "key": "shop-private",
        "role": ROLE,
        "secret_id_file": str(secret),
    }


@pytest.fixture
def again(opened: Opener, sealed_by: dict[str, Any]) -> Again:
    """Opens the contour anew, as the next command does; at first its passphrase lies in the clear."""
    opened("private")
    opened("private", state__sealed_by=sealed_by)
    return lambda: open_environment("shop", "private")


@pytest.fixture
def moved(again: Again) -> Again:
    assert run("seal").exit_code == 0
    return again
