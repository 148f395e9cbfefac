"""What a cluster holds is never made anew: it is refused, or taken over into a state that has lost it."""

import base64
from datetime import UTC, datetime
from typing import Any

import pytest

from infra import material
from infra.held import holders
from infra.lib.settings import StackSettings
from infra.values import NOT_GIVEN
from scripts.env.engine import Engine
from scripts.env.environment import Environment
from scripts.env.errors import LOST, EnvProblem
from scripts.env.held import Held
from scripts.env.material import ensure_material, take_over
from tests.support.fake_cluster import FakeCluster
from tests.unit.scripts.env.conftest import Opener, run

NOW = datetime.now(UTC)
NOWHERE = {"authority-key", "contract-key"}
SECRETS = "/api/v1/namespaces/{namespace}/secrets/{name}"
Kept = dict[str, tuple[str, bool]]


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    """The stacks' configuration, without the engine that encrypts it."""
    values: Kept = {}
    monkeypatch.setattr(Engine, "set_values", lambda _, fresh: values.update(fresh))
    monkeypatch.setattr(Engine, "configured", lambda _: frozenset(values))
    monkeypatch.setattr(Engine, "values", lambda _: {name: value for name, (value, _) in values.items()})
    return values


def living(cluster: FakeCluster, settings: StackSettings, values: dict[str, str]) -> None:
    """The cluster's Secrets, as an apply of these values leaves them."""
    for one in holders(settings.contour, settings):
        filled = {key: _filled(text, values) for key, text in one.texts.items()}
        data = {key: base64.b64encode(text.encode()).decode() for key, text in filled.items()}
        cluster.answers[SECRETS.format(**one.manifest["metadata"])] = one.manifest | {"data": data}


def _filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def lived_in(cluster: FakeCluster, environment: Environment) -> dict[str, str]:
    values = material.make(environment.contour.side, environment.settings, {}, now=NOW)
    living(cluster, environment.settings, values)
    return values


def test_secrets_that_live_are_not_made_anew(cluster: FakeCluster, opened: Opener, kept: Kept) -> None:
    environment = opened()
    values = lived_in(cluster, environment)
    with pytest.raises(Held, match=r"database-runtime, .*keyring, ") as refused:
        ensure_material(environment)
    assert "--take-over" in refused.value.hint
    assert LOST in refused.value.hint
    assert not any(value in str(refused.value) for value in values.values())
    assert (kept, cluster.changed) == ({}, [])


def test_an_empty_cluster_gets_new_ones(cluster: FakeCluster, opened: Opener, kept: Kept) -> None:
    """The twin."""
    assert set(ensure_material(opened())) == set(kept) > NOWHERE
    assert cluster.changed == []


def test_a_new_state_goes_on_with_what_lives(cluster: FakeCluster, opened: Opener, kept: Kept) -> None:
    environment = opened()
    values = lived_in(cluster, environment)
    taken, made = take_over(environment)
    now = {name: value for name, (value, _) in kept.items()}
    authority = now.pop("authority-crt")
    assert set(taken) == set(values) - NOWHERE
    assert made == ["authority-crt", "authority-key"]
    assert authority.endswith(values["authority-crt"])
    assert now.pop("authority-key") != values["authority-key"]
    assert now == {name: value for name, value in values.items() if name not in NOWHERE | {"authority-crt"}}
    assert all(secret is material.is_secret(name) for name, (_, secret) in kept.items())
    # What stands nowhere is then made as for any contour, and nothing else.
    assert ensure_material(environment) == ["contract-key"]


def test_an_authority_whose_key_lives_needs_no_successor(cluster: FakeCluster, opened: Opener, kept: Kept) -> None:
    environment = opened(certificates={"kind": "cert-manager"})
    values = lived_in(cluster, environment)
    assert take_over(environment)[1] == []
    assert kept["authority-crt"][0] == values["authority-crt"]
    assert kept["authority-key"][0] == values["authority-key"]


