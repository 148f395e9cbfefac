"""Asks the matrix the way the vault does, from plain facts."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, cast

from pii_vault.access.conditions import MOSCOW, NEVER_MINUTES, Facts
from pii_vault.access.decide import Ruling, decide
from pii_vault.access.matrix import Matrix, RequestFacts, SubjectFacts
from pii_vault.access.principal import Principal

DAY = datetime(2026, 3, 2, tzinfo=MOSCOW)


def principal(roles: Sequence[str], kind: str, facts: Facts) -> tuple[Principal, RequestFacts]:
    now = (DAY + timedelta(hours=facts.hour)).astimezone(UTC)
    never = facts.second_factor_minutes >= NEVER_MINUTES
    return (
        Principal(
            kind=cast("Literal['staff', 'service']", kind),
            id="stf_0",
            tenant="demo",
            roles=tuple(roles),
            contour=cast("Literal['private', 'public']", facts.contour),
            second_factor_at=None if never else now - timedelta(minutes=facts.second_factor_minutes),
        ),
        RequestFacts(now, break_glass=facts.break_glass),
    )


def ruling(matrix: Matrix, roles: Sequence[str], place: tuple[str, str, str], facts: Facts) -> Ruling:
    """What holders of these roles, all of one kind, get for a subject of these facts."""
    purpose, class_id, action = place
    who, request = principal(roles, matrix.roles[roles[0]].kind, facts)
    decision = decide(matrix, principal=who, purpose=purpose, class_id=class_id, action=action, facts=request)
    return decision.for_subject(SubjectFacts(consent=facts.consent, blocked=facts.blocked))
