"""The check of an environment: what is handed over, how it is searched, what the public half reads and cannot read."""

import io
import json
import subprocess
import sys
from types import SimpleNamespace
from typing import IO, Any, cast

import pytest

from scripts.env.errors import ClusterRefused, EnvProblem
from scripts.leakcheck import collect, environment
from scripts.leakcheck.canaries import Canaries
from scripts.leakcheck.collect import NEVER, pieces
from scripts.leakcheck.environment import CHANNELS, DRIVEN, MARK, Search, whole
from scripts.leakcheck.scan import Scanner
from scripts.leakcheck.stream import Piece, read, write
from scripts.leakcheck.twin import Twin
from scripts.local.instance import InstanceProblem

SENT = [
    Piece("database", "pg_dump", b"one"),
    Piece("database", "pg_dump", b"two"),
    Piece("logs", "app/app-1/app", "строка".encode()),
    Piece("files", "volume", unread="no rights"),
]


def handed(sent: list[Piece]) -> io.BytesIO:
    out = io.BytesIO()
    for piece in sent:
        write(out, piece)
    return io.BytesIO(out.getvalue())


def test_pieces_come_as_they_were_sent() -> None:
    assert list(read(handed(SENT))) == SENT


def test_a_pipe_that_broke_off_within_a_piece_is_noticed() -> None:
    whole_stream = handed(SENT).getvalue()
    with pytest.raises(EOFError):
        list(read(io.BytesIO(whole_stream[: whole_stream.index(b"two") + 1])))


def searched(sent: list[Piece], canaries: Canaries, twin: Twin) -> Search:
    copies = {channel: twin.name(channel) for channel in CHANNELS}
    mark = twin.note("database", MARK, "lc-abcdefghijklmn")
    assert mark
    search = Search(Scanner(canaries.forms), copies)
    search.take(read(handed(sent)))
    return search


def test_a_leak_is_found_across_pieces_and_is_no_twin() -> None:
    canaries = Canaries()
    value = canaries.value("webhook, order: phone", "+79161234567").encode()
    sent = [Piece("database", "pg_dump", b"x" * 50 + value[:5]), Piece("database", "pg_dump", value[5:] + b"y")]
    found = searched(sent, canaries, Twin(canaries)).found
    leaks = {(hit.canary, hit.channel) for hit in found.hits if not environment._on_purpose(hit)}
    assert leaks == {("webhook, order: phone", "database")}
    assert found.scanned == {"database": 50 + len(value) + 1}


def test_each_channel_proves_itself_by_a_leak_in_a_copy() -> None:
    canaries = Canaries()
    twin = Twin(canaries)
    sent = [Piece(channel, "somewhere", b"nothing here " * 20) for channel in CHANNELS]
    sent[0] = Piece("database", "pg_dump", b"source lc-abcdefghijklmn and more")
    assert set(twin.verdicts(searched(sent, canaries, twin).found).values()) == {"caught"}


@pytest.mark.parametrize("lacking", [*CHANNELS, MARK])
def test_a_channel_that_did_not_come_is_blindness(lacking: str) -> None:
    canaries = Canaries()
    twin = Twin(canaries)
    sent = [Piece(channel, "x", b"lc-abcdefghijklmn " * 3) for channel in CHANNELS if channel != lacking]
    if lacking == MARK:
        sent[0] = Piece("database", "pg_dump", b"a dump without the order")
    verdicts = twin.verdicts(searched(sent, canaries, twin).found)
    assert {leak for leak, verdict in verdicts.items() if verdict == "missed"} == (
        {lacking, MARK} if lacking == "database" else {lacking}
    )


def test_what_could_not_be_read_is_told_with_its_reason() -> None:
    canaries = Canaries()
    found = searched([SENT[3], Piece("never", "0", unread=NEVER[0])], canaries, Twin(canaries)).found
    assert found.unread == ["files, volume: no rights", NEVER[0]]


class Cluster:
    """The public contour's API server as this account sees it."""

    def __init__(self, refused: str = "") -> None:
        self._refused = refused

    def request(self, method: str, path: str, *, query: Any = None) -> Any:
        assert method == "GET"
        if self._refused and self._refused in path:
            raise ClusterRefused("forbidden", status=403, reason="Forbidden")
        if path.endswith("/log"):
            if query["previous"] == "true":
                raise ClusterRefused("no one before", status=400)
            return '{"level": "info"}' if "app-2" in path else "a line of the log"
        if path.endswith("/pods"):
            pod = {"spec": {"initContainers": [{"name": "wait"}], "containers": [{"name": "main"}]}}
            return {"items": [pod | {"metadata": {"name": name}} for name in ("app-1", "app-2")]}
        return {"items": [{"metadata": {"name": "имя"}}]}


