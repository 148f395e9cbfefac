"""The program that builds: docker, podman or buildah, the first that answers, or the one that is named."""

import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.images.errors import ImageProblem

ORDER: Final = ("docker", "podman", "buildah")
ANSWER_SECONDS: Final = 20.0
# No user namespaces and no overlay are needed: it works inside a container and on any file system.
BUILDAH: Final = {"BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "vfs"}
# Docker's client alone does not build: its daemon must answer.
_ASK: Final = {"docker": ("docker", "info"), "podman": ("podman", "info"), "buildah": ("buildah", "version")}
INSTALL: Final = (
    "install one of them (Debian: `apt-get install buildah`), start docker's daemon, or name one with ENGINE="
)


@dataclass(frozen=True)
class Engine:
    """One builder's words for the three things that are asked of it."""

    name: str

    @property
    def env(self) -> Mapping[str, str]:
        return BUILDAH if self.name == "buildah" else {"DOCKER_BUILDKIT": "1"} if self.name == "docker" else {}

    def build(
        self,
        tag: str,
        folder: Path,
        *,
        file: Path,
        arguments: Mapping[str, str],
        secrets: Mapping[str, Path],
        epoch: int,
        fresh: bool = False,
    ) -> list[str]:
        """Secrets are mounted for one step and stay in no layer; `epoch` is the time that the image's files get.

        `fresh` uses no layer of an earlier build: packages of the distribution are asked for anew.
        """
        own = ["--layers", "--timestamp", str(epoch)] if self.name != "docker" else ["--provenance=false"]
        own += ["--no-cache"] if fresh else []
        given = [part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")]
        hidden = [part for name, path in secrets.items() for part in ("--secret", f"id={name},src={path}")]
        verb = "bud" if self.name == "buildah" else "build"
        return [self.name, verb, *own, *given, *hidden, "-t", tag, "-f", str(file), str(folder)]

    def save(self, tag: str, archive: Path) -> list[str]:
        """Docker 25 and newer write the same layout by `save`."""
        if self.name == "buildah":
            return ["buildah", "push", "--quiet", tag, f"oci-archive:{archive}:{tag}"]
        shape = ["--format", "oci-archive"] if self.name == "podman" else []
        return [self.name, "save", *shape, "-o", str(archive), tag]

    def pull(self, reference: str) -> list[str]:
        return [self.name, "pull", "--quiet", reference]


def choose(
    named: str = "",
    *,
    which: Callable[[str], str | None] = shutil.which,
    answers: Callable[[Sequence[str]], bool] | None = None,
) -> Engine:
    """The engine that is named, or the first that is installed and answers.

    Raises:
        ImageProblem: there is none; the hint says what to install.
    """
    if named and named not in ORDER:
        raise ImageProblem(f"unknown engine “{named}”", hint=f"known are {', '.join(ORDER)}")
    ask = answers or _answers
    silent = []
    for name in (named,) if named else ORDER:
        if which(name) is None:
            continue
        if ask(_ASK[name]):
            return Engine(name)
        silent.append(name)
    if silent:
        raise ImageProblem(f"{', '.join(silent)}: installed, but does not answer", hint=INSTALL)
    raise ImageProblem(f"there is no {named or 'docker, podman or buildah'} here", hint=INSTALL)


def _answers(command: Sequence[str]) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=ANSWER_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
