"""A command inside a contour: what is asked, what is made in the cluster, what comes back, what is left there."""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import kubernetes_validate
import pytest
from typer.testing import CliRunner, Result

from infra.components import command
from policies.judge import judge
from policies.rules.model import Facts, Resource
from scripts.commands import COMMANDS, INSIDE
from scripts.env import inside
from scripts.env.environment import Environment
from scripts.env.inside import CommandProblem, Inside, worker_of
from scripts.env.verbs import exec as verb
from scripts.inside.wire import Request, read_request
from tests.support.pretended_cluster import PretendedCluster, Started, run_here
from tests.support.stacks import settings

CANARY = "canary@example.ru"
REGISTRY = "registry.example.ru/larets"


@dataclass
class Pretended:
    """An environment's half whose cluster is pretended."""

    side: str
    own: PretendedCluster

    @property
    def contour(self) -> Any:
        return SimpleNamespace(side=self.side)

    @property
    def settings(self) -> Any:
        return settings(self.side, stage="rehearsal")

    def cluster(self) -> PretendedCluster:
        return self.own


def half(start: Started, side: str = "private", **more: Any) -> tuple[Environment, PretendedCluster]:
    cluster = PretendedCluster(start, **more)
    return cast("Environment", Pretended(side, cluster)), cluster


def says(*lines: tuple[str, bytes]) -> Started:
    def start(job: dict[str, Any], content: bytes) -> tuple[str, int]:
        del job
        _, sealing = read_request(content)
        return "\n".join(sealing.line(cast("Any", kind), text) for kind, text in lines), 0

    return start


def test_the_answer_comes_back_and_nothing_is_left() -> None:
    environment, cluster = half(says(("error", b"at work"), ("output", CANARY.encode()), ("end", b"4")))
    told: list[str] = []
    answer = Inside(environment, told.append).run(Request(("staff", "invite", CANARY), CANARY.encode()))
    assert (answer.code, answer.output, told) == (4, CANARY.encode(), ["at work"])
    assert cluster.objects == {}


def test_what_is_asked_stands_in_the_secret_alone() -> None:
    environment, cluster = half(says(("end", b"0")))
    Inside(environment, print).run(Request(("staff", "invite", CANARY), CANARY.encode()))
    job, secret = cluster.seen
    assert CANARY not in json.dumps(job)
    request, _ = read_request(base64.b64decode(secret["data"]["request"]))
    assert request.arguments == ("staff", "invite", CANARY)


def test_an_answer_without_its_end_is_none() -> None:
    environment, cluster = half(says(("output", b"half of it")))
    with pytest.raises(CommandProblem, match="without its whole answer: Completed"):
        Inside(environment, print).run(Request(("keys", "status")))
    assert cluster.objects == {}


@pytest.mark.parametrize("reason", sorted(inside.HOPELESS))
def test_a_pod_that_will_never_start_is_not_waited_for(reason: str) -> None:
    environment, cluster = half(says(), waiting=reason)
    with pytest.raises(CommandProblem, match=reason):
        Inside(environment, print).run(Request(("keys", "status")))
    assert cluster.objects == {}


def test_a_pod_that_does_not_start_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inside, "START_SECONDS", 0.0)
    monkeypatch.setattr(inside, "PAUSE", 0.01)
    environment, _ = half(says(), waiting="ContainerCreating")
    with pytest.raises(CommandProblem, match="has not started"):
        Inside(environment, print).run(Request(("keys", "status")))


@pytest.mark.parametrize(
    ("age", "changes", "name", "left"),
    [
        (timedelta(minutes=61), {}, "command-0a0b", []),
        (timedelta(minutes=59), {}, "command-0a0b", ["command-0a0b"]),
        (timedelta(minutes=61), {"suspend": False}, "command-0a0b", ["command-0a0b"]),
        (timedelta(minutes=61), {}, "migrate", ["migrate"]),
    ],
    ids=["left by a killed process", "about to be let go", "at work", "somebody else's"],
)
def test_what_a_killed_process_left_goes_with_the_next_command(
    age: timedelta, changes: dict[str, Any], name: str, left: list[str]
) -> None:
    environment, cluster = half(says(("end", b"0")))
    job = command.job(name, "private", worker_of(environment), seconds=60)
    old = cluster.apply({**job, "spec": {**job["spec"], **changes}}, manager="test")
    old["metadata"]["creationTimestamp"] = (datetime.now(UTC) - age).isoformat()
    Inside(environment, print).run(Request(("keys", "status")))
    assert [one["metadata"]["name"] for one in cluster.objects.values()] == left


