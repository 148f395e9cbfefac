"""`larets env init` asked and answered at a terminal, as a person would."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml
from typer.testing import CliRunner

from infra.lib.settings import load_settings
from scripts.env import questions
from scripts.env.environment import open_environment
from scripts.env.errors import EnvProblem
from scripts.env.example import PLACEHOLDER
from scripts.env.place import VARIABLE, Side, contour_of
from scripts.env.verbs import init
from scripts.local.instance import ROOT
from tests.support.fake_cluster import CONTEXT, UID, FakeCluster

DIGEST = "d" * 64
PATIENCE = 60.0
# The terminal becomes the command's own, so that its keys reach it as signals.
AT_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """`larets env init` on a terminal of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.said, self._read = "", 0
        self._end, other = pty.openpty()
        command = [sys.executable, "-c", AT_TERMINAL, sys.executable, "-m", "scripts.main", "env", "init"]
        command += ["--env", "shop", *arguments]
        surroundings = os.environ | {VARIABLE: str(folder), "COLUMNS": "200", "TERM": "dumb"}
        # A run in the background ignores Ctrl-C, and its children would too; a terminal's program does not.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            self.process = subprocess.Popen(  # noqa: S603  the project's own command
                command, stdin=other, stdout=other, stderr=other, cwd=ROOT, env=surroundings, start_new_session=True
            )
        finally:
            signal.signal(signal.SIGINT, before)
        os.close(other)

    def read_until(self, pattern: str) -> None:
        """Past the next place where the pattern matches; fails with all that was said when it does not come."""
        until = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.said[self._read :], re.DOTALL)):
            assert time.monotonic() < until, self.said
            assert self._more(), self.said
        self._read += found.end()

    def _more(self) -> bool:
        """Reads on; False when the command has closed its end."""
        if select.select([self._end], [], [], 0.1)[0]:
            try:
                self.said += os.read(self._end, 4096).decode()
            except OSError:
                return False
        return True

    def answer(self, question: str, text: str) -> None:
        self.read_until(question)
        os.write(self._end, f"{text}\n".encode())

    def ended(self) -> int:
        until = time.monotonic() + PATIENCE
        while self._more():
            assert time.monotonic() < until, self.said
        return self.process.wait(timeout=PATIENCE)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._end)


Start = Callable[[str], Terminal]


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Start]:
    """Starts the command for a contour; whatever is left of it ends with the test."""
    started: list[Terminal] = []

    def start(contour: str) -> Terminal:
        started.append(Terminal(tmp_path / "environments", "--contour", contour))
        return started[-1]

    yield start
    for one in started:
        one.close()


def test_questions_wrong_answers_and_a_commented_file(cluster: FakeCluster, tmp_path: Path, at: Start) -> None:
    said = at("private")
    said.answer("zone, such as", "https://Shop.example")  # an address, where a host name belongs
    said.answer("allowed: a host name.*zone, such as", "shop.example.ru")
    said.answer("what it is for .*production", "prod")
    said.answer("allowed: production, staging, rehearsal.*what it is for", "")
    said.answer("path of the kubeconfig", str(tmp_path / "absent"))
    said.answer("no kubeconfig that can be read.*path of the kubeconfig", str(cluster.kubeconfig))
    said.answer("the context in it", "")  # the only one is offered
    said.answer(f"is the cluster {UID}", "y")
    said.answer("registry with the images", "docker.io/larets/vault:latest")
    said.answer("without scheme or tag.*registry with the images", "registry.example.ru/larets")
    said.answer("digest of registry.example.ru/larets/vault", "latest")
    said.answer("a tag may move.*larets/vault", f"sha256:{DIGEST}")
    said.answer("larets/postgresql", "")  # later
    said.answer("larets/openbao", DIGEST)
    said.answer("reaches the edge", "everywhere")
    said.answer("allowed: an IP address.*reaches the edge", "203.0.113.10")
    assert said.ended() == 0, said.said
    path = tmp_path / "environments" / "shop" / "private" / "settings.yaml"
    settings = load_settings(path)
    assert (settings.cluster.context, settings.cluster.identifier) == (CONTEXT, UID)
    assert settings.cluster.api_server == ("10.96.0.1/32", "192.0.2.4/32")
    assert settings.images.larets == f"registry.example.ru/larets/vault@sha256:{DIGEST}"
    assert settings.images.database.endswith(PLACEHOLDER)
    assert settings.edge.addresses == ("203.0.113.10",)
    text = path.read_text()
    assert "# by digest, from named registries" in text
    assert "# the one way in" in text
    assert path.stat().st_mode & 0o077 == 0
    assert (path.parent / "passphrase").stat().st_mode & 0o077 == 0
    assert cluster.changed == []