def read_all(
    monkeypatch: pytest.MonkeyPatch, *, refused: str = "", fails: str = "", files: bool = False
) -> list[Piece]:
    def run(_: Any, command: Any, *, stdout: IO[bytes]) -> None:
        stdout.write(b"rows " * 300_000)
        if fails:
            raise EnvProblem(f"{command[0]} {fails}", hint="what to do")

    monkeypatch.setattr(collect, "in_database", run)
    monkeypatch.setattr(collect, "in_database_pod", run)
    place = SimpleNamespace(cluster=lambda: Cluster(refused))
    return list(pieces(cast("Any", place), files=files))


def test_the_public_half_reads_objects_logs_and_the_whole_dump(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read_all(monkeypatch, files=True)
    assert {piece.channel for piece in found} == {"objects", "logs", "database", "files", "never"}
    assert sum(len(piece.content) for piece in found if piece.channel == "database") == 1_500_000
    logs = {piece.place for piece in found if piece.channel == "logs"}
    assert {"app/app-1/wait", "app/app-1/main", "edge/app-2/main", "data/app-2/main"} <= logs
    assert "имя".encode() in next(piece.content for piece in found if piece.place == "app/configmaps")
    assert not [piece for piece in found if "secrets" in piece.place]


@pytest.mark.parametrize(("refused", "channel"), [("/log", "logs"), ("configmaps", "objects")])
def test_what_this_account_may_not_read_is_told(refused: str, channel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {piece.channel for piece in read_all(monkeypatch, refused=refused) if piece.unread}
    assert channel in told


def test_a_dump_that_fails_is_told_and_a_changing_file_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = [piece for piece in read_all(monkeypatch, fails="ended with 1 in the pod", files=True) if piece.unread]
    assert {piece.channel for piece in failed} == {"database", "never"}
    assert "what to do" in failed[0].unread


def test_without_files_the_volume_is_said_to_be_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    assert any(piece.channel == "files" and "--files" in piece.unread for piece in read_all(monkeypatch))


@pytest.fixture
def halves(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Small programs in the halves' places; the private one counts the bytes that it is handed."""
    programs = [
        f"import sys; print('{DRIVEN}', flush=True); print('{{\"ok\": true, \"got\": %d}}' % len(sys.stdin.read()))",
        "import sys; sys.stdout.write('x' * 70000)",
    ]
    real = subprocess.Popen

    class Popen(real):  # type: ignore[misc, valid-type]
        def __init__(self, command: list[str], **options: Any) -> None:
            half = command[command.index("--half") + 1]
            assert ("--resolve" in command) is (half == "private")
            super().__init__([sys.executable, "-c", programs[half == "public"]], **options)

    monkeypatch.setattr(subprocess, "Popen", Popen)
    return programs


ARGUMENTS = {"private": ["--resolve", "a=b"], "public": []}


def test_what_the_public_half_reads_goes_to_the_private_one_by_a_pipe(halves: list[str]) -> None:
    del halves
    assert whole("shop", ARGUMENTS) == {"environment": "shop", "ok": True, "got": 70_000}


def test_the_public_half_is_not_started_before_persons_were_planted(halves: list[str]) -> None:
    halves[0] = "print('{\"ok\": false}')"
    halves[1] = "raise SystemExit('it was started')"
    assert whole("shop", ARGUMENTS)["ok"] is False


def test_a_private_half_that_tells_nothing_is_no_success(halves: list[str]) -> None:
    halves[0] = "raise SystemExit(1)"
    with pytest.raises(InstanceProblem, match="private half ended with 1"):
        whole("shop", ARGUMENTS)


def test_answers_carry_no_path_into_the_report() -> None:
    request = SimpleNamespace(url=None)
    answer = SimpleNamespace(
        status_code=404, headers=SimpleNamespace(raw=[(b"a", b"b")]), content=b"c", request=request
    )
    piece = environment._heard(cast("Any", answer))
    assert (piece.place, piece.content) == ("404", b"a: b\r\n\r\nc")
    assert json.dumps(piece.place)
