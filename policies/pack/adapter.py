"""Each rule as a policy over the whole stack: some look at one object, others at what is missing among all."""

from collections.abc import Mapping
from typing import Any, Final

from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    PolicyPack,
    ReportViolation,
    StackValidationArgs,
    StackValidationPolicy,
)

from policies.catalogue import Rule, rules
from policies.judge import of_registration
from policies.rules.model import Facts, Outcome, Resource

_SCHEMA: Final = PolicyConfigSchema(
    properties={
        "contour": {"type": "string", "enum": ["private", "public"]},
        "registries": {"type": "array", "items": {"type": "string"}},
    }
)


def pack() -> PolicyPack:
    """What fails is mandatory; what cannot be told in a preview is said and does not stop it."""
    return PolicyPack("larets", [policy(rule) for rule in rules()], enforcement_level=EnforcementLevel.MANDATORY)


def policy(rule: Rule) -> StackValidationPolicy:
    told = rule.told
    return StackValidationPolicy(
        name=rule.id.replace("_", "-"),
        description=f"{told.title.ru} · {told.title.en}. {told.why} {told.fix} ({'; '.join(told.norm)})",
        validate=lambda args, report: validate(rule, args, report),
        config_schema=_SCHEMA,
        display_name=told.title.en,
        remediation_steps=told.fix,
    )


def validate(rule: Rule, args: StackValidationArgs, report: ReportViolation) -> None:
    facts = _facts(args.get_config() or {})
    for breach in rule.check([_resource(one) for one in args.resources if _is_object(one)], facts):
        if breach.outcome is Outcome.FAIL:
            report(f"{breach.resource}: {breach.reason}", None)


def _is_object(resource: Any) -> bool:
    return str(resource.resource_type).startswith("kubernetes:")


def _facts(config: Mapping[str, Any]) -> Facts:
    return Facts(
        contour=config.get("contour", "private"),
        registries=tuple(config.get("registries", ())),
        whole=False,
        from_engine=True,
    )


def _resource(resource: Any) -> Resource:
    """The pack is shown secrets as they are and unmarked: it judges values, and repeats none."""
    provider = resource.provider.urn if resource.provider else ""
    return of_registration(dict(resource.props), provider=provider, protect=resource.opts.protect)
