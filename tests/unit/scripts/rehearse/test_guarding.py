"""The rehearsal's checks of admission, rights, network and secrets, each shown to see what it guards against."""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.env.errors import ClusterRefused
from scripts.env.place import VARIABLE, Side
from scripts.rehearse.checks import guarding, network, secrecy
from scripts.rehearse.stage import OFFICERS, OPERATORS, CheckFailed
from tests.unit.scripts.rehearse.play import Script, play, refusal

CHECKED = (guarding.breaches_refused, guarding.rights_table, guarding.wrong_cluster,
           network.only_intended_paths, secrecy.no_secret_in_clear)  # fmt: skip


@dataclass
class Server:
    """An API server that admits and grants as it should, but for `taken` and `granted`."""

    taken: str = ""  # a breach that is admitted
    reason: str = ""  # why all the others are refused; empty: as foreseen
    granted: tuple[str, str, str] = ("", "", "")  # who, verb, resource
    lets_in_fact: str = ""  # what an operator may do in spite of the table
    versions: list[str] = field(default_factory=lambda: ["1"])

    def apply(self, manifest: Any, *, dry_run: bool) -> None:
        assert dry_run
        for what, (breach, word) in guarding.BREACHES.items():
            if manifest == breach and what != self.taken:
                raise ClusterRefused(self.reason or word, status=403)

    def request(self, method: str, path: str, *, body: Any = None, headers: Any = None, **_: Any) -> Any:
        if method == "POST":
            return {"status": {"allowed": self._may(**body["spec"])}}
        if headers and method != "DELETE" and not path.endswith("/pods") and method != self.lets_in_fact:
            raise ClusterRefused("forbidden", status=403)
        if path.endswith("/ephemeralcontainers"):
            self._put_beside(*body["spec"]["ephemeralContainers"])
        version = self.versions.pop(0) if len(self.versions) > 1 else self.versions[0]
        return {"items": [{"metadata": {"name": "p", "uid": path, "resourceVersion": version}}]}

    def _put_beside(self, container: Any) -> None:
        for what, (breach, word) in guarding.BESIDE.items():
            if container == breach and what != self.taken:
                raise ClusterRefused(self.reason or word, status=403)

    def _may(self, *, user: str, groups: list[str], resourceAttributes: dict[str, str]) -> bool:  # noqa: N803
        del user
        who = {OPERATORS: "operator", OFFICERS: "officer"}.get(groups[0], "stranger")
        asked = resourceAttributes
        kind = "/".join(part for part in (asked["resource"], asked["subresource"]) if part)
        if (who, asked["verb"], kind) == self.granted:
            return True
        for (verb, group, resource, namespace), allowed in guarding.TABLE.items():
            where = asked["namespace"].replace("app", "vault")
            if (verb, group, resource, namespace) == (asked["verb"], asked["group"], kind, where):
                return who in allowed
        return False


def nothing(*_: Any) -> Any:
    return {}


@pytest.mark.parametrize("breach", [*guarding.BREACHES, *guarding.BESIDE])
def test_a_breach_that_the_server_admits_is_seen(breach: str, tmp_path: Path) -> None:
    guarding.breaches_refused(play(tmp_path, nothing, api=Server()))
    with pytest.raises(CheckFailed, match=f"the API server took {breach}"):
        guarding.breaches_refused(play(tmp_path, nothing, api=Server(taken=breach)))


def test_a_breach_that_is_refused_for_another_reason_is_seen(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="for another reason"):
        guarding.breaches_refused(play(tmp_path, nothing, api=Server(reason="quota exceeded")))


@pytest.mark.parametrize(
    "granted",
    [("operator", "get", "secrets"), ("officer", "create", "pods/exec"), ("stranger", "list", "pods"),
     ("operator", "impersonate", "users")],
)  # fmt: skip
def test_a_right_too_many_is_seen(granted: tuple[str, str, str], tmp_path: Path) -> None:
    guarding.rights_table(play(tmp_path, nothing, api=Server()))
    with pytest.raises(CheckFailed, match=f"{granted[1]} {granted[2]} in"):
        guarding.rights_table(play(tmp_path, nothing, api=Server(granted=granted)))


