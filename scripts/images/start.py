"""Start what was built as the stacks start it: by runc, under the security context that the rendered manifests name.

An image that builds and lists well may still want to write where nothing may be written. Root is needed, as runc makes
mounts. Not covered: the node's seccomp profile, which only a kubelet has.
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scripts.images import archive
from scripts.images.errors import ImageProblem
from scripts.tools.tool import PLACE

Manifest = Mapping[str, Any]
SECONDS: Final = 120
# Where the containers of each image stand in what the stacks render: (contour, kind, name).
WHERE: Final = {
    "vault": ("private", "Deployment", "vault"),
    "app": ("public", "Deployment", "app"),
    "edge": ("private", "Deployment", "edge"),
    "database": ("private", "StatefulSet", "postgres"),
}
# Who it is, what it may, and that nothing but /tmp can be written; prints what is amiss.
PROBE: Final = """
import os, pathlib
status = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
amiss = [f"is user {os.getuid()}:{os.getgid()}"] if (os.getuid(), os.getgid()) != (10001, 10001) else []
amiss += ["has capabilities"] if int(status["CapEff"], 16) or int(status["CapBnd"], 16) else []
amiss += ["may gain privileges"] if status["NoNewPrivs"].strip() != "1" else []
amiss += [f"has {path}" for path in ("/bin/sh", "/usr/bin/perl", "/usr/bin/apt") if os.path.exists(path)]
for folder in ("/", "/srv/larets", "/opt/larets", "/var", "/run", "/home"):
    try:
        pathlib.Path(folder, "written").write_text("x")
        amiss.append(f"writes into {folder}")
    except OSError:
        pass
pathlib.Path("/tmp", "written").write_text("x")
print("; ".join(amiss), end="")
"""
_ONCE: Final = "own=/tmp; echo $$ > $own/once && POSTGRES_PASSWORD_FILE=$own/once exec"
# What is run, and what must come: an exit code, and words in what it says.
TRIALS: Final[dict[str, dict[str, tuple[tuple[str, ...], int, str]]]] = {
    "vault": {
        "confined": (("python", "-c", PROBE), 0, ""),
        "the vault names its settings": (("python", "-m", "pii_vault.main"), 2, "database_url"),
        "the worker names its settings": (("python", "-m", "pii_vault.worker"), 2, "database_url"),
        "migrations": (("python", "-m", "scripts.database", "--help"), 0, "migrate"),
        "commands": (("python", "-m", "scripts.inside.command", "keys", "--help"), 0, "rotate"),
        "a request is asked for": (("python", "-m", "scripts.inside", "/nowhere"), 70, "larets: error"),
    },
    "app": {
        "confined": (("python", "-c", PROBE), 0, ""),
        "the application names its settings": (("python", "-m", "app.main"), 2, "database_url"),
        "the worker names its settings": (("python", "-m", "app.worker"), 2, "database_url"),
        "migrations": (("python", "-m", "scripts.database", "--help"), 0, "migrate"),
        "commands": (("python", "-m", "scripts.inside.command", "witness", "--help"), 0, "newest"),
    },
    "edge": {
        "the proxy": (("haproxy", "-v"), 0, "HAProxy version"),
        "it runs the script that follows its certificates": (("haproxy", "-vv"), 0, "+LUA"),
    },
    "database": {
        "a new cluster is made": (("sh", "-c", f"{_ONCE} docker-entrypoint.sh postgres --version"), 0, "Success."),
        "no cluster without a password": (("docker-entrypoint.sh", "postgres"), 1, "POSTGRES_PASSWORD_FILE"),
    },
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a container ended, what it said, and how long it took to say it."""

    code: int
    said: str
    seconds: float


def start(name: str, archived: Path) -> dict[str, str]:
    """By trial, `pass` or what came instead.

    Raises:
        ImageProblem: runc is not here, or the archive cannot be unpacked.
    """
    container = container_of(name)
    verdicts: dict[str, str] = {}
    with unpacked(archived) as root:
        for trial, (command, code, words) in TRIALS[name].items():
            ended = run(root, container, command)
            fits = ended.code == code and (words in ended.said if words else not ended.said)
            verdicts[trial] = "pass" if fits else f"ended with {ended.code}: {ended.said[-200:]}"
    return verdicts


