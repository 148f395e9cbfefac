"""The check of an environment: persons planted through its edges, and everything public that can be read searched.

Three processes. The private half has that contour's credentials and the planted values: it drives, then searches what
is handed to it. The public half has the other contour's credentials and no value: it reads and hands over. Their parent
has neither and joins them by a pipe.
"""

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Final

import httpx

from scripts.leakcheck import edge, frame_calls, twin
from scripts.leakcheck.canaries import Canaries, latin
from scripts.leakcheck.classified import Classified
from scripts.leakcheck.crew import Found
from scripts.leakcheck.deployed import DeployedGround
from scripts.leakcheck.edge import EdgeResult
from scripts.leakcheck.report import Report
from scripts.leakcheck.scan import Hit, Scanner
from scripts.leakcheck.stream import Piece, by_place, read, write
from scripts.leakcheck.use import use_api
from scripts.leakcheck.webhooks import Webhooks
from scripts.local.instance import InstanceProblem
from scripts.smoke.deployed import Commands, DeployedStand, Origins
from scripts.smoke.doors import Doors
from scripts.voice import say

DRIVEN: Final = "driven"
# Channels that must be there, each with a value that is put into a copy of it and must be found there.
CHANNELS: Final = ("database", "logs", "objects", "answers")
MARK: Final = "the dump holds what was sent"
NOT_DRIVEN: Final = (
    "texts that cross with tokens in place: the trial shop has them off; the console names shops that have not",
    "a browser's pages with their frames: the local check drives them",
    "errors while orders are on their way: nobody stops the processes of an environment for a check",
    "a new origin of the audit log: the statement of one stays for good, so the local check alone founds one",
    "programs with a certificate of the private contour, and the CRM's certificate in wrong hands",
)


@dataclass
class Search:
    """Looks for what was planted in whatever comes; `copies` are the twin's values by channel."""

    scanner: Scanner
    copies: Mapping[str, str]
    found: Found = field(default_factory=Found)
    _copied: set[str] = field(default_factory=set)

    def take(self, pieces: Iterator[Piece]) -> None:
        for channel, place, same in by_place(pieces):
            hits, size = self.scanner.chunks(self._contents(channel, place, same), channel=channel, place=place)
            self.found.hits += hits
            if size:
                self.found.scanned[channel] = self.found.scanned.get(channel, 0) + size

    def _contents(self, channel: str, place: str, same: Iterator[Piece]) -> Iterator[bytes]:
        for piece in same:
            if piece.unread:
                self.found.unread.append(piece.unread if channel == "never" else f"{channel}, {place}: {piece.unread}")
                continue
            if channel in self.copies and channel not in self._copied:
                self._copied.add(channel)
                self._copy(channel, piece.content)
            yield piece.content

    def _copy(self, channel: str, content: bytes) -> None:
        """The first piece of a channel with a value in its midst, as it would stand there."""
        middle = len(content) // 2
        leaked = content[:middle] + self.copies[channel].encode() + content[middle:]
        self.found.hits += self.scanner.bytes(leaked, channel=channel, place="a copy")


def drive(
    ground: DeployedGround, origins: Origins, canaries: Canaries, *, mark: str, heard: Callable[[bytes], None]
) -> EdgeResult:
    """Plants a person in every way that an environment offers. Raises InstanceProblem, httpx.HTTPError."""
    say("  webhooks with persons in every field …")
    hooks = Webhooks(ground, canaries, first=10_000 + secrets.randbelow(1_000_000) * 100)
    hooks.marked(mark)
    hooks.all()
    ground.settle()
    say("  frames and sign-in of the vault …")
    frame_calls.plant(ground.seller.ask, origins.vault, canaries)
    stranger = ground.seller.stranger()
    frame_calls.sign_in_as_a_person(stranger.visit, stranger.submit, origins.vault, canaries)
    say("  REST API …")
    use_api(ground)
    say("  persons straight to the public edge …")
    at_edge = edge.send(ground, edge.prepare(canaries, signed=ground.signed()), heard=heard)
    ground.settle()
    say("  a person is erased …")
    ground.erase_one()
    return at_edge


