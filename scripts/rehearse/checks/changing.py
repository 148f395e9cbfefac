"""Upgrade, rollback and rotation, each by a plan, each with what it must leave alone."""

import tarfile
from typing import Any, Final

from scripts.rehearse.checks.applying import ready
from scripts.rehearse.stage import CheckFailed, Stage

NEWER: Final = "registry.rehearsal.internal/larets/app@sha256:" + "d" * 64
APP: Final = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app", "namespace": "app"}}
CERTIFICATE: Final = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "tls-intake", "namespace": "app"}}
RUNTIME: Final = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "runtime", "namespace": "app"}}


def upgrade_and_back(stage: Stage) -> None:
    """Another image goes out and comes back; the bundle of the release before says which one that was."""
    before = _image(stage)
    said = stage.run("upgrade", "public", "--larets", "registry.rehearsal.internal/larets/app:latest")
    if said.code == 0 or "digest" not in said.err:
        raise CheckFailed(f"an upgrade to a tag was taken: {said.error}")
    planned = stage.must("upgrade", "public", "--larets", NEWER)
    stage.must("apply", "public", "--plan", planned["plan"])
    ready(stage, "public")
    if _image(stage) != NEWER:
        raise CheckFailed("the upgrade did not reach the pods")
    back = stage.must("rollback", "public")
    stage.must("apply", "public", "--plan", back["plan"])
    ready(stage, "public")
    if _image(stage) != before:
        raise CheckFailed("the rollback did not bring the image of before back")


def rotated(stage: Stage) -> dict[str, Any]:
    """Certificates and passwords are others afterwards, the pods started anew; the old passphrase opens nothing."""
    before = {name: _held(stage, one) for name, one in (("certificate", CERTIFICATE), ("password", RUNTIME))}
    started = _annotations(stage)
    stage.must("rotate", "public", "certificates")
    stage.must("rotate", "public", "passwords")
    stage.bring_up("public")
    ready(stage, "public")
    for name, one in (("certificate", CERTIFICATE), ("password", RUNTIME)):
        if _held(stage, one) == before[name]:
            raise CheckFailed(f"the {name} is the old one")
    if _annotations(stage) == started:
        raise CheckFailed("the pods were not started anew, and hold the old values")
    return _passphrase(stage)


def _passphrase(stage: Stage) -> dict[str, Any]:
    contour = stage.contour("public")
    old_plan, old = stage.must("plan", "public")["plan"], contour.passphrase.read_text()
    stage.must("rotate", "public", "passphrase")
    if stage.run("apply", "public", "--plan", old_plan).code == 0:
        raise CheckFailed("a plan made under the old passphrase was applied")
    if not stage.must("plan", "public")["empty"]:
        raise CheckFailed("a new passphrase changed what is deployed")
    fresh = contour.passphrase.read_text()
    contour.passphrase.write_text(old)
    opened = stage.run("drift", "public").code == 0
    contour.passphrase.write_text(fresh)
    if opened:
        raise CheckFailed("the old passphrase still opens the state")
    return {"rotated": ["certificates", "passwords", "passphrase"]}


def doctor_tells_no_value(stage: Stage) -> None:
    """The bundle names things; it holds no host, address or image of the settings."""
    path = stage.folder / "doctor.tar.gz"
    stage.must("doctor", "public", "--out", str(path))
    with tarfile.open(path) as archive:
        content = b"".join(archive.extractfile(one).read() for one in archive.getmembers())  # type: ignore[union-attr]
    if not content or b"crm.larets.test" in content or b"sha256:" + b"a" * 64 in content:
        raise CheckFailed("the bundle for support holds values of the settings")
    path.unlink()


def _image(stage: Stage) -> str:
    live = stage.cluster("public").read(APP)
    return str(live["spec"]["template"]["spec"]["containers"][0]["image"]) if live else ""


def _held(stage: Stage, manifest: dict[str, Any]) -> Any:
    live = stage.cluster("public").read(manifest)
    if live is None:
        raise CheckFailed(f"there is no {manifest['metadata']['name']}")
    return live["data"]


def _annotations(stage: Stage) -> Any:
    live = stage.cluster("public").read(APP)
    return live["spec"]["template"] if live else None
