"""The main job inside: a shop is made by commands in the private contour, and its first orders become cards."""

import os
from typing import Any, Final

from infra.material import AUTHORITY
from scripts.env.environment import open_environment
from scripts.env.place import VARIABLE
from scripts.local.shop import Shop
from scripts.rehearse.deep.checks.load import under_load
from scripts.rehearse.deep.stage import DeepStage
from scripts.rehearse.stage import NAME, CheckFailed

TENANT: Final = "rehearsal"
TITLE: Final = "Лавка на учениях"
CONNECTOR: Final = "woocommerce"
ENOUGH: Final = 5


def first_orders(stage: DeepStage) -> dict[str, Any]:
    """Orders come by the private edge, as a shop sends them, and stand in the public database, each once."""
    os.environ[VARIABLE] = str(stage.environments)
    held = open_environment(NAME, "private").engine("private").values()
    stage.trust.write_text(held[f"{AUTHORITY}-crt"])
    stage.must_exec("private", "tenant", "create", TENANT, "--title", TITLE, "--json")
    made = stage.must_exec("private", "shop", "connect", CONNECTOR, "--tenant", TENANT, "--json").json
    stage.shop = Shop(made["url"], made["secret"])
    with under_load(stage) as load:
        load.wait_for(ENOUGH)
    if load.refused:
        raise CheckFailed(f"orders were refused though nothing was amiss: {load.refused}")
    return {"orders": len(load.accepted)}