def check(origins: Origins, doors: Doors, commands: Commands, handed: IO[bytes], driven: Any) -> Report:
    """Drive, say that it is done, search what is handed over. `driven` is called in between.

    Raises:
        InstanceProblem, httpx.HTTPError: something did not do as usual, so nothing would be proven.
    """
    began = time.monotonic()
    answers: list[Piece] = []
    doors.heard = lambda origin, answer: answers.append(_heard(answer)) if origin == origins.crm else None
    canaries = Canaries()
    planted_on_purpose = twin.Twin(canaries)
    copies = {channel: planted_on_purpose.name(channel) for channel in CHANNELS}
    mark = planted_on_purpose.note("database", MARK, f"lc-{latin(14)}")
    say("  a trial shop, its staff sign in …")
    stand = DeployedStand(origins, doors, commands)
    try:
        stand.enrol()
        stand.sign_in()
        ground = DeployedGround(origins, doors, commands, stand)
        at_edge = drive(
            ground, origins, canaries, mark=mark, heard=lambda body: answers.append(Piece("answers", "edge", body))
        )
    finally:
        stand.close()
    driven()
    search = Search(Scanner(canaries.forms), copies)
    say("  what is public is read and searched …")
    search.take(iter(answers))
    search.take(read(handed))
    verdicts = planted_on_purpose.verdicts(search.found)
    return Report(
        canaries=canaries.planted,
        scanned=search.found.scanned,
        hits=[hit for hit in search.found.hits if not _on_purpose(hit)],
        edge=at_edge,
        twin=verdicts,
        not_scanned=[*search.found.unread, *(f"not driven: {one}" for one in NOT_DRIVEN)],
        residual=[],
        classified=Classified(0),
        seconds=time.monotonic() - began,
    )


def _on_purpose(hit: Hit) -> bool:
    return hit.canary.startswith(f"{twin.PREFIX}, ")


def _heard(answer: httpx.Response) -> Piece:
    head = b"".join(name + b": " + value + b"\r\n" for name, value in answer.headers.raw)
    return Piece("answers", str(answer.status_code), head + b"\r\n" + answer.content)


def whole(name: str, arguments: Mapping[str, list[str]]) -> dict[str, Any]:
    """Both halves, joined by a pipe. Raises InstanceProblem: one of them told nothing."""
    command = [sys.executable, "-m", "scripts.main", "leakcheck", "--env", name, "--json", "--half"]
    private = subprocess.Popen(
        [*command, "private", *arguments["private"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert private.stdin is not None  # noqa: S101  asked for above
    assert private.stdout is not None  # noqa: S101
    with private:
        first = private.stdout.readline()
        if first.strip() == DRIVEN.encode():
            public = subprocess.run([*command, "public", *arguments["public"]], stdout=private.stdin, check=False)
            if public.returncode:
                say("larets: error: the public half ended early: what it read is searched, and the rest is missing")
            first = b""
        private.stdin.close()
        told = first + private.stdout.read()
    try:
        answer: dict[str, Any] = json.loads(told)
    except ValueError:
        raise InstanceProblem(f"the private half ended with {private.returncode} and told nothing") from None
    return {"environment": name} | answer


def public_half(name: str, *, files: bool) -> None:
    """Hands over on standard output everything public that it can read."""
    from scripts.env.environment import open_environment  # noqa: PLC0415  the private half does without
    from scripts.leakcheck.collect import pieces  # noqa: PLC0415

    environment = open_environment(name, "public")
    for piece in pieces(environment, files=files):
        write(sys.stdout.buffer, piece)


def private_half(name: str, resolved: Mapping[str, str]) -> Report:
    """Drives, then searches what stands on standard input."""
    from scripts.env.environment import open_environment  # noqa: PLC0415  the public half does without
    from scripts.env.inside import Inside  # noqa: PLC0415
    from scripts.smoke.halves import doors_of  # noqa: PLC0415

    environment = open_environment(name, "private")
    environment.cluster()
    hosts = environment.settings.hosts
    origins = Origins(*(f"https://{host}" for host in (hosts.crm, hosts.vault, hosts.hooks)))

    def driven() -> None:
        print(DRIVEN, flush=True)

    return check(origins, doors_of(environment, resolved), Inside(environment, say), sys.stdin.buffer, driven)
