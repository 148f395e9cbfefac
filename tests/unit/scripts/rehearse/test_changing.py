"""The rehearsal's checks of links, changes and removal, each shown to see what it guards against."""

import io
import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.env.place import SIDES, Side
from scripts.rehearse import command
from scripts.rehearse.checks import changing, linking, removing
from scripts.rehearse.stage import NAME, CheckFailed
from tests.unit.scripts.rehearse import test_applying, test_drifting, test_guarding, test_losing, test_replacing
from tests.unit.scripts.rehearse.play import Play, Script, play, refusal

CHECKED = (linking.accepted_by_fingerprint, changing.upgrade_and_back, changing.rotated,
           changing.doctor_tells_no_value, removing.leaves_nothing)  # fmt: skip
READY = {"workloads": {"app/app": {"ready": True}}}


def test_each_check_of_the_rehearsal_is_shown_to_fail() -> None:
    elsewhere = (one.CHECKED for one in (test_applying, test_drifting, test_guarding, test_losing, test_replacing))
    assert {*CHECKED, *(check for checks in elsewhere for check in checks)} == set(command.CHECKS.values())


@dataclass
class Links:
    """Both halves' contracts. `believes` names what is wrongly taken."""

    folder: Path
    believes: str = ""
    open: set[Side] = field(default_factory=set)

    def script(self, verb: str, side: Side, arguments: tuple[str, ...]) -> Any:
        if verb == "export":
            path = self.folder / f"{side}.json"
            path.write_text(json.dumps({"facts": {"link_host": side}}))
            return {"contract": str(path), "fingerprint": f"sha256:{side}"}
        if verb == "accept":
            return self._accept(side, arguments)
        if verb == "plan" and "--json" not in arguments:
            return {} if self.believes == "changed" else refusal("`larets env accept` it")
        if verb == "status":
            link = "open" if side in self.open or self.believes == "unasked" else "closed"
            return {"outputs": {"link": link}}
        return {"plan": "p"}

    def _accept(self, side: Side, arguments: tuple[str, ...]) -> Any:
        if "sha256:000" in arguments[2]:
            return {} if self.believes == "fingerprint" else refusal("fingerprint")
        if "forged" in arguments[0]:
            return {} if self.believes == "forged" else refusal("its signature is wrong")
        if self.believes != "nobody":
            self.open.add(side)
        return {"policies": "digest" if side == "public" and self.believes != "no policies" else ""}


@pytest.mark.parametrize(
    ("believes", "told"),
    [
        ("unasked", "open before anything was accepted"),
        ("fingerprint", "by a wrong fingerprint"),
        ("forged", "wrong signature was taken"),
        ("nobody", "stayed closed"),
        ("no policies", "names the policies"),
        ("changed", "without being accepted"),
    ],
)
def test_a_link_that_opens_by_anything_but_the_right_fingerprint_is_seen(
    believes: str, told: str, tmp_path: Path
) -> None:
    def staged(name: str, links: Links) -> Play:
        made = play(tmp_path / name, links.script)
        (made.contour("private").folder / "peer.json").write_text("{}")
        return made

    linking.accepted_by_fingerprint(staged("good", Links(tmp_path)))
    with pytest.raises(CheckFailed, match=told):
        linking.accepted_by_fingerprint(staged("bad", Links(tmp_path, believes)))


@dataclass
class Released:
    """A deployment that is upgraded and rotated. `breach` names what goes wrong."""

    breach: str = ""
    image: str = "of before"
    held: int = 0
    pods: int = 0
    passphrase: Path = Path()
    first: str = ""

    def script(self, verb: str, _: Side, arguments: tuple[str, ...]) -> Any:
        if verb == "upgrade" and "--json" not in arguments:
            return {} if self.breach == "tag" else refusal("by digest")
        if verb == "upgrade" and self.breach != "upgrade":
            self.image = changing.NEWER
        if verb == "rollback" and self.breach != "rollback":
            self.image = "of before"
        if verb == "rotate" and arguments[0] != "passphrase":
            self.held += self.breach != "same values"
            self.pods += self.breach != "old pods"
        if verb == "rotate" and arguments[0] == "passphrase":
            self.first = self.passphrase.read_text()
            self.passphrase.write_text("fresh")
        if verb == "apply" and "--json" not in arguments:
            return {} if self.breach == "old plan" else refusal("made elsewhere")
        if verb == "drift":
            wrong = self.passphrase.read_text() == self.first
            return refusal("passphrase") if wrong and self.breach != "old passphrase" else {}
        return READY | {"plan": "p", "empty": self.breach != "not empty"}

    def read(self, manifest: Any) -> Any:
        if manifest["kind"] == "Secret":
            return {"data": {"x": self.held}}
        return {"spec": {"template": {"spec": {"containers": [{"image": self.image}]}, "pods": self.pods}}}


