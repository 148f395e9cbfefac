"""The decision: what the vault is told beside the outcome."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pii_vault.access.compile import compile_matrix
from pii_vault.access.conditions import NEVER_MINUTES, Condition, moscow_hour, second_factor_minutes
from pii_vault.access.decide import Decision, decide
from pii_vault.access.matrix import Matrix, RequestFacts, SubjectFacts
from pii_vault.access.principal import Principal

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
FRESH = NOW - timedelta(minutes=5)
MATRIX = compile_matrix(Path("policies"))


def decided(
    *roles: str,
    action: str = "reveal",
    purpose: str = "order_processing",
    class_id: str = "phone",
    second_factor_at: datetime | None = FRESH,
    kind: str = "staff",
    now: datetime = NOW,
) -> Decision:
    principal = Principal(kind, "stf_0", "demo", roles, "private", second_factor_at)  # type: ignore[arg-type]
    return decide(
        MATRIX, principal=principal, purpose=purpose, class_id=class_id, action=action, facts=RequestFacts(now)
    )


def test_a_value_is_allowed_by_a_named_policy_with_its_reason() -> None:
    decision = decided("sales")
    assert (decision.outcome, decision.policy_id, decision.code) == ("allow", "orders-value", "")
    assert decision.reason
    assert decision.missing == ()


def test_without_a_second_factor_a_mask_stands_in_and_the_page_learns_what_is_missing() -> None:
    decision = decided("sales", second_factor_at=None)
    assert (decision.outcome, decision.policy_id) == ("mask", "orders-mask")
    assert decision.missing == (Condition("second_factor", 720),)


def test_the_second_factor_lasts_720_minutes_and_not_a_second_more() -> None:
    assert decided("sales", second_factor_at=NOW - timedelta(minutes=720)).outcome == "allow"
    assert decided("sales", second_factor_at=NOW - timedelta(minutes=720, seconds=1)).outcome == "mask"


def test_what_nobody_permits_is_denied_by_default() -> None:
    decision = decided("warehouse")
    assert (decision.outcome, decision.policy_id, decision.code) == ("deny", "default-deny", "denied")
    assert decision.conditions_on_subject == ()


def test_a_denial_does_not_tell_whether_the_subject_is_blocked() -> None:
    decision = decided("warehouse")
    assert decision.for_subject(SubjectFacts(blocked=True)) == decision.for_subject(SubjectFacts(blocked=False))


@pytest.mark.parametrize("roles", [(), ("nobody",), ("Sales",)])
def test_no_known_role_gets_nothing(roles: tuple[str, ...]) -> None:
    assert decided(*roles).outcome == "deny"


@pytest.mark.parametrize("where", [{"purpose": "fun"}, {"class_id": "shoe"}, {"action": "look"}])
def test_an_unknown_place_is_denied(where: dict[str, str]) -> None:
    assert decided("owner", **where).outcome == "deny"  # type: ignore[arg-type]


def test_a_role_counts_only_for_its_kind_of_principal() -> None:
    assert decided("program", kind="service", second_factor_at=None).outcome == "allow"
    assert decided("program", kind="staff").outcome == "deny"
    assert decided("sales", kind="service").outcome == "deny"


def test_a_blocked_subject_is_denied_with_its_own_code() -> None:
    decision = decided("sales")
    assert decision.conditions_on_subject == (Condition("blocked", holds=False),)
    ruling = decision.for_subject(SubjectFacts(blocked=True))
    assert (ruling.outcome, ruling.policy_id, ruling.code) == ("deny", "blocked-subject", "blocked")
    assert decision.for_subject(SubjectFacts()).outcome == "allow"


def test_missing_consent_is_denied_with_its_own_code() -> None:
    decision = decided("marketer", action="relay", purpose="marketing", class_id="email")
    assert decision.outcome == "allow"
    assert Condition("consent") in decision.conditions_on_subject
    ruling = decision.for_subject(SubjectFacts(consent=False))
    assert (ruling.outcome, ruling.code, ruling.missing) == ("deny", "consent_missing", (Condition("consent"),))
    assert decision.for_subject(SubjectFacts(consent=True)).outcome == "allow"


def test_hours_are_those_of_moscow() -> None:
    def sms(hour_utc: int) -> str:
        now = NOW.replace(hour=hour_utc)
        return decided("marketer", action="relay", purpose="marketing", class_id="phone", now=now).outcome

    assert [sms(hour) for hour in (5, 6, 17, 18)] == ["deny", "allow", "allow", "deny"]
    assert moscow_hour(NOW) == 12


def test_roles_add_up_but_a_prohibition_of_one_holds_for_all() -> None:
    assert decided("marketer", "sales").outcome == "allow"
    both = ("program", "public_service")
    assert decided("program", kind="service").outcome == "allow"
    assert decided(*both, kind="service").policy_id == "public-service-nothing"
    assert not MATRIX.could_allow_any(both, "order_processing", "reveal")


@pytest.mark.parametrize(
    ("given_at", "minutes"),
    [
        (None, NEVER_MINUTES),
        (NOW, 0),
        (NOW - timedelta(seconds=1), 1),
        (NOW - timedelta(minutes=60), 60),
        (NOW + timedelta(seconds=30), 0),
        (NOW + timedelta(minutes=2), NEVER_MINUTES),
    ],
)
def test_the_age_of_a_second_factor(given_at: datetime | None, minutes: int) -> None:
    assert second_factor_minutes(given_at, NOW) == minutes


def test_remembered_decisions_do_not_mix() -> None:
    first = decided("sales")
    assert decided("sales") is first
    assert decided("owner") is not first
    assert decided("sales", second_factor_at=NOW - timedelta(minutes=6)) is first
    assert decided("sales", second_factor_at=None) is not first


def test_could_allow_any_asks_for_the_best_case(matrix: Matrix) -> None:
    assert matrix.could_allow_any(("sales",), "order_processing", "reveal")
    assert matrix.could_allow_any(("marketer",), "marketing", "reveal")  # a mask is not nothing
    assert not matrix.could_allow_any(("marketer",), "accounting", "reveal")
    assert not matrix.could_allow_any(("sales",), "order_processing", "erase")
    assert not matrix.could_allow_any((), "order_processing", "reveal")
    assert not matrix.could_allow_any(("sales",), "fun", "reveal")


def test_purposes_of_a_role_in_the_order_of_the_register(matrix: Matrix) -> None:
    assert matrix.purposes_for(("sales",), "reveal") == ["order_processing", "delivery", "support", "marketing"]
    assert matrix.purposes_for(("warehouse",), "reveal") == ["delivery"]
    assert matrix.purposes_for(("public_service",), "reveal") == []


def test_the_officer_sees_every_cell(matrix: Matrix) -> None:
    rows = list(matrix.rows())
    assert len(rows) == len(matrix.roles) * len(matrix.purposes) * len(matrix.classes) * 8
    place = ("sales", "order_processing", "phone", "reveal")
    (row,) = [row for row in rows if (row.role, row.purpose, row.class_id, row.action) == place]
    assert row.cell == matrix.cell(*place)
    assert [condition.text("ru") for condition in row.cell.conditions] == [
        "второй фактор не старше 720 мин",
        "обработка не заблокирована",
        "из контура private",
    ]
    assert all(condition.text(locale) for condition in row.cell.conditions for locale in ("ru", "en"))


def test_a_matrix_cannot_be_edited(matrix: Matrix) -> None:
    with pytest.raises(TypeError):
        matrix.roles["intruder"] = matrix.roles["owner"]  # type: ignore[index]
    with pytest.raises(AttributeError):
        matrix.cell("sales", "delivery", "phone", "reveal").outcome = "deny"  # type: ignore[misc]
