"""Every expectation in policies/access/cases holds, and every policy has some."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import cedarpy
import pytest

from pii_vault.access.cells import ACTIONS
from pii_vault.access.compile import compile_matrix
from pii_vault.access.conditions import NEVER_MINUTES, Facts
from pii_vault.core.classes import load_classes
from tests.unit.pii_vault.access.rulings import ruling
from tests.unit.policies.cases import Case, all_cases

POLICIES = Path("policies")
MATRIX = compile_matrix(POLICIES)
CASES = all_cases()


def _policies() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for path in (POLICIES / "access").glob("*.cedar"):
        parsed = json.loads(cedarpy.policies_to_json_str(path.read_text("utf-8")))
        found |= {policy["annotations"]["id"]: policy for policy in parsed["staticPolicies"].values()}
    return found


WRITTEN = _policies()
PERMITS = [policy_id for policy_id, policy in WRITTEN.items() if policy["effect"] == "permit"]
FORBIDS = [policy_id for policy_id, policy in WRITTEN.items() if policy["effect"] == "forbid"]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_case_holds(case: Case) -> None:
    found = ruling(MATRIX, (case.who,), case.place, case.facts)
    assert found.outcome == case.expect
    if case.policy in PERMITS and case.expect != "deny":
        assert found.policy_id == case.policy
    if case.policy in FORBIDS and case.expect == "deny":
        assert found.policy_id == case.policy


@pytest.mark.parametrize("policy_id", WRITTEN)
def test_each_policy_has_a_case_that_lets_through_and_one_that_stops(policy_id: str) -> None:
    expected = {case.expect for case in CASES if case.policy == policy_id}
    if policy_id == "card-never-shown":
        assert expected == {"mask", "allow"}  # the mask is permitted where the value is forbidden
    else:
        assert "deny" in expected
        assert expected & {"allow", "mask"}


def test_each_case_is_about_a_policy_that_exists_and_a_place_that_exists() -> None:
    for case in CASES:
        assert case.policy in WRITTEN, case
        assert case.who in MATRIX.roles, case
        assert case.purpose in MATRIX.purposes, case
        assert case.class_id in MATRIX.classes, case
        assert case.action in ACTIONS, case


def test_no_case_stands_twice() -> None:
    assert len(set(CASES)) == len(CASES)


def test_each_class_has_its_own_key_and_someone_may_do_something_with_it() -> None:
    classes = load_classes(POLICIES / "classes.yaml")
    assert len({field_class.key for field_class in classes}) == len(classes)
    for field_class in classes:
        cells = [row for row in MATRIX.rows() if row.class_id == field_class.id]
        assert any(row.cell.outcome != "deny" for row in cells), field_class.id


def test_only_indexed_classes_can_be_searched() -> None:
    indexed = {field_class.id for field_class in load_classes(POLICIES / "classes.yaml") if field_class.indexed}
    searched = {row.class_id for row in MATRIX.rows() if row.action == "search" and row.cell.outcome != "deny"}
    assert searched <= indexed


BEST = Facts(second_factor_minutes=0, hour=12, contour="private", consent=True, blocked=False)
WORST = Facts(second_factor_minutes=NEVER_MINUTES, hour=3, contour="public", consent=False, blocked=True)


def test_the_public_contours_service_may_relay_and_nothing_else_in_any_cell() -> None:
    for purpose, class_id, action in product(MATRIX.purposes, MATRIX.classes, sorted(set(ACTIONS) - {"relay"})):
        assert MATRIX.cell("public_service", purpose, class_id, action).outcome == "deny"
        for facts in (BEST, WORST):
            found = ruling(MATRIX, ("public_service",), (purpose, class_id, action), facts)
            assert found.outcome == "deny"
            assert found.policy_id in {"public-service-nothing", "private-contour-only"} | set(FORBIDS)


def test_nothing_but_messages_to_the_subject_is_possible_from_the_public_contour() -> None:
    facts = Facts(second_factor_minutes=0, hour=12, contour="public", consent=True, blocked=False)
    for role, purpose, class_id, action in product(MATRIX.roles, MATRIX.purposes, MATRIX.classes, ACTIONS):
        if action != "relay":
            assert ruling(MATRIX, (role,), (purpose, class_id, action), facts).outcome == "deny"


def test_no_card_number_is_ever_revealed() -> None:
    for role, purpose in product(MATRIX.roles, MATRIX.purposes):
        assert ruling(MATRIX, (role,), (purpose, "card", "reveal"), BEST).outcome != "allow"


def test_staff_see_a_value_only_after_a_second_factor() -> None:
    never = Facts(NEVER_MINUTES, 12, "private", True, False)
    staff = [role.id for role in MATRIX.roles.values() if role.kind == "staff"]
    for role, purpose, class_id in product(staff, MATRIX.purposes, MATRIX.classes):
        for action in ("reveal", "search", "export", "erase"):
            assert ruling(MATRIX, (role,), (purpose, class_id, action), never).outcome != "allow"


@pytest.mark.parametrize(
    ("role", "outcome"),
    [("owner", "allow"), ("sales", "allow"), ("marketer", "mask"), ("warehouse", "deny"), ("officer", "mask")],
)
def test_who_sees_the_phone_of_an_order(role: str, outcome: str) -> None:
    assert MATRIX.cell(role, "order_processing", "phone", "reveal").outcome == outcome
    assert ruling(MATRIX, (role,), ("order_processing", "phone", "reveal"), BEST).outcome == outcome
