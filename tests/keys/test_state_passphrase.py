"""The deployment's state under a passphrase that a real key service seals, read and re-encrypted by the real engine."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from pii_vault.keys import transit_session
from scripts.env.engine import Engine
from scripts.env.environment import Environment, open_environment
from scripts.env.key_service import KeyServiceAway, KeyServiceDenied, NotOpened, seal_of, version_of
from scripts.env.passphrase import Sealed
from scripts.env.place import SIDES, VARIABLE, Side, contour_of
from scripts.env.reseal import seal, unseal
from scripts.env.rotate import new_passphrase
from scripts.rehearse.real_vault import POLICIES, RealVault
from tests.support.stacks import content

MOUNT: Final = "larets-state"
CANARY: Final = "canary-of-the-state"
# Either kind of key will do: what is sealed names its contour.
KEYS: Final[dict[Side, bool]] = {"private": True, "public": False}

Open = Callable[..., Environment]


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transit_session, "DEADLINE_SECONDS", 0.6)
    monkeypatch.setattr(transit_session, "TIMEOUTS", (0.3, 0.3))


@pytest.fixture
def keys(engine_process: RealVault) -> Iterator[RealVault]:
    """A mount of its own with a key, a policy and a role for each contour, as docs/guide-admin.md has it."""
    client = engine_process.client()
    client.sys.enable_secrets_engine("transit", path=MOUNT)
    policy = (POLICIES / "larets-state.hcl").read_text()
    for side, derived in KEYS.items():
        name = f"shop-{side}"
        client.secrets.transit.create_key(name, derived=derived, key_type="aes256-gcm96", mount_point=MOUNT)
        client.sys.create_or_update_policy(f"larets-state-{name}", policy.replace("KEY", name))
        engine_process.set_role(f"larets-state-{name}", [f"larets-state-{name}"])
    yield engine_process
    client.sys.disable_secrets_engine(MOUNT)


@pytest.fixture
def opened(keys: RealVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """The contour as the next command opens it; at first with its passphrase in a file."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "environments"))

    def open_(side: Side = "private", *, sealed: bool = True) -> Environment:
        contour = contour_of("shop", side)
        state: dict[str, Any] = {"backend": f"file://{contour.state}"}
        if sealed:
            role = keys.options(f"larets-state-shop-{side}")
            state["sealed_by"] = {
                "url": keys.url,
                "ca": str(keys.ca),
                "key": f"shop-{side}",
                "role": role.role,
                "secret_id_file": str(role.secret_file),
            }
        contour.folder.mkdir(parents=True, exist_ok=True)
        contour.settings.write_text(yaml.safe_dump(content(side, stage="rehearsal") | {"state": state}))
        return open_environment("shop", side)

    for side in SIDES:
        open_(side, sealed=False)
        seal(open_(side))
    return open_


def of(environment: Environment) -> Engine:
    return environment.engine(environment.contour.side)


def as_the_engine_reads_it(environment: Environment) -> str:
    """Through the engine's own program, which is told nothing but the file."""
    held = of(environment)._stack().get_all_config()
    return held["larets:canary"].value


def test_the_engine_works_under_a_sealed_passphrase_and_a_rotated_one(opened: Open, keys: RealVault) -> None:
    environment = opened()
    of(environment).set_values({"canary": (CANARY, True)})
    assert as_the_engine_reads_it(opened()) == CANARY
    assert of(opened()).values() == {"canary": CANARY}
    before, old = environment.passphrase.text(), environment.contour.sealed.read_bytes()

    new_passphrase(environment)
    assert as_the_engine_reads_it(opened()) == CANARY
    assert opened().passphrase.text() != before
    fresh = environment.contour.sealed.read_bytes()
    environment.contour.sealed.write_bytes(old)  # the former passphrase opens nothing any more
    with pytest.raises(Exception, match="passphrase"):
        as_the_engine_reads_it(opened())
    environment.contour.sealed.write_bytes(fresh)

    transit = keys.client().secrets.transit
    transit.rotate_key("shop-private", mount_point=MOUNT)
    assert seal(opened()) == (2, False)
    transit.update_key_configuration("shop-private", min_decryption_version=2, mount_point=MOUNT)
    assert as_the_engine_reads_it(opened()) == CANARY
    newest = environment.contour.sealed.read_text()
    assert version_of(newest.strip()) == 2
    environment.contour.sealed.write_bytes(fresh)
    with pytest.raises(NotOpened):
        opened().passphrase.text()

    environment.contour.sealed.write_text(newest)
    unseal(opened())
    assert as_the_engine_reads_it(open_environment("shop", "private")) == CANARY
    assert not environment.contour.sealed.exists()


@pytest.mark.parametrize("side", SIDES)
def test_a_changed_ciphertext_opens_nothing(opened: Open, side: Side) -> None:
    path = opened(side).contour.sealed
    text = path.read_text().strip()
    path.write_text(text[:20] + ("A" if text[20] != "A" else "B") + text[21:])
    with pytest.raises(NotOpened):
        opened(side).passphrase.text()


def test_neither_contour_opens_the_others(opened: Open) -> None:
    private, public = opened("private"), opened("public")
    private.contour.sealed.write_bytes(public.contour.sealed.read_bytes())
    with pytest.raises(NotOpened):  # its own key
        private.passphrase.text()
    assert isinstance(private.passphrase, Sealed)
    sealed_by, folder = private.settings.state.sealed_by, private.settings.folder
    assert sealed_by is not None
    stolen = seal_of(sealed_by.model_copy(update={"key": "shop-public"}), folder=folder, stack="shop-public")
    with pytest.raises(KeyServiceDenied):  # the other's key by its own role
        stolen.open(public.contour.sealed.read_text().strip())
    with pytest.raises(KeyServiceDenied):
        replace(stolen, key="another").seal("a key is not made by the way")


@pytest.mark.parametrize("side", SIDES)
def test_under_one_key_and_role_a_contour_opens_its_own_alone(opened: Open, side: Side) -> None:
    environment = opened(side)
    sealed_by = environment.settings.state.sealed_by
    assert sealed_by is not None
    ciphertext = environment.contour.sealed.read_text().strip()
    own = seal_of(sealed_by, folder=environment.settings.folder, stack=environment.contour.stack)
    assert own.open(ciphertext) == environment.passphrase.text()
    with pytest.raises(NotOpened):
        replace(own, stack="other-private").open(ciphertext)


def test_a_key_service_that_is_sealed_or_does_not_answer(opened: Open, keys: RealVault) -> None:
    environment = opened()
    keys.seal()
    try:
        with pytest.raises(KeyServiceAway, match="unseal it"):
            environment.passphrase.text()
    finally:
        keys.unseal()
    with keys.stopped(), pytest.raises(KeyServiceAway, match="does not answer"):
        environment.passphrase.text()
    assert environment.passphrase.text()
