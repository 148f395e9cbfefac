"""Both halves set back to a backup inside their clusters, one after the other, as the administrator's guide tells it.

What came after the backup is lost, as was told; who was erased after it is erased again before the vault serves
anybody; the log goes on under a new origin; then orders come as before.
"""

from typing import Any

from scripts.env.place import SIDES
from scripts.rehearse.deep.checks import backups
from scripts.rehearse.deep.checks.backups import timed
from scripts.rehearse.deep.stage import DeepStage
from scripts.rehearse.stage import NAME, CheckFailed


def set_back(stage: DeepStage) -> dict[str, Any]:
    """How long each step took, in seconds."""
    seconds: dict[str, float] = {}
    officers = backups.staff(stage, backups.OFFICERS)
    before = backups.orders(stage)
    taken = {side: stage.folder / f"{side}.backup" for side in SIDES}
    for side, path in taken.items():
        with timed(seconds, f"backup {side}"):
            stage.must("backup", side, "--out", str(path))
    since = backups.orders(stage)
    [erased], [lost] = (backups.subjects(stage, load.accepted[0]) for load in (before, since))
    stage.must_exec("private", "subject", "erase", erased, "--yes", "--json")

    with timed(seconds, "restore private"):
        told = backups.restored(stage, "private", taken["private"])
    if told["replayed"]["replayed"] != 1:
        raise CheckFailed(f"one person was erased after the backup; erased again: {told['replayed']['replayed']}")
    with timed(seconds, "new origin"):
        backups.founded(stage, officers)
    backups.serves(stage, seconds, "private")
    who_was_erased, who_came_later = backups.states(stage, (erased, lost))
    if who_was_erased in backups.NOT_ERASED:
        raise CheckFailed(f"a person who was erased after the backup is {who_was_erased}")
    if who_came_later != "unknown":
        raise CheckFailed("a person who came after the backup is there: it is not the backup that was restored")

    with timed(seconds, "restore public"):
        backups.restored(stage, "public", taken["public"])
    backups.serves(stage, seconds, "public")
    if backups.subjects(stage, since.accepted[0]):
        raise CheckFailed("an order that came after the backup is there: it is not the backup that was restored")
    for side in SIDES:
        stage.must("restore", side, "--drop-kept", "--confirm", f"{NAME}/{side}")
    return seconds