def container_of(name: str) -> dict[str, Any]:
    """The container as the stacks render it."""
    from infra.lib.settings import settings_of  # noqa: PLC0415  Pulumi takes a second, and building does without
    from infra.render import render_all  # noqa: PLC0415
    from scripts.env.example import PLACEHOLDER, REGISTRY, example  # noqa: PLC0415

    contour, kind, called = WHERE[name]
    content = example("images", "private" if contour == "private" else "public")
    content |= {"stage": "rehearsal", "database": {"kind": "statefulset"}, "edge": {"kind": "proxy"}}
    content["images"] = content["images"] | {
        each: f"{REGISTRY}/{each}@sha256:{PLACEHOLDER}" for each in ("edge", "database", "key_service")
    }
    for one in render_all(settings_of(content)):
        if one["kind"] == kind and one["metadata"]["name"] == called:
            found: dict[str, Any] = one["spec"]["template"]["spec"]["containers"][0]
            return found
    raise ImageProblem(f"the stacks deploy no {called}")


def specification(root: Path, container: Manifest, image: Mapping[str, Any], command: Sequence[str]) -> dict[str, Any]:
    """What runc is told: the container's security context and its empty folders; everything else is left out. Pure."""
    context = container["securityContext"]
    names = () if context["capabilities"]["drop"] == ["ALL"] else ("CAP_CHOWN",)
    empty = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] in {"tmp", "socket", "data"}]
    owned = [f"uid={context['runAsUser']}", f"gid={context['runAsGroup']}", "mode=1777"]
    folders = [
        {"destination": path, "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", *owned]}
        for path in empty
    ]
    system = [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
    ]
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": context["runAsUser"], "gid": context["runAsGroup"]},
            "args": list(command),
            "env": image["Env"],
            "cwd": image.get("WorkingDir") or "/",
            "capabilities": {kind: list(names) for kind in ("bounding", "effective", "permitted")},
            "noNewPrivileges": not context["allowPrivilegeEscalation"],
        },
        "root": {"path": str(root), "readonly": context["readOnlyRootFilesystem"]},
        "mounts": [*system, *folders],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "network")]},
    }


def run(root: Path, container: Manifest, command: Sequence[str]) -> Ended:
    with tempfile.TemporaryDirectory(prefix="larets-start-") as bundle:
        told = specification(root / "rootfs", container, json.loads((root / "image.json").read_text()), command)
        Path(bundle, "config.json").write_text(json.dumps(told))
        name = f"larets-{os.getpid()}-{time.monotonic_ns()}"
        began = time.monotonic()
        try:
            done = subprocess.run(
                [_runc(), "--root", f"{bundle}/state", "run", "--bundle", bundle, name],
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            subprocess.run([_runc(), "--root", f"{bundle}/state", "delete", "--force", name], check=False)
            return Ended(-1, f"did not end within {SECONDS} s", SECONDS)
    return Ended(done.returncode, done.stdout + done.stderr, time.monotonic() - began)


@contextmanager
def unpacked(archived: Path) -> Iterator[Path]:
    """A folder with `rootfs` and `image.json`, the image's own configuration."""
    with tempfile.TemporaryDirectory(prefix="larets-image-") as folder:
        root = Path(folder)
        (root / "rootfs").mkdir()
        configuration = archive.unpack(archived, root / "rootfs")
        (root / "image.json").write_text(json.dumps(configuration["config"]))
        yield root


def _runc() -> str:
    own = PLACE / "node" / "usr" / "sbin" / "runc"
    found = shutil.which("runc") or (str(own) if own.exists() else "")
    if not found or os.geteuid() != 0:
        raise ImageProblem(
            "images are started by runc, as root", hint="install runc, or `larets tools node` unpacks one"
        )
    return found
