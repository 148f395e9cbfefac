"""The matrix page shows what the compiled matrix says, in both directions and languages."""

import pytest

from pii_vault.access.compile import compile_matrix
from pii_vault.access.matrix import Matrix
from pii_vault.console.matrix import MatrixView, Question, view_matrix
from pii_vault.core.classes import load_classes
from pii_vault.web import Language
from tests.support.vault import POLICIES

CLASSES = load_classes(POLICIES / "classes.yaml")


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return compile_matrix(POLICIES)


def view(matrix: Matrix, question: Question, lang: Language = "ru") -> MatrixView:
    return view_matrix(matrix, CLASSES, question, lang=lang)


def outcome(shown: MatrixView, row: str, purpose: str) -> str:
    (line,) = [line for line in shown.lines if line.id == row]
    return next(cell.outcome for cell in line.cells if cell.purpose == purpose)


def test_first_table_answers_who_may_see_a_phone(matrix: Matrix) -> None:
    shown = view(matrix, Question())
    assert shown.question.of == "phone"
    seen = {role: outcome(shown, role, "order_processing") for role in ("owner", "sales", "marketer", "warehouse")}
    assert seen == {"owner": "allow", "sales": "allow", "marketer": "mask", "warehouse": "deny"}


def test_every_cell_of_both_directions_is_the_matrix_own(matrix: Matrix) -> None:
    for side, held in (("class", matrix.classes), ("role", tuple(matrix.roles))):
        for of in held:
            shown = view(matrix, Question(side, of))  # type: ignore[arg-type]  # a literal of the loop
            for line in shown.lines:
                role, class_id = (line.id, of) if side == "class" else (of, line.id)
                for cell in line.cells:
                    expected = matrix.cell(role, cell.purpose, class_id, "reveal")
                    assert (cell.outcome, cell.policy_id) == (expected.outcome, expected.policy_id)


def test_filters_narrow_the_table(matrix: Matrix) -> None:
    shown = view(matrix, Question("role", "warehouse", "reveal", "delivery"))
    assert [purpose for purpose, _ in shown.columns] == ["delivery"]
    assert {line.id for line in shown.lines if not line.closed} == {"name", "address", "card"}


def test_unknown_ids_of_an_address_fall_back(matrix: Matrix) -> None:
    shown = view(matrix, Question("role", "<script>", "fly", "curiosity"))
    assert (shown.question.of, shown.question.action, shown.question.purpose) == ("sales", "reveal", "")


def test_deciding_policy_and_its_conditions_are_named(matrix: Matrix) -> None:
    shown = view(matrix, Question("class", "phone"), "en")
    (policy,) = [policy for policy in shown.policies if policy.policy_id == "orders-value"]
    assert any("second factor" in condition for condition in policy.conditions)
    assert any(place.startswith("Sales: ") for place in policy.places)
