"""Databases, volumes and key services are protected; no plan replaces or deletes one, or the namespace around it."""

from collections.abc import Iterator, Sequence
from typing import Final

from policies.rules.model import Breach, Facts, Outcome, Resource

KINDS: Final = frozenset({"StatefulSet", "PersistentVolumeClaim", "PersistentVolume"})
CLUSTER: Final = "cluster/"  # of CloudNativePG


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    for resource in resources:
        holds = resource.kind in KINDS or str(resource).startswith(CLUSTER)
        if not facts.keeps_data or not (holds or resource.kind == "Namespace"):
            continue
        if resource.action in {"delete", "replace", "delete-replaced", "create-replacement"}:
            yield Breach(str(resource), Outcome.FAIL, f"the plan would {resource.action} it, and its data with it")
        if holds and facts.from_engine and resource.protect is False and resource.action != "delete":
            yield Breach(str(resource), Outcome.FAIL, "it is not protected")