@pytest.mark.parametrize(("method", "what"), [("GET", "secrets"), ("PATCH", "deployments/vault")])
def test_a_right_that_the_table_denies_and_the_server_gives_is_seen(method: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match=f"an operator may {method} .*{what}"):
        guarding.rights_table(play(tmp_path, nothing, api=Server(lets_in_fact=method)))


@pytest.mark.parametrize("going_on", ["plan", "apply", "drift", "destroy"])
def test_a_command_that_goes_on_in_the_wrong_cluster_is_seen(going_on: str, tmp_path: Path) -> None:
    def script(bad: str = "") -> Script:
        def answer(verb: str, _: Side, arguments: tuple[str, ...]) -> Any:
            return {"plan": "p"} if "--json" in arguments or verb == bad else refusal("this is not the one")

        return answer

    guarding.wrong_cluster(play(tmp_path / "good", script(), api=Server()))
    with pytest.raises(CheckFailed, match=f"{going_on} did not refuse"):
        guarding.wrong_cluster(play(tmp_path / "bad", script(going_on), api=Server()))


def test_a_wrong_cluster_that_was_touched_is_seen(tmp_path: Path) -> None:
    def script(_: str, __: Side, arguments: tuple[str, ...]) -> Any:
        return {"plan": "p"} if "--json" in arguments else refusal("this is not the one")

    with pytest.raises(CheckFailed, match="was touched"):
        guarding.wrong_cluster(play(tmp_path, script, api=Server(versions=["1", "1", "1", "2"])))


def rendering(_: str, __: Side, arguments: tuple[str, ...]) -> Any:
    Path(arguments[arguments.index("--out") + 1]).mkdir(parents=True)
    return {}


@pytest.mark.parametrize(
    ("more", "less", "told"),
    [
        ({"app/* → vault/vault: TCP 8200"}, set(), r"not intended: \['app/\* → vault"),
        (set(), {"vault/* → data/*: TCP 5432"}, r"lacking: \['vault/\* → data"),
    ],
    ids=["a path too many", "a path lacking"],
)
def test_another_network_is_seen(
    more: set[str], less: set[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "reachable", lambda folder: (network.INTENDED[folder.name] | more) - less)
    with pytest.raises(CheckFailed, match=told):
        network.only_intended_paths(play(tmp_path, rendering))


def test_an_analyser_that_sees_no_hole_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "reachable", lambda folder: network.INTENDED[folder.name])
    with pytest.raises(CheckFailed, match="a hole in a network policy was not seen"):
        network.only_intended_paths(play(tmp_path, rendering))


@pytest.mark.parametrize("program", ["true", "false"])
def test_an_analyser_that_says_nothing_proves_nothing(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "NCA", program)
    with pytest.raises(CheckFailed, match="gave no answer"):
        network.reachable(tmp_path)


CANARY = "canary-0123456789abcdef-canary"


@pytest.fixture
def canaries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))  # the check sets it for its own process; here it is set back
    engine = SimpleNamespace(values=lambda: {"database-owner": CANARY, "authority-crt": "no secret"})
    monkeypatch.setattr(secrecy, "open_environment", lambda *_: SimpleNamespace(engines=[engine]))


@pytest.mark.usefixtures("canaries")
@pytest.mark.parametrize("where", ["state", "plans", "rendered"])
def test_a_secret_in_clear_is_seen(where: str, tmp_path: Path) -> None:
    staged = play(tmp_path, rendering)
    assert secrecy.no_secret_in_clear(staged)["canaries"] == 2  # one of each half
    leaking = play(tmp_path / "leak", rendering)
    folder = leaking.folder / "rendered" / "x" if where == "rendered" else leaking.contour("private").folder / where
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "it.json").write_text(f'{{"password": "{CANARY}"}}')
    with pytest.raises(CheckFailed, match=r"in clear: .*database-owner in it\.json"):
        secrecy.no_secret_in_clear(leaking)


@pytest.mark.usefixtures("canaries")
def test_a_blind_search_for_secrets_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrecy, "leaks", lambda *_: iter(()))
    with pytest.raises(CheckFailed, match="on purpose was not seen"):
        secrecy.no_secret_in_clear(play(tmp_path, rendering))
