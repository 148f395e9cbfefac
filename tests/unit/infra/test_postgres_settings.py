"""PostgreSQL's settings: they follow the machine or the pod, within bounds, and all ways to start it have the same."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from infra.components.database import DatabaseArgs, cluster, stateful_set
from infra.errors import SettingsInvalid
from infra.lib.labels import labels
from infra.lib.postgres import PARAMETERS
from infra.lib.postgres_sizing import GIB, STANDBY, sized
from infra.material import database_names, standby_hosts
from infra.programs.common import _database_args
from scripts.local import postgres
from scripts.postgres_settings import cli
from tests.support.stacks import settings
from tests.unit.infra.conftest import rendered


def megabytes(settings: dict[str, str], name: str) -> int:
    return int(settings[name].removesuffix("MB"))


@pytest.mark.parametrize(
    ("memory", "clusters", "expected"), [(16, 1, 4096), (16, 2, 2048), (0.25, 1, 128), (512, 1, 16384)]
)
def test_a_quarter_of_a_clusters_share_is_for_its_buffers(memory: float, clusters: int, expected: int) -> None:
    assert megabytes(sized(int(memory * GIB), 2, clusters=clusters), "shared_buffers") == expected


def test_what_must_not_be_lost_is_never_switched_off() -> None:
    assert not {"fsync", "synchronous_commit", "full_page_writes"} & sized(4 * GIB, 2).keys()


def test_the_operator_gets_a_file_to_include_and_programs_json() -> None:
    run = CliRunner()
    text = run.invoke(cli, ["settings", "--memory", "8", "--cores", "4"]).stdout
    assert "shared_buffers = '2048MB'" in text.splitlines()
    assert json.loads(run.invoke(cli, ["settings", "--memory", "8", "--json"]).stdout)["shared_buffers"] == "2048MB"
    standby = run.invoke(cli, ["settings", "--standby"]).stdout
    assert "max_standby_streaming_delay = '1s'" in standby.splitlines()
    assert "log_min_error_statement = 'panic'" in standby.splitlines()


def args_of(stage: str, memory: str) -> DatabaseArgs:
    args = _database_args(settings("private", stage=stage, database__memory=memory, database__cpu="2"))
    assert args is not None
    return args


def server(args: DatabaseArgs) -> dict[str, Any]:
    own = labels("postgres", contour="private", data_class=args.data_class)
    [container] = stateful_set(args, own)["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = container
    return found


def in_a_pod(stage: str, memory: str) -> dict[str, str]:
    """What the server of a contour is started with."""
    args = args_of(stage, memory)
    if stage == "production":
        given: dict[str, str] = cluster(args, {})["spec"]["postgresql"]["parameters"]
        return given
    container = server(args)
    arguments = container.get("args") or container["command"]
    return dict(part.split("=", 1) for part in arguments if "=" in part)


def test_two_servers_never_work_on_one_folder(tmp_path: Path) -> None:
    container = server(args_of("rehearsal", "2Gi"))
    words = container.get("args") or container["command"]
    at = words.index("docker-entrypoint.sh")
    alone, (place,) = words[:at], [word for word in words[:at] if word.startswith("/")]
    home = next(each["value"] for each in container["env"] if each["name"] == "PGDATA")
    assert Path(place).parent == Path(home).parent  # on the claim, and not in what initdb wants empty
    quick = [{place: str(tmp_path / "lock"), "90": "0.2"}.get(word, word) for word in alone]
    with subprocess.Popen([*quick, "sleep", "60"]) as first:  # noqa: S603  words of ours
        while not (tmp_path / "lock").exists():
            time.sleep(0.01)
        time.sleep(0.1)
        assert subprocess.run([*quick, "true"], check=False).returncode == 1  # noqa: S603
        first.send_signal(signal.SIGTERM)  # reaches the server itself: nothing stands between
        assert first.wait() == -signal.SIGTERM
    assert subprocess.run([*quick, "true"], check=False).returncode == 0  # noqa: S603


@pytest.mark.parametrize("stage", ["production", "rehearsal"])
def test_a_pod_has_what_its_memory_bears(stage: str) -> None:
    found = in_a_pod(stage, "8Gi")
    expected = PARAMETERS | sized(8 * GIB, 2)
    own = {"max_parallel_maintenance_workers"}  # of a pod without an operator
    assert {name: found[name] for name in expected if name not in own} == {
        name: value for name, value in expected.items() if name not in own
    }
    assert megabytes(found, "shared_buffers") == 2048
    assert megabytes(in_a_pod(stage, "2Gi"), "shared_buffers") == 512


def test_members_of_a_cluster_follow_without_being_held_up() -> None:
    assert STANDBY.items() <= in_a_pod("production", "2Gi").items()


def test_this_machine_has_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `make up`, the tests and the bench start it: what is written is what it gets."""
    monkeypatch.setattr(postgres, "initialise", lambda *_, **__: None)
    monkeypatch.setattr(postgres, "_run", lambda *_, **__: None)
    postgres.start(tmp_path, port=1, password="test-only")
    written = dict(line.split(" = ") for line in (tmp_path / "postgresql.auto.conf").read_text().splitlines())
    sizes = sized(psutil.virtual_memory().total, os.cpu_count() or 1, clusters=2)
    assert (PARAMETERS | sizes).items() <= {name: value.strip("'") for name, value in written.items()}.items()


def test_members_that_may_answer_reads_are_named_to_the_vault() -> None:
    [runtime] = [one for one in rendered(settings("private")) if one["metadata"]["name"] == "runtime"]
    assert "larets_vault_replica_urls" in str(runtime)
    for alone in (settings("private", database__instances=1), settings("private", stage="rehearsal")):
        assert "replica_urls" not in str(rendered(alone))
    assert "replica_urls" not in str(rendered(settings("public")))
    assert "postgres-ro.data.svc" in database_names(settings("private"))


def test_standbys_of_somebody_elses_database_are_named_and_of_nobody_else() -> None:
    own = {"kind": "external", "host": "db.example.ru", "addresses": ["192.0.2.0/28"], "standbys": ["db2.example.ru"]}
    assert standby_hosts(settings("private", database=own)) == ("db2.example.ru",)
    with pytest.raises(SettingsInvalid, match=r"database\.standbys"):
        settings("public", database=own)


@pytest.mark.parametrize("guide", ["guide-admin.md", "guide-admin.ru.md"])
def test_the_guide_names_every_setting_for_a_server_that_is_not_ours(guide: str) -> None:
    text = (Path(__file__).parents[3] / "docs" / guide).read_text("utf-8")
    assert [name for name, value in PARAMETERS.items() if f"`{name}={value}`" not in text] == []
