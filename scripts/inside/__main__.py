"""`python -m scripts.inside REQUEST`: run the command of a request file and print its answer, sealed.

The command is a process of its own in a folder of its own, where the files of the request lie; files it makes there
go back with the answer. Nothing is printed in clear: an argument in a usage message may be a login, a result a person.
"""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from scripts.inside.wire import PIECE, Kind, Request, Sealing, WireProblem, is_plain, read_request

BROKEN: Final = 70  # EX_SOFTWARE


class Printer:
    """Sealed lines on standard output, from several threads."""

    def __init__(self, sealing: Sealing) -> None:
        self._sealing = sealing
        self._lock = threading.Lock()
        self.problem: WireProblem | None = None

    def print(self, kind: Kind, content: bytes) -> None:
        with self._lock:
            if self.problem is None or kind == "end":
                self._say(kind, content)

    def _say(self, kind: Kind, content: bytes) -> None:
        try:
            print(self._sealing.line(kind, content), flush=True)
        except WireProblem as problem:
            self.problem = problem

    def file(self, path: Path) -> None:
        with self._lock:
            try:
                for line in self._sealing.file(path.name, path.read_bytes()):
                    print(line, flush=True)
            except WireProblem as problem:
                self.problem = problem


def run(request: Request, printer: Printer) -> int:
    """Run the command; returns its exit code once all it said is printed."""
    code = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        for name, content in request.files.items():
            if not is_plain(name):
                raise WireProblem("a file of the request has a name that leads elsewhere")
            (Path(folder) / name).write_bytes(content)
        ended = _process(request, printer, Path(folder), code)
        for path in _made(Path(folder), request):
            printer.file(path)
    if printer.problem is not None:
        raise printer.problem
    return ended


def _process(request: Request, printer: Printer, folder: Path, code: Path) -> int:
    # The command works in its folder, yet its code and its policies stand where this process was started.
    surroundings = os.environ | {"PYTHONPATH": str(code)}
    surroundings.setdefault("LARETS_VAULT_POLICIES_DIR", str(code / "policies"))
    with subprocess.Popen(
        [sys.executable, "-m", "scripts.inside.command", *request.arguments],
        cwd=folder,
        env=surroundings,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        readers = [
            threading.Thread(target=_pieces, args=(process.stdout, printer)),
            threading.Thread(target=_lines, args=(process.stderr, printer)),
        ]
        for reader in readers:
            reader.start()
        if process.stdin is not None:
            try:
                process.stdin.write(request.input)
                process.stdin.close()
            except BrokenPipeError:
                pass  # it does not read what it was given; how it ends says the rest
        for reader in readers:
            reader.join()
        return process.wait()


def _pieces(stream: IO[bytes], printer: Printer) -> None:
    while piece := stream.read(PIECE):
        printer.print("output", piece)


def _lines(stream: IO[bytes], printer: Printer) -> None:
    for line in stream:
        for start in range(0, len(line), PIECE):
            printer.print("error", line[start : start + PIECE].rstrip(b"\n"))


def _made(folder: Path, request: Request) -> Iterator[Path]:
    """Files that were not there before, or are another now."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.is_symlink() and is_plain(path.name):
            before = request.files.get(path.name)
            if before is None or before != path.read_bytes():
                yield path


def main() -> None:
    try:
        request, sealing = read_request(Path(sys.argv[1]).read_bytes())
    except (WireProblem, OSError, IndexError) as problem:
        print(f"larets: error: {problem if isinstance(problem, WireProblem) else type(problem).__name__}")
        raise SystemExit(BROKEN) from problem
    printer = Printer(sealing)
    try:
        code = run(request, printer)
    except WireProblem as problem:
        code = BROKEN
        printer.problem = None
        sealing.size = 0  # what is told now is short
        printer.print("error", f"larets: error: {problem}".encode())
    printer.print("end", str(code).encode())
    raise SystemExit(code)


if __name__ == "__main__":
    main()
