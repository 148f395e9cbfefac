"""How a plan is made: the engine's preview, each object beside the live one, the rules' and the server's word."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from scripts.env.cost import cost_sheet
from scripts.env.engine import Engine, Run, Step
from scripts.env.environment import Environment
from scripts.env.findings import rule_findings
from scripts.env.inputs import closed, unknown_paths
from scripts.env.live import Compared, compare, manifest_of
from scripts.env.notary import KUBERNETES, Notary, Registration
from scripts.env.objects import named
from scripts.env.plan import ADOPT, CREATE, DELETES, REPAIR, SAME, Finding, Plan, PlannedStep
from scripts.env.plugins import provider_kind
from scripts.env.standing import refuse_what_is_over
from scripts.voice import say


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan and what it was made from. `registrations` hold secrets in clear and are never written."""

    plan: Plan
    registrations: Mapping[str, Registration] = field(repr=False)


def draft_plan(environment: Environment, *, quiet: bool = False) -> Draft:
    """Reads, dry-runs and previews; changes nothing.

    Raises:
        WrongCluster, ClusterAway, EngineFailed
        CertificateExpired, ContractChanged, ContractInvalid: before the engine is started.
    """
    refuse_what_is_over(environment)
    environment.prove_cluster()  # before the engine is started
    made_from = environment.made_from()
    steps: list[PlannedStep] = []
    findings: list[Finding] = []
    registered: dict[str, Registration] = {}
    taken: list[Step] = []
    engines = environment.engines
    if not quiet:
        say(f"  {environment.contour.side}: previewing {', '.join(engine.program.stack for engine in engines)} …")
    with ThreadPoolExecutor(max_workers=len(engines)) as pool:
        runs = list(pool.map(lambda engine: engine.preview(Notary(environment.key)), engines))
    for engine, run in zip(engines, runs, strict=True):
        planned, refused = _steps(environment, engine, run)
        taken += run.steps
        steps += planned
        findings += refused
        registered |= run.notary.registrations
    findings += _removed_twins(steps)
    objects = [manifest_of(one.inputs) for one in registered.values() if one.is_object]
    plan = Plan(
        environment=environment.contour.environment,
        side=environment.contour.side,
        cluster=str(environment.settings.cluster.identifier),
        release=environment.release,
        steps=tuple(steps),
        findings=(*findings, *rule_findings(registered, taken, environment.settings)),
        cost=cost_sheet(objects, environment.contour.folder / "prices.yaml"),
        provider=provider_kind(environment.contour),
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        made_from=made_from,
    )
    return Draft(plan, registered)


def _steps(environment: Environment, engine: Engine, run: Run) -> tuple[list[PlannedStep], list[Finding]]:
    registrations = run.notary.registrations
    objects = [one for one in registrations.values() if one.is_object]
    live = compare(environment.cluster(), [one.inputs for one in objects], environment.key) if objects else ()
    compared = dict(zip((one.urn for one in objects), live, strict=True))
    steps = [
        _step(engine.program.stack, step, registrations.get(step.urn), compared.get(step.urn), run.notary)
        for step in run.steps
    ]
    # An object that needs a new one cannot be dry-run in place of the old: the engine's own verdict stands for it.
    anew = {step.urn for step in run.steps if step.replaced}
    findings = [
        Finding("api-server", spelt(registrations[urn]), one.refused, blocks=True)
        for urn, one in compared.items()
        if one.refused and urn not in anew
    ]
    return steps, [*findings, *_forgotten(environment, steps)]


def _forgotten(environment: Environment, steps: list[PlannedStep]) -> list[Finding]:
    """A cluster whose identifier was taken out of the settings would lose all that stands in it."""
    reason = f"would be removed: {environment.at('cluster', 'identifier')} is empty; put it back"
    return [
        Finding("cluster", step.object, reason, blocks=True)
        for step in steps
        if environment.settings.cluster.awaited and step.op in DELETES and step.type.startswith(KUBERNETES)
    ]


def _removed_twins(steps: list[PlannedStep]) -> list[Finding]:
    """The plugin takes over what lives: an object under two names in the state would be adopted, then removed."""
    kept = {step.object for step in steps if step.op not in DELETES}
    told = "it would be adopted under one name of the state and removed under another; plan with the release before"
    removed = (step for step in steps if step.op == "delete" and step.type.startswith(KUBERNETES))
    twins = [step.object for step in removed if step.object in kept]
    return [Finding("state", one, told, blocks=True) for one in twins]


def _step(
    stack: str, step: Step, registration: Registration | None, compared: Compared | None, notary: Notary
) -> PlannedStep:
    if registration is None or step.op in DELETES:
        inputs = {"inputs": closed(dict(step.old), notary.key)}
        return PlannedStep(stack, step.urn, step.op, step.type, _label(step.type, step.urn), inputs)
    inputs = notary.closed(registration)
    changes = compared.changes if compared else ()
    return PlannedStep(
        stack=stack,
        urn=step.urn,
        op=_op(step, compared),
        type=step.type,
        object=spelt(registration),
        inputs=inputs,
        unknown=tuple(unknown_paths(inputs)),
        changes=changes,
        replaced=step.replaced,
        protect=registration.protect,
    )


def _op(step: Step, compared: Compared | None) -> str:
    if step.op == SAME and compared and (compared.changes or compared.state == "absent"):
        return REPAIR
    return ADOPT if step.op == CREATE and compared and compared.state == "live" else step.op


def spelt(registration: Registration) -> str:
    """`Deployment vault/vault-web`, or the component's name."""
    meta: Any = registration.inputs.get("metadata")
    if not registration.is_object or not isinstance(meta, dict):
        return f"{registration.type.rsplit(':', 1)[-1]} {registration.name}"
    return named(registration.inputs)


def _label(type_: str, urn: str) -> str:
    name = urn.rsplit("::", 1)[-1]
    parts = name.split("/")
    kind = type_.rsplit(":", 1)[-1]
    if type_.startswith(KUBERNETES) and parts[0] == kind.lower():
        return f"{kind} {'/'.join(parts[1:])}"
    return f"{kind} {name}"
