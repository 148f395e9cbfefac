"""The main job, the leak check and the abuse against the contours that run inside, from outside, by their edges."""

from collections.abc import Mapping
from typing import Any, Final

import httpx

from scripts.env.environment import open_environment
from scripts.env.inside import Inside
from scripts.local.instance import InstanceProblem
from scripts.local.shop import buyer
from scripts.rehearse.deep.checks.load import ask_database
from scripts.rehearse.deep.checks.serving import TENANT
from scripts.rehearse.deep.stage import DeepStage
from scripts.rehearse.stage import NAME, CheckFailed
from scripts.smoke.deployed import DeployedStand, Origins
from scripts.smoke.halves import doors_of
from scripts.voice import say

EXPECTED: Final = {"sales": "value", "marketer": "mask", "warehouse": "denied"}
CARD: Final = f"""
SELECT o.external_id, o.id, c.id, c.subject, t.token FROM orders o JOIN contact c ON c.id = o.contact_id
JOIN contact_token t ON t.contact_id = c.id
WHERE o.tenant_id = '{TENANT}' AND t.token LIKE 'tok_phone_%' ORDER BY o.id LIMIT 1
"""  # noqa: S608  a name of ours


def smoke(stage: DeepStage) -> dict[str, Any]:
    """`larets smoke --env`: an order, who sees its phone, the log verified and witnessed."""
    told = _told(stage, "smoke", "--env", NAME, "--json")
    if not told["ok"] or told["seen_by"] != EXPECTED or told["held_by_public"]["clear"]:
        raise CheckFailed(f"larets smoke: {_wrong(told)}")
    return {"card after ms": told["webhook_to_card_ms"], "records": told["audit_records"]}


def leakcheck(stage: DeepStage) -> dict[str, Any]:
    """`larets leakcheck --env`, the database's volume byte by byte too; its leaks on purpose are its twin."""
    told = _told(stage, "leakcheck", "--env", NAME, "--files", "--json")
    missed = [leak for leak, verdict in told["negative_twin"].items() if verdict != "caught"]
    if not told["ok"] or missed or not told["negative_twin"]:
        hits = [f"{hit['canary']}: {hit['channel']}, {hit['place']}" for hit in told["hits"][:4]]
        raise CheckFailed(f"leaks {hits}; let in {told['edge']['accepted'][:4]}; missed on purpose {missed[:4]}")
    return {
        "canaries": told["canaries"],
        "MiB": round(sum(told["scanned"].values()) / 2**20),
        "refused at the edge": told["edge"]["refused"],
    }


def abuse(stage: DeepStage) -> dict[str, Any]:
    """Strangers and trial staff at the edges; the twin: as the right seller asks, the same matrix names faults."""
    from tests.e2e.deployed_abuse import CASES, prepared, twin  # noqa: PLC0415  the cases are the tests' property

    environment = open_environment(NAME, "private")
    hosts = environment.settings.hosts
    doors = doors_of(environment, {})
    origins = Origins(*(f"https://{host}" for host in (hosts.crm, hosts.vault, hosts.hooks)))
    neighbour = _neighbour(stage)
    stand = DeployedStand(origins, doors, Inside(environment, say))
    faults: list[str] = []
    try:
        files = environment.settings.files.kind != "off"
        attack = prepared(origins, f"https://{hosts.console}", doors, stand, neighbour, files=files)
        seen = list(twin(attack))
        if not any("POST /frames/api/reveal: 200" in one for one in seen):
            raise CheckFailed("the twin: the matrix does not see an answer that a stranger must not get")
        for name, case in CASES.items():
            faults += [f"{name}: {one}" for one in case(attack)]
    except (InstanceProblem, httpx.HTTPError) as problem:
        raise CheckFailed(f"the trial shop did not do as usual: {problem}") from problem
    finally:
        stand.close()
    if faults:
        raise CheckFailed(f"{len(faults)} were not refused as they should be: {faults[:8]}")
    return {"cases": len(CASES), "endpoints": len(attack.endpoints), "twin": len(seen)}


def _told(stage: DeepStage, *words: str) -> Mapping[str, Any]:
    """Raises CheckFailed: it told nothing but why."""
    said = stage.larets(*words)
    if not said.out.strip():
        errors = [line for line in said.err.splitlines() if line.startswith(("larets: error:", "larets: hint:"))]
        raise CheckFailed(f"larets {words[0]} ended with {said.code}: {'; '.join(errors) or said.error}")
    told: Mapping[str, Any] = said.json
    return told


def _wrong(told: Mapping[str, Any]) -> str:
    """The step that failed, or what was seen otherwise than expected."""
    failed = [f"{one['step']}: {one.get('error', '')} {one.get('hint', '')}" for one in told["steps"] if not one["ok"]]
    seen = {key: told.get(key) for key in ("seen_by", "audit_verified", "witnessed", "held_by_public")}
    return "; ".join(failed) or str(seen)


def _neighbour(stage: DeepStage) -> Any:
    """The rehearsal's own shop, whose first order nobody of the trial shop may see."""
    from tests.e2e.abuse import Target  # noqa: PLC0415
    from tests.e2e.deployed_abuse import Neighbour  # noqa: PLC0415

    rows = ask_database(stage.nodes["public"], "public", CARD)
    if not rows or stage.shop is None:
        raise CheckFailed("there is no order of another shop: the check that sends one failed")
    number, order, contact, subject, token = rows[0]
    who = buyer(int(number))
    texts = (who.phone[-10:], who.email, who.last_name, who.address_1)
    return Neighbour(Target(token, subject, who.phone, texts, TENANT), order, contact, stage.shop)