def test_what_nobody_has_given_yet_is_not_taken(cluster: FakeCluster, opened: Opener, kept: Kept) -> None:
    keys = {"kind": "openbao", "role": "r", "state": "empty"}
    environment = opened(stage="rehearsal", keys=keys)
    values = material.make("private", environment.settings, {}, now=NOW)
    living(cluster, environment.settings, values | {"key-service-secret": NOT_GIVEN})
    assert "key-service-secret" not in take_over(environment)[0]
    del kept["tls-vault-crt"]
    living(cluster, environment.settings, values | {"key-service-secret": "given"})
    assert take_over(environment)[0] == ["key-service-secret", "tls-vault-crt"]


def test_a_cluster_that_holds_nothing_has_nothing_to_take(cluster: FakeCluster, opened: Opener, kept: Kept) -> None:
    with pytest.raises(EnvProblem, match="nothing to take over") as refused:
        take_over(opened())
    assert "larets env plan" in refused.value.hint
    assert (kept, cluster.changed) == ({}, [])


def _spoil(cluster: FakeCluster, name: str, key: str, content: str) -> None:
    path = SECRETS.format(namespace="vault", name=name)
    held: dict[str, Any] = cluster.answers[path]
    cluster.answers[path] = held | {"data": held["data"] | {key: base64.b64encode(content.encode()).decode()}}


URL, PASSWORD = ("runtime", "larets_vault_database_url"), ("migration", "runtime_password")
OTHERWISE = "database-runtime in Secret vault/runtime is another one than in Secret vault/migration"


@pytest.mark.parametrize(
    ("spoilt", "told"),
    [(URL, "of Secret vault/runtime is not as these settings"), (PASSWORD, OTHERWISE)],
    ids=["another text", "another value"],
)
def test_what_does_not_agree_is_left_to_a_person(
    cluster: FakeCluster, opened: Opener, kept: Kept, spoilt: tuple[str, str], told: str
) -> None:
    environment = opened()
    lived_in(cluster, environment)
    _spoil(cluster, *spoilt, "canary")
    with pytest.raises(EnvProblem, match=told) as refused:
        take_over(environment)
    assert refused.value.hint
    assert "canary" not in str(refused.value)
    assert kept == {}


@pytest.mark.usefixtures("kept")
def test_a_setting_that_adds_a_secret_does_not_look_at_the_others(cluster: FakeCluster, opened: Opener) -> None:
    """An address of the database may change in the same plan: nobody lacks its password."""
    environment = opened()
    lived_in(cluster, environment)
    take_over(environment)
    _spoil(cluster, *URL, "canary")
    assert ensure_material(environment) == ["contract-key"]


def test_secrets_without_their_passphrase_get_no_fresh_one(opened: Opener) -> None:
    contour = opened().contour
    stack = contour.folder / "stacks" / "private"
    stack.mkdir(parents=True)
    (stack / f"Pulumi.{contour.stack}.yaml").write_text("encryptionsalt: v1:a:b\n")
    contour.passphrase.unlink()
    done = run("init")
    assert done.exit_code == 1
    assert f"if it is lost for good: {LOST}" in done.stderr
    with pytest.raises(EnvProblem, match="no passphrase") as refused:
        opened().passphrase.text()
    assert refused.value.hint.endswith(LOST)
    assert not contour.passphrase.exists()
    (stack / f"Pulumi.{contour.stack}.yaml").unlink()  # the twin: put aside, it is a new contour's
    assert run("init").exit_code == 0
    assert contour.passphrase.exists()


def test_init_tells_what_it_took_over(cluster: FakeCluster, opened: Opener, kept: Kept) -> None:
    values = lived_in(cluster, opened())
    done = run("init", "--take-over")
    assert done.exit_code == 0, done.stderr
    assert "keyring-passphrase" in done.stderr
    assert "another one signs from now on" in done.stderr
    assert not any(value in done.output for value in values.values())
    assert kept
