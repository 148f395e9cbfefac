"""The check that puts another cluster in a lost one's place sees a wrong one taken, and what is not made anew."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.env.place import Side
from scripts.rehearse.checks import replacing
from scripts.rehearse.stage import CheckFailed
from tests.unit.scripts.rehearse.play import Play, play, refusal

CHECKED = (replacing.another_cluster,)
OLD, NEW = "server: https://127.0.0.1:6443\n", "the new one's"


class Lost:
    """The private half as commands tell it; `fault` names what is wrong."""

    def __init__(self, folder: Path, fault: str) -> None:
        self.fault = fault
        self.exported = 0
        api = SimpleNamespace(identifier=lambda: NEW, request=lambda *_: {"items": []})
        self.stage: Play = play(folder, self.answer, api=api)
        self.made: list[str] = []
        plane: Any = SimpleNamespace(folder=folder / "plane", stop=lambda: None, kubeconfig=lambda: NEW)
        plane.anew = lambda: SimpleNamespace(kubeconfig=lambda: NEW)
        plane.folder.mkdir()
        self.stage.planes["private"] = plane
        (self.stage.contour("private").plans / "1.json").write_text("{}")

    def answer(self, verb: str, _: Side, arguments: tuple[str, ...]) -> Any:
        del arguments
        self.made.append(verb)
        if verb == "export":
            self.exported += 1
            return {"fingerprint": str(self.exported) if self.fault == "another contract" else "same"}
        settings = self.stage.contour("private").settings
        word = "kubeconfig's authority" if (self.stage.folder / "private.kubeconfig").read_text() == OLD else ""
        word = word or ("" if NEW in settings.read_text() else "not the one")
        if word and self.fault == "touched":
            settings.write_text("of another hand")
        if word and self.fault != f"{verb} takes it":
            return refusal("away" if self.fault == "another reason" else word)
        if verb == "drift" and self.fault == "drift":
            return refusal("drift", code=3)
        steps = {"create": 9, "same": 1} if self.fault == "not all anew" else {"create": 9}
        return {"plan": "p", "steps": steps, "workloads": {"vault": {"ready": True}}}


def test_another_cluster_takes_the_place_of_a_lost_one(tmp_path: Path) -> None:
    lost = Lost(tmp_path, "")
    assert replacing.another_cluster(lost.stage) == {"create": 9}
    assert not (tmp_path / "plane").exists()
    assert (lost.stage.contour("private").folder / replacing.ASIDE).is_dir()
    refusals = ["plan", "apply", "drift", "exec", "destroy"]
    assert lost.made == ["export", *refusals, *refusals, "plan", "apply", "status", "export", "drift"]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        *((f"{verb} takes it", f"{verb} did not refuse") for verb in ("plan", "apply", "drift", "exec", "destroy")),
        ("another reason", "plan did not refuse"),
        ("touched", "has touched it"),
        ("not all anew", "all is made anew"),
        ("another contract", "the contract is another"),
        ("drift", "drift"),
    ],
)
def test_what_is_wrong_with_another_cluster_is_told(tmp_path: Path, fault: str, told: str) -> None:
    with pytest.raises(CheckFailed, match=told):
        replacing.another_cluster(Lost(tmp_path, fault).stage)
