"""An empty plan looked at again without starting the engine, whose start costs more than all the looking.

The engine's preview follows from the state, from what the programs register and from the cluster. Where settings and
state are, byte by byte, those the plan was made from, the programs register exactly what the plan holds, and a dry run
of each object would change nothing, the engine would say `same` again. Anything else is the engine's to judge.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

from infra.registered import ROOT, run
from scripts.env.engine import VALUES, Step
from scripts.env.environment import Environment
from scripts.env.findings import rule_findings
from scripts.env.live import compare
from scripts.env.notary import Notary, Registration
from scripts.env.plan import Plan, PlannedStep
from scripts.env.planning import Draft
from scripts.env.plugins import provider_kind
from scripts.env.standing import refuse_what_is_over


def glance(environment: Environment, approved: Plan) -> Draft | None:
    """The plan as it would be made now, or None where only the engine can tell. Changes nothing.

    Raises:
        WrongCluster, ClusterAway
        CertificateExpired, ContractChanged, ContractInvalid
    """
    if not approved.empty or not approved.made_from or approved.made_from != environment.made_from():
        return None
    if approved.provider != provider_kind(environment.contour):
        return None
    refuse_what_is_over(environment)
    environment.prove_cluster()
    registered: dict[str, Registration] = {}
    with ThreadPoolExecutor() as pool:  # the cluster answers for one stack while the next is worked out, and judged
        asked = []
        for found in _registered(environment):
            registered |= found
            objects = [one.inputs for one in found.values() if one.is_object]
            if objects:
                asked.append(pool.submit(compare, environment.cluster(), objects, environment.key))
        if not _as_planned(approved.steps, registered, environment.key):
            return None
        taken = [Step(one.urn, one.op, one.type, {}, ()) for one in approved.steps]
        findings = rule_findings(registered, taken, environment.settings)
        compared = [one for answer in asked for one in answer.result()]
    if any(one.state != "live" or one.changes or one.refused for one in compared):
        return None
    fresh = replace(
        approved,
        cluster=str(environment.settings.cluster.identifier),
        release=environment.release,
        findings=tuple(findings),
        made=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return Draft(fresh, registered)


def _registered(environment: Environment) -> Iterator[dict[str, Registration]]:
    """What the programs would ask of the engine, by URN, stack by stack."""
    with ThreadPoolExecutor() as pool:  # secrets open by a slow function; a stack that has none runs meanwhile
        opening = [(engine, pool.submit(engine.values)) for engine in environment.engines]
        for engine, held in opening:
            notary = Notary(environment.key)
            run(
                notary.around(engine.program.run),
                stack=environment.contour.stack,
                project=engine.program.project,
                configuration={f"{VALUES}{name}": value for name, value in held.result().items()},
            )
            yield notary.registrations


def _as_planned(steps: tuple[PlannedStep, ...], registered: Mapping[str, Registration], key: bytes) -> bool:
    notary = Notary(key)  # the root is the engine's own: no program registers it
    planned = {step.urn: step.inputs for step in steps if step.type != ROOT}
    return planned == {urn: notary.closed(one) for urn, one in registered.items()}
