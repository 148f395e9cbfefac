"""Build the images that changed, keep each as an archive with its list of contents, and say their digests."""

import json
import os
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from scripts.images import archive, base, index_settings, sbom
from scripts.images.containerfile import problems
from scripts.images.context import IMAGES, Image, prepare
from scripts.images.engine import Engine
from scripts.images.errors import ImageProblem
from scripts.local.instance import ROOT
from scripts.tools.tool import PLACE, ToolProblem, run_slowly
from scripts.voice import say

OUT: Final = PLACE / "images"
_REACH: Final = "are the package index and Debian's mirror reachable? What is built so far is kept"
_PROXIES: Final = ("http_proxy", "https_proxy", "no_proxy")


@dataclass(frozen=True)
class Built:
    """`seconds` is what this run spent on it; 0 when nothing had changed."""

    reference: str
    digest: str
    archive: str
    sbom: str
    bytes: int
    seconds: float


def build(
    engine: Engine, names: Sequence[str], *, named_base: str, mirror: str = "", sources: str = "", fresh: bool = False
) -> dict[str, Built]:
    """Every named image, in the order of the list; those whose stamp fits are left as they are.

    Raises:
        ImageProblem: which image failed, and why.
    """
    OUT.mkdir(parents=True, exist_ok=True)
    version = _version()
    revision = _revision()
    done: dict[str, Built] = {}
    chosen = ""
    for name in names:
        image = IMAGES[name]
        key = _key(image, named_base, mirror, sources, version)
        kept = None if fresh else _kept(name, key)
        if kept is not None:
            say(f"  {name}: ready")
            done[name] = kept
            continue
        chosen = chosen or base.base_of(engine, named_base, mirror=mirror, sources=sources)
        done[name] = _one(engine, image, {"BASE": chosen, "VERSION": version, "REVISION": revision}, fresh=fresh)
        _stamp(name).write_text(json.dumps({"key": key, "built": asdict(done[name])}), "utf-8")
    return done


def ready(names: Sequence[str], *, named_base: str) -> dict[str, Built] | None:
    """The named images when all of them are built from what is here now; it needs no engine."""
    OUT.mkdir(parents=True, exist_ok=True)
    version = _version()
    found = {name: _kept(name, _key(IMAGES[name], named_base, "", "", version)) for name in names}
    whole = {name: built for name, built in found.items() if built is not None}
    return whole if len(whole) == len(found) else None


def _one(engine: Engine, image: Image, arguments: Mapping[str, str], *, fresh: bool) -> Built:
    wrong = problems(image.file.read_text("utf-8"))
    if wrong:
        raise ImageProblem(f"{image.name}: {wrong[0]}", hint=str(image.file.relative_to(ROOT)))
    say(f"  {image.name}: building with {engine.name} upon {arguments['BASE']} …")
    started = time.monotonic()
    reference = f"localhost/larets-{image.name}:{arguments['VERSION']}"
    kept = OUT / f"{image.name}.tar"
    new = kept.with_suffix(".new")
    new.unlink(missing_ok=True)
    proxies = {name: os.environ[name] for name in _PROXIES if name in os.environ}
    with tempfile.TemporaryDirectory(prefix="larets-images-") as hidden:
        secrets = index_settings.write(Path(hidden)) if image.code else {}
        command = engine.build(
            reference,
            _folder(image),
            file=image.file,
            arguments={**arguments, **proxies},
            secrets=secrets,
            epoch=_epoch(),
            fresh=fresh,
        )
        _slowly(
            command,
            engine,
            image.name,
            hint=_REACH,
        )
    _slowly(engine.save(reference, new), engine, image.name, hint="is the disk full?")
    digest = archive.digest(new)
    contents = sbom.bom(f"larets-{image.name}", arguments["VERSION"], digest, archive.files(new, sbom.wanted))
    wrong = sbom.faults(contents)
    if wrong:
        raise ImageProblem(f"{image.name}: its list of contents is not valid: {wrong[0]}")
    listing = OUT / f"{image.name}.cdx.json"
    listing.write_text(json.dumps(contents, indent=1, ensure_ascii=False), "utf-8")
    new.replace(kept)
    seconds = round(time.monotonic() - started, 1)
    size = archive.size(kept)
    say(f"  {image.name}: {size / 2**20:.0f} MiB, {len(contents['components'])} packages, {seconds:.0f} s")
    return Built(reference, digest, _relative(kept), _relative(listing), size, seconds)


def _key(image: Image, *parts: str) -> str:
    return "\0".join((prepare(image, _folder(image)), *parts))


def _folder(image: Image) -> Path:
    return OUT / "context" / image.name


def _stamp(name: str) -> Path:
    return OUT / f"{name}.json"


def _kept(name: str, key: str) -> Built | None:
    """What was built from the same, if its archive is still there and still is what was built."""
    try:
        kept = json.loads(_stamp(name).read_text("utf-8"))
        built = Built(**{**kept["built"], "seconds": 0.0})
        if kept["key"] != key or not (ROOT / built.sbom).exists():
            return None
        return built if archive.digest(ROOT / built.archive) == built.digest else None
    except (OSError, ValueError, KeyError, TypeError, ImageProblem):
        return None


def _slowly(command: list[str], engine: Engine, name: str, *, hint: str) -> None:
    try:
        run_slowly(command, cwd=ROOT, env=dict(engine.env), name=name, unit="lines", hint=hint)
    except ToolProblem as problem:
        raise ImageProblem(str(problem), hint=problem.hint) from problem


def _relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _version() -> str:
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"])


def _revision() -> str:
    return _git("describe", "--always", "--dirty", "--abbrev=40") or "unknown"


def _epoch() -> int:
    """One time for all files: the same sources give the same layers, and a new commit alone spoils no cache."""
    told = os.environ.get("SOURCE_DATE_EPOCH", "")
    return int(told) if told.isdigit() else 0


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