@pytest.mark.parametrize(
    ("breach", "told"),
    [("tag", "to a tag was taken"), ("upgrade", "did not reach the pods"), ("rollback", "did not bring the image")],
)
def test_an_upgrade_or_rollback_that_is_none_is_seen(breach: str, told: str, tmp_path: Path) -> None:
    good, bad = Released(), Released(breach)
    changing.upgrade_and_back(play(tmp_path, good.script, api=good))
    with pytest.raises(CheckFailed, match=told):
        changing.upgrade_and_back(play(tmp_path, bad.script, api=bad))


@pytest.mark.parametrize(
    ("breach", "told"),
    [
        ("same values", "the certificate is the old one"),
        ("old pods", "were not started anew"),
        ("old plan", "under the old passphrase was applied"),
        ("not empty", "changed what is deployed"),
        ("old passphrase", "still opens the state"),
    ],
)
def test_a_rotation_that_is_none_is_seen(breach: str, told: str, tmp_path: Path) -> None:
    for one in (Released(), Released(breach)):
        staged = play(tmp_path / (one.breach or "good"), one.script, api=one)
        one.passphrase = staged.contour("public").passphrase
        if not one.breach:
            changing.rotated(staged)
            continue
        with pytest.raises(CheckFailed, match=told):
            changing.rotated(staged)


def bundling(content: bytes) -> Script:
    def script(_: str, __: Side, arguments: tuple[str, ...]) -> Any:
        with tarfile.open(arguments[arguments.index("--out") + 1], "w:gz") as archive:
            entry = tarfile.TarInfo("names.txt")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        return {}

    return script


@pytest.mark.parametrize("content", [b"host crm.larets.test", b"@sha256:" + b"a" * 64, b""])
def test_a_bundle_for_support_with_values_is_seen(content: bytes, tmp_path: Path) -> None:
    changing.doctor_tells_no_value(play(tmp_path, bundling(b"names alone")))
    with pytest.raises(CheckFailed, match="holds values"):
        changing.doctor_tells_no_value(play(tmp_path, bundling(content)))


@dataclass
class Removal:
    """What is ours in both clusters. `breach` names what goes wrong."""

    breach: str = ""
    there: dict[Side, bool] = field(default_factory=lambda: dict.fromkeys(SIDES, True))
    side: Side = "private"

    def script(self, verb: str, side: Side, arguments: tuple[str, ...]) -> Any:
        assert verb == "destroy"
        if f"{NAME}/{side}" in arguments:
            self.there[side] = self.breach == "left"
            return {}
        if self.breach == "removed":
            self.there[side] = False
        words = "type the name" if self.breach == "not named" else "Namespace vault will be lost"
        return {} if self.breach == "not asked" else refusal(words)

    def at(self, side: Side) -> Any:
        def request(*_: Any, **__: Any) -> Any:
            ours = self.there[side] and self.breach != "nothing"
            return {"items": [{"metadata": {"name": "vault"}}] if ours else []}

        return SimpleNamespace(request=request)


class Both(Play):
    """A cluster per side."""

    __slots__ = ()

    def cluster(self, side: Side) -> Any:
        return self.api.at(side)


@pytest.mark.parametrize(
    ("breach", "told"),
    [
        ("nothing", "would prove nothing"),
        ("not asked", "went on without the name"),
        ("not named", "did not say what is lost"),
        ("removed", "a refused destroy removed something"),
        ("left", "left in the private cluster: namespaces /vault"),
        ("state", "still names a stack"),
    ],
)
def test_a_removal_that_is_none_or_unasked_is_seen(breach: str, told: str, tmp_path: Path) -> None:
    def staged(name: str, removal: Removal) -> Both:
        made = play(tmp_path / name, removal.script, api=removal)
        return Both(made.folder, made.planes, script=removal.script, api=removal)

    removing.leaves_nothing(staged("good", Removal()))
    bad = staged("bad", Removal(breach))
    if breach == "state":
        (bad.contour("private").state / f"{bad.contour('private').stack}.json").write_text("{}")
    with pytest.raises(CheckFailed, match=told):
        removing.leaves_nothing(bad)
