"""`python -m scripts.rehearse.deep.inside FOLDER [CHECK…]`: the deep rehearsal itself, in the room `command` opened.

With checks named it runs those alone, after those that set the scene. What it found goes to FOLDER/verdict.json;
progress to standard error.
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from scripts.env.example import hosts_under
from scripts.images.build import Built
from scripts.rehearse.deep import answers
from scripts.rehearse.deep.checks import bringing, failing, losing, paths, restoring, serving, trying
from scripts.rehearse.deep.stage import DeepStage, hosts_file, staged
from scripts.rehearse.verdicts import judged

IMAGES: Final = "images.json"
VERDICT: Final = "verdict.json"

# In this order: each finds the contours as the one before left them.
CHECKS: Final[dict[str, Callable[[DeepStage], Any]]] = {
    "three stacks on two real nodes, every pod ready": bringing.three_stacks,
    "contracts are accepted by fingerprint, the link opens": bringing.linked,
    "orders become cards": serving.first_orders,
    "larets smoke": trying.smoke,
    "larets leakcheck": trying.leakcheck,
    "abuse by strangers and staff": trying.abuse,
    "every path tried from every pod": paths.every_path,
    "pods killed under load": failing.pods_killed,
    "kubelet and containerd restarted under load": failing.programs_restarted,
    "key service sealed and unsealed under load": failing.key_service_sealed,
    "keys rotated, re-wrapped and trimmed under load": failing.keys_rotated,
    "both halves set back to a backup": restoring.set_back,
    "a whole cluster lost": losing.cluster_lost,
    "both nodes lose their power under load": failing.power_lost,
}
SCENE: Final = tuple(CHECKS)[:3]  # without them there is nothing to try


def chosen(only: Sequence[str]) -> dict[str, Callable[[DeepStage], Any]]:
    """The checks whose names hold one of these texts, after the scene; none named: all.

    Raises:
        LookupError: a text is in no name.
    """
    for text in only:
        if not any(text in name for name in CHECKS):
            raise LookupError(text)
    return {
        name: check for name, check in CHECKS.items()
        if not only or name in SCENE or any(text in name for text in only)
    }  # fmt: skip


def main() -> None:
    folder = Path(sys.argv[1])
    checks = chosen(sys.argv[2:])
    images = {name: Built(**each) for name, each in json.loads((folder / IMAGES).read_text()).items()}
    hosts_file(folder, answers.names_of(hosts_under(answers.DOMAIN)))
    with staged(folder, images) as stage:
        bringing.settle(stage)
        verdicts = judged(checks, stage)
        found = {"provider": stage.provider, "checks": verdicts, **stage.notes}
    (folder / VERDICT).write_text(json.dumps(found, ensure_ascii=False))


if __name__ == "__main__":
    main()
