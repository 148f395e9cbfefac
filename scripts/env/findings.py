"""What the deployment rules have against a plan, each with its reason."""

from collections.abc import Iterable

from infra.lib.settings import StackSettings
from scripts.env.notary import Registration
from scripts.env.plan import Finding


def rule_findings(registered: Iterable[Registration], settings: StackSettings) -> list[Finding]:
    del registered, settings
    return []
