"""Settings follow the machine, within bounds."""

import json

import pytest
from typer.testing import CliRunner

from scripts.local.sizing import GIB, sized
from scripts.postgres_settings import cli


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