def manifests(side: str) -> list[dict[str, Any]]:
    environment, _ = half(says(), side)
    worker = worker_of(environment)
    job = command.job("command-1", cast("Any", side), worker, seconds=60)
    owner = {"metadata": {"uid": "0"}}
    secret = command.request("command-1", cast("Any", side), worker, "e30=", owner=owner)
    return [job, secret, command.account(worker.namespace, cast("Any", side), worker)]


@pytest.mark.parametrize("side", ["private", "public"])
def test_what_is_made_is_valid_and_within_the_rules(side: Any) -> None:
    for manifest in manifests(side):
        kubernetes_validate.validate(manifest, "1.36", strict=True)
    found = judge([Resource(one) for one in manifests(side) if one["kind"] != "Secret"], Facts(side, (REGISTRY,)))
    assert [one.as_json() for one in found] == []


def test_a_looser_job_would_be_seen() -> None:
    job = manifests("private")[0]
    job["spec"]["template"]["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"] = False
    assert [one.rule.id for one in judge([Resource(job)], Facts("private", (REGISTRY,)))] == ["read_only_root"]


def test_a_command_has_the_owners_address_and_not_the_superusers() -> None:
    volumes = manifests("private")[0]["spec"]["template"]["spec"]["volumes"]
    [owner] = [one["secret"] for one in volumes if one["name"] == "owner"]
    assert [item["key"] for item in owner["items"]] == ["owner_url"]


def test_no_service_leads_to_a_commands_pod() -> None:
    assert manifests("private")[0]["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"] == "command"


def larets(*words: str, given: bytes | None = None) -> Result:
    return CliRunner().invoke(verb.cli, ["--contour", "private", *words], input=given)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> PretendedCluster:
    """The runner itself, as a pod would start it."""
    environment, cluster = half(run_here(tmp_path, {}))
    monkeypatch.setattr(verb, "open_environment", lambda *_: environment)
    monkeypatch.setattr(verb, "chosen", lambda name: name)
    return cluster


def test_the_runner_runs_a_command_on_what_it_was_sent(opened: PretendedCluster, tmp_path: Path) -> None:
    texts = tmp_path / "texts.jsonl"
    texts.write_text(json.dumps({"id": "1", "text": f"пишите на {CANARY}"}), "utf-8")
    done = larets("--send", str(texts), "--", "classify", "--json", "--rules-only", "--file", "texts.jsonl")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"id": "1", "spans": [[10, 27, "email"]]}
    assert CANARY not in json.dumps(list(opened.logs.values()))


def test_standard_input_goes_over(opened: PretendedCluster) -> None:
    del opened
    done = larets("--stdin", "--", "classify", "--rules-only", given=f"почта {CANARY}".encode())
    assert CANARY not in done.stdout
    assert "email" in done.stdout


def test_a_commands_own_refusal_comes_back_with_its_code(opened: PretendedCluster) -> None:
    done = larets("--", "staff", "list", "--no-such-option", CANARY)
    assert done.exit_code == 2
    assert "no-such-option" in done.stderr
    assert CANARY not in json.dumps(list(opened.logs.values()))


def test_a_command_without_a_vault_says_so(opened: PretendedCluster) -> None:
    del opened
    done = larets("--", "keys", "status")
    assert done.exit_code == 1


def test_a_command_that_is_not_inside_is_refused_before_anything_is_asked(opened: PretendedCluster) -> None:
    done = larets("--", "bench")
    assert done.exit_code == 1
    assert "there is no command bench" in done.stderr
    assert opened.seen == []


def test_a_file_is_never_written_over(opened: PretendedCluster, tmp_path: Path, monkeypatch: Any) -> None:
    answer = SimpleNamespace(code=0, output=b"", files={"other.html": b"new", "page.html": b"new"})
    monkeypatch.setattr(Inside, "run", lambda *_: answer)
    del opened
    (tmp_path / "page.html").write_text("old")
    done = larets("--receive", str(tmp_path), "--", "subject", "export", "sub_x", "--html", "page.html")
    assert done.exit_code == 1
    assert (tmp_path / "page.html").read_text() == "old"
    assert not (tmp_path / "other.html").exists()


def test_every_command_inside_is_one_of_larets() -> None:
    named = {name for names in INSIDE.values() for name in names}
    assert named <= set(COMMANDS)
