"""`make manifests-check`: checkov's Kubernetes checks over everything the stacks render, without a cluster.

Checkov is heavy and pins much, so it lives in an environment of its own under `.tools`. What may fail stands with its
reason in `infra/checkov.yaml`; anything else fails here, and so does an exception that is needed no more.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import yaml

from infra.lib.names import Contour
from infra.lib.settings import StackSettings, settings_of
from infra.render import render_all, write
from scripts.env.example import PLACEHOLDER, REGISTRY, example
from scripts.local.instance import ROOT
from scripts.voice import emit, fail, say

cli = typer.Typer(rich_markup_mode=None, help=__doc__)

VERSION: Final = "3.3.30"
HOME: Final = ROOT / ".tools" / "checkov"
EXCEPTIONS: Final = ROOT / "infra" / "checkov.yaml"
CONTOURS: Final[tuple[Contour, Contour]] = ("private", "public")


@dataclass(frozen=True, slots=True)
class Verdict:
    """`unexpected` fail and are no exception; `needless` are exceptions that nothing fails."""

    passed: int
    unexpected: tuple[str, ...]
    needless: tuple[str, ...]


def judged(report: Mapping[str, Any], exceptions: Sequence[Mapping[str, Any]]) -> Verdict:
    """Pure: what checkov said against what may be said."""
    excused = {(one["check"], resource) for one in exceptions for resource in one["resources"]}
    failed = {(one["check_id"], one["resource"]): one["check_name"] for one in report["results"]["failed_checks"]}
    return Verdict(
        int(report["summary"]["passed"]),
        tuple(sorted(f"{check} {where}: {failed[check, where]}" for check, where in failed.keys() - excused)),
        tuple(sorted(f"{check} {where}" for check, where in excused - failed.keys())),
    )


def variants() -> Iterator[tuple[str, StackSettings]]:
    """By the book, and with everything of our own in place of operators."""
    for contour in CONTOURS:
        by_the_book = example("check", contour)
        yield f"{contour}-production", settings_of(by_the_book)
        plain = by_the_book | {"stage": "rehearsal", "database": {"kind": "statefulset"}}
        plain |= {"edge": {"kind": "proxy"}, "certificates": {"kind": "issued"}}
        plain["images"] = by_the_book["images"] | {"edge": f"{REGISTRY}/edge@sha256:{PLACEHOLDER}"}
        yield f"{contour}-plain", settings_of(plain)


def _installed() -> Path:
    program = HOME / "bin" / "checkov"
    if not program.exists():
        say(f"setting up checkov {VERSION} in {HOME.relative_to(ROOT)}, once; some two minutes")
        subprocess.run([sys.executable, "-m", "venv", str(HOME)], check=True)
        pip = [str(HOME / "bin" / "pip"), "install", "-q", "--disable-pip-version-check", f"checkov=={VERSION}"]
        if subprocess.run(pip, check=False, stdout=sys.stderr).returncode:
            fail("checkov could not be installed", hint="it needs a package index; delete .tools/checkov and try again")
    return program


def _report(program: Path, folder: Path) -> dict[str, Any]:
    command = [
        str(program),
        "--framework",
        "kubernetes",
        "--skip-download",
        "--compact",
        "-o",
        "json",
        "-d",
        str(folder),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except json.JSONDecodeError:
        fail("checkov gave no report", hint=done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "")
    if not found.get("results") or found["summary"]["parsing_errors"]:
        fail("checkov could not read the manifests")
    return found


@cli.command()
def check(as_json: Annotated[bool, typer.Option("--json", help="the verdict for a program")] = False) -> None:
    """Render, check, and compare with the exceptions. Exit code 0 only when nothing is unexpected."""
    program = _installed()
    with tempfile.TemporaryDirectory() as folder:
        for name, settings in variants():
            write(render_all(settings), Path(folder) / name, of=name)
        report = _report(program, Path(folder))
    verdict = judged(report, yaml.safe_load(EXCEPTIONS.read_text("utf-8")))
    if as_json:
        emit({"passed": verdict.passed, "unexpected": verdict.unexpected, "needless": verdict.needless})
    for line in (*verdict.unexpected, *(f"no longer needed in {EXCEPTIONS.name}: {one}" for one in verdict.needless)):
        say(f"  {line}")
    if verdict.unexpected or verdict.needless:
        fail("checkov's checks do not hold", hint="correct the manifests, or give the exception a reason")
    say(f"{verdict.passed} checks hold")


if __name__ == "__main__":
    cli()