def test_a_rehearsal_needs_no_operator_and_says_each_weakening(cluster: FakeCluster, tmp_path: Path, at: Start) -> None:
    said = at("public")
    said.answer("zone, such as", "shop.example.ru")
    said.answer("what it is for", "rehearsal")
    said.answer("path of the kubeconfig", str(cluster.kubeconfig))
    said.answer("the context in it", "")
    said.answer("is the cluster", "y")
    said.answer("registry with the images", "registry.example.ru/larets")
    for image in ("app", "postgresql", "edge"):
        said.answer(f"larets/{image}", DIGEST)
    said.answer("reaches the edge", "")
    assert said.ended() == 0, said.said
    content = yaml.safe_load((tmp_path / "environments" / "shop" / "public" / "settings.yaml").read_text())
    assert content["database"]["kind"] == "statefulset"
    assert content["protect_data"] is False


@pytest.mark.parametrize("last", ["n\n", "\x03", "\x04"], ids=["no", "interrupt", "end"])
def test_a_cluster_that_is_not_confirmed_leaves_nothing(
    cluster: FakeCluster, tmp_path: Path, at: Start, last: str
) -> None:
    said = at("private")
    said.answer("zone, such as", "shop.example.ru")
    said.answer("what it is for", "")
    said.answer("path of the kubeconfig", str(cluster.kubeconfig))
    said.answer("the context in it", CONTEXT)
    said.read_until("is the cluster")
    time.sleep(0.5)  # a key that comes between the prompt and the reading of it reaches nobody
    os.write(said._end, last.encode())
    assert said.ended() == 1
    assert "nothing was written" in said.said
    assert not (tmp_path / "environments").exists()


def test_a_file_that_is_there_is_checked_and_kept(tmp_path: Path, at: Start) -> None:
    place = tmp_path / "environments" / "shop" / "private"
    place.mkdir(parents=True)
    (place / "settings.yaml").write_text("colour: green\n")
    said = at("private")
    assert said.ended() == 2
    assert "colour: is not a setting" in said.said
    assert (place / "settings.yaml").read_text() == "colour: green\n"


@pytest.mark.parametrize(
    ("side", "keys", "wanted"),
    [("private", {}, "empty"), ("private", {"role": "r", "state": "ready"}, "ready"), ("public", {}, None)],
)
def test_a_vault_by_answers_waits_for_its_keys_unless_they_say_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: Side, keys: dict[str, str], wanted: str | None
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    answers = tmp_path / "answers.yaml"
    answers.write_text(yaml.safe_dump({"domain": "shop.example.ru"} | ({"keys": keys} if keys else {})))
    place = contour_of("shop", side)
    assert init.answered(place, answers).get("keys", {}).get("state") == wanted


def test_a_half_that_is_not_there_is_made_by_the_command_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(EnvProblem) as caught:
        open_environment("shop", "private")
    words = caught.value.hint.split()
    assert words[:3] == ["larets", "env", "init"]
    (tmp_path / "none.yaml").write_text("[]")
    done = CliRunner().invoke(init.cli, [*words[3:], "--answers", str(tmp_path / "none.yaml")])
    assert "holds no answers" in done.stderr  # its options were understood


def test_who_answers_wrongly_for_ever_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.env.questions.typer.prompt", lambda *_, **__: "no such thing")
    with pytest.raises(EnvProblem, match="no usable answer after 5 tries"):
        questions.ask("what", questions.one_of(["a", "b"]))


def test_a_wrong_answer_is_not_repeated() -> None:
    for check in (questions.host, questions.image_digest, questions.registry_name, questions.address):
        with pytest.raises(questions.Wrong) as caught:
            check("hunter2 canary")
        assert "canary" not in str(caught.value)


def test_the_edge_is_believed_from_the_networks_of_nodes_that_come_later_too() -> None:
    cidrs = [["10.244.0.0/24", "fd00:10:244::/64"], ["10.244.1.0/24"], []]
    nodes = {"items": [{"spec": {"podCIDRs": one} if one else {}} for one in cidrs]}
    cluster = cast("Any", SimpleNamespace(request=lambda *_: nodes))
    assert questions.pod_networks(cluster) == {"pod_networks": ["10.244.0.0/16", "fd00:10:244::/56"]}
    assert questions.pod_networks(cast("Any", SimpleNamespace(request=lambda *_: {"items": []}))) == {}
