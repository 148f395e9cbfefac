"""Each side exports a signed contract and accepts the other's by fingerprint; until then the link is closed."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from scripts.env.place import SIDES, Side
from scripts.rehearse.stage import CheckFailed, Stage

OTHER: Final[dict[Side, Side]] = {"private": "public", "public": "private"}


def accepted_by_fingerprint(stage: Stage) -> None:
    """A wrong fingerprint and a changed contract are refused; the right one opens the link with the next apply."""
    with ThreadPoolExecutor() as both:
        exported = dict(zip(SIDES, both.map(lambda side: stage.must("export", side), SIDES), strict=True))
        list(both.map(lambda side: _accepted(stage, side, exported[OTHER[side]]), SIDES))
        list(both.map(lambda side: _opened(stage, side), SIDES))
    _changed_after(stage)


def _accepted(stage: Stage, side: Side, theirs: dict[str, Any]) -> None:
    if _link(stage, side) != "closed":
        raise CheckFailed(f"the link of the {side} contour is open before anything was accepted")
    _refusals(stage, side, theirs)
    told = stage.must("accept", side, theirs["contract"], "--fingerprint", theirs["fingerprint"])
    if bool(told["policies"]) != (side == "public"):
        raise CheckFailed("the vault's contract, and no other, names the policies it enforces")


def _opened(stage: Stage, side: Side) -> None:
    stage.bring_up(side)
    if _link(stage, side) != "open":
        raise CheckFailed(f"the link of the {side} contour stayed closed")


def _refusals(stage: Stage, side: Side, theirs: dict[str, Any]) -> None:
    wrong = "sha256:" + "0" * 64
    if stage.run("accept", side, theirs["contract"], "--fingerprint", wrong).code == 0:
        raise CheckFailed("a contract was accepted by a wrong fingerprint")
    forged = stage.folder / f"forged-{side}.json"
    content = json.loads(Path(theirs["contract"]).read_text())
    content["facts"]["link_host"] = "attacker.larets.test"
    forged.write_text(json.dumps(content))
    said = stage.run("accept", side, str(forged), "--fingerprint", theirs["fingerprint"])
    if said.code == 0 or "signature" not in said.err:
        raise CheckFailed(f"a contract with a wrong signature was taken: {said.error}")


def _changed_after(stage: Stage) -> None:
    """A contract that changed since it was accepted stops the plan, and does not just close the link."""
    peer = stage.contour("private").folder / "peer.json"
    whole = peer.read_bytes()
    stage.change("public", "edge", addresses=["203.0.113.22"])
    fresh = stage.must("export", "public")
    peer.write_bytes(Path(fresh["contract"]).read_bytes())
    said = stage.run("plan", "private")
    peer.write_bytes(whole)
    stage.change("public", "edge", addresses=["203.0.113.21"])
    stage.must("export", "public")
    if said.code == 0 or "accept" not in said.err:
        raise CheckFailed(f"a changed contract was taken without being accepted: {said.error}")


def _link(stage: Stage, side: Side) -> Any:
    return stage.must("status", side)["outputs"].get("link")
