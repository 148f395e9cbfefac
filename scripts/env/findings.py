"""What the deployment rules have against a plan, each with its reason and what to do."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from infra.lib.settings import StackSettings
from infra.paths import paths, ways
from infra.programs.common import peer_of
from infra.registered import Registered
from policies.judge import judge, of_registration
from policies.rules.model import Facts, Outcome, Resource
from scripts.env.engine import Step
from scripts.env.notary import KUBERNETES, Registration
from scripts.env.plan import DELETES, Finding

BLOCKING: Final = frozenset({"critical", "high"})


def rule_findings(
    registrations: Mapping[str, Registration], steps: Iterable[Step], settings: StackSettings
) -> list[Finding]:
    """The worst first. What cannot be told before it is applied is a warning: nothing speaks against it yet."""
    return _findings(_resources(registrations, list(steps)), settings)


def rendered_findings(registered: Iterable[Registered], settings: StackSettings) -> list[Finding]:
    """The same of what a program registers without an engine."""
    return _findings(
        (
            Resource(one.manifest, sealed=one.secret, provider=one.provider, protect=one.protect)
            for one in registered
            if one.manifest is not None
        ),
        settings,
    )


def _findings(resources: Iterable[Resource], settings: StackSettings) -> list[Finding]:
    found = judge(resources, facts_of(settings))
    return [
        Finding(
            one.rule.id,
            one.resource,
            f"{one.reason}{' (cannot be told yet)' if one.outcome is Outcome.UNKNOWN else f'; {one.rule.told.fix}'}",
            blocks=one.outcome is Outcome.FAIL and one.rule.told.severity in BLOCKING,
        )
        for one in found
    ]


def facts_of(settings: StackSettings) -> Facts:
    """What the rules may know of a contour, its paths too.

    Raises:
        CertificateExpired, ContractChanged, ContractInvalid: the other contour's contract cannot be used.
    """
    return Facts(
        settings.contour,
        settings.images.registries,
        from_engine=True,
        keeps_data=settings.protect_data,
        ways=ways(paths(settings, peer_of(settings)), settings.contour),
    )


def _resources(registrations: Mapping[str, Registration], steps: list[Step]) -> Iterator[Resource]:
    actions = {step.urn: step.op for step in steps if step.op not in DELETES}
    for urn, one in registrations.items():
        if one.is_object:
            action = actions.get(urn, "same")
            yield of_registration(one.inputs, provider=one.provider, protect=one.protect, action=action)
    for step in steps:
        if step.op in DELETES and step.type.startswith(KUBERNETES):
            yield of_registration(step.old, provider=None, protect=None, action=step.op)
