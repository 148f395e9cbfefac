"""Budgets as policies/budgets.yaml states them."""

from pathlib import Path

import pytest

from pii_vault.access.registers import load_roles
from pii_vault.errors import PolicyError
from pii_vault.operations.budget import Budgets, load_budgets

POLICIES = Path(__file__).parents[4] / "policies"


def test_every_role_has_a_budget() -> None:
    roles = load_roles(POLICIES / "roles.yaml")
    budgets = load_budgets(POLICIES / "budgets.yaml", roles=roles)
    assert budgets.limit(["program"], "reveal") is None
    assert budgets.limit(["public_service"], "reveal") == 0
    assert budgets.limit(["sales"], "reveal")


def test_the_largest_budget_of_several_roles_counts() -> None:
    budgets = Budgets({"a": {"reveal": 1, "search": 5}, "b": {"reveal": 3, "search": None}})
    assert budgets.limit(["a", "b"], "reveal") == 3
    assert budgets.limit(["a", "b"], "search") is None


def test_an_unlisted_role_has_nothing_to_spend() -> None:
    assert Budgets({}).limit(["sales"], "reveal") == 0


@pytest.mark.parametrize(
    "content",
    [
        "budgets: {}",
        "budgets: {sales: {reveal: 1}}",
        "budgets: {sales: {reveal: -1, search: 1}}",
        "budgets: {sales: {reveal: many, search: 1}}",
        "budgets: {sales: {reveal: 1, search: 1, export: 1}}",
        "budgets: {sales: {reveal: 1, search: 1}, visitor: {reveal: 1, search: 1}}",
        "budgets: [",
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "budgets.yaml"
    path.write_text(content)
    with pytest.raises(PolicyError, match=r"budgets\.yaml"):
        load_budgets(path, roles=["sales"])
