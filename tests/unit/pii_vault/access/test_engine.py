"""The matrix says what Cedar's own engine says, in every cell and under every combination of facts."""

import shutil
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pii_vault.access.cells import ACTIONS
from pii_vault.access.compile import compile_matrix
from pii_vault.access.conditions import NEVER_MINUTES, Facts
from pii_vault.access.matrix import Matrix
from tests.unit.pii_vault.access.engine import Engine
from tests.unit.pii_vault.access.rulings import ruling

POLICIES = Path("policies")
MATRIX = compile_matrix(POLICIES)
ENGINE = Engine(POLICIES)
STAFF = [role.id for role in MATRIX.roles.values() if role.kind == "staff"]


def _outcome(action: str, *, allowed: bool, masked: bool) -> str:
    if action == "mask":
        return "mask" if allowed else "deny"
    if allowed:
        return "allow"
    return "mask" if masked else "deny"


@pytest.mark.parametrize("action", ACTIONS)
def test_every_cell_is_what_cedar_says(matrix: Matrix, action: str) -> None:
    facts = ENGINE.facts_that_matter(action)
    asked = list(product(matrix.purposes, matrix.classes, facts))
    for role in matrix.roles:
        allowed = ENGINE.allows((role,), action, asked)
        masked = ENGINE.allows((role,), "mask", asked) if action == "reveal" else [False] * len(asked)
        for (purpose, class_id, each), value, mask in zip(asked, allowed, masked, strict=True):
            expected = _outcome(action, allowed=value, masked=mask)
            found = ruling(matrix, (role,), (purpose, class_id, action), each)
            assert found.outcome == expected, (role, purpose, class_id, action, each)


facts_at_random = st.builds(
    Facts,
    second_factor_minutes=st.one_of(st.integers(0, 800), st.just(NEVER_MINUTES)),
    hour=st.integers(0, 23),
    contour=st.sampled_from(["private", "public"]),
    consent=st.booleans(),
    blocked=st.booleans(),
)


@settings(max_examples=300)
@given(
    st.lists(st.sampled_from(STAFF), min_size=1, max_size=4, unique=True),
    st.sampled_from(sorted(MATRIX.purposes)),
    st.sampled_from(MATRIX.classes),
    st.sampled_from(ACTIONS),
    facts_at_random,
)
def test_several_roles_together_are_what_cedar_says(
    roles: list[str], purpose: str, class_id: str, action: str, facts: Facts
) -> None:
    (allowed,) = ENGINE.allows(roles, action, [(purpose, class_id, facts)])
    masked = action == "reveal" and ENGINE.allows(roles, "mask", [(purpose, class_id, facts)])[0]
    expected = _outcome(action, allowed=allowed, masked=masked)
    assert ruling(MATRIX, roles, (purpose, class_id, action), facts).outcome == expected


def test_the_comparison_sees_a_difference_of_one_minute(tmp_path: Path) -> None:
    """The twin of the first test: were the engine asked too little, a changed figure would go unnoticed."""
    copy = tmp_path / "policies"
    shutil.copytree(POLICIES, copy)
    staff = copy / "access" / "staff.cedar"
    staff.write_text(staff.read_text("utf-8").replace("<= 720", "<= 721"), "utf-8")
    changed = compile_matrix(copy)
    facts = ENGINE.facts_that_matter("reveal")
    allowed = ENGINE.allows(("sales",), "reveal", [("delivery", "phone", each) for each in facts])
    found = [ruling(changed, ("sales",), ("delivery", "phone", "reveal"), each).outcome == "allow" for each in facts]
    assert allowed != found
