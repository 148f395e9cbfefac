"""The compiler takes the closed language and refuses everything else by file and policy."""

import shutil
from pathlib import Path

import pytest

from pii_vault.access.cells import Cell
from pii_vault.access.compile import compile_matrix
from pii_vault.access.conditions import Condition
from pii_vault.access.matrix import Matrix
from pii_vault.errors import PolicyError

POLICIES = Path("policies")
HEAD = '@id("p1") @reason("причина") '


def compiled(tmp_path: Path, text: str) -> Matrix:
    """The matrix of one policy file beside the real registers and schema."""
    folder = tmp_path / "policies"
    if not folder.exists():
        shutil.copytree(POLICIES, folder)
        for path in (folder / "access").glob("*.cedar"):
            path.unlink()
    (folder / "access" / "one.cedar").write_text(text, "utf-8")
    return compile_matrix(folder)


def permit(
    conditions: str = "", *, scope: str = 'principal in Role::"sales", action == Action::"reveal", resource'
) -> str:
    return f"{HEAD} permit ({scope}) {conditions};"


def cell(matrix: Matrix, purpose: str = "delivery", class_id: str = "phone", action: str = "reveal") -> Cell:
    return matrix.cell("sales", purpose, class_id, action)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("when { context.second_factor_minutes <= 30 }", [Condition("second_factor", 30)]),
        ("when { context.second_factor_minutes < 30 }", [Condition("second_factor", 29)]),
        ("unless { context.second_factor_minutes > 30 }", [Condition("second_factor", 30)]),
        ("unless { context.second_factor_minutes >= 30 }", [Condition("second_factor", 29)]),
        ("when { !(context.second_factor_minutes <= 30) }", [Condition("second_factor", 30, holds=False)]),
        ("when { context.consent }", [Condition("consent")]),
        ("when { !context.consent }", [Condition("consent", holds=False)]),
        ("unless { context.blocked }", [Condition("blocked", holds=False)]),
        ("when { context.hour >= 9 && context.hour < 21 }", [Condition("hour", 9), Condition("hour", 21, holds=False)]),
        (
            "when { context.hour > 8 } unless { context.hour >= 21 }",
            [Condition("hour", 9), Condition("hour", 21, holds=False)],
        ),
        ('when { context.contour == "private" }', [Condition("contour", "private")]),
        ('when { context.contour != "public" }', [Condition("contour", "public", holds=False)]),
        ("unless { context.blocked || !context.consent }", [Condition("blocked", holds=False), Condition("consent")]),
        ("when { true && context.consent }", [Condition("consent")]),
        ("when { context.consent && context.consent }", [Condition("consent")]),
        ("", []),
    ],
)
def test_conditions(tmp_path: Path, source: str, expected: list[Condition]) -> None:
    found = cell(compiled(tmp_path, permit(source)))
    assert (found.outcome, list(found.conditions)) == ("allow", expected)
    assert (found.policy_id, found.reason) == ("p1", "причина")


@pytest.mark.parametrize(
    ("source", "inside", "outside"),
    [
        ('when { context.purpose == Purpose::"delivery" }', ("delivery", "phone"), ("support", "phone")),
        ('when { context.purpose in [Purpose::"delivery"] }', ("delivery", "phone"), ("support", "phone")),
        ('when { context.purpose in Purpose::"delivery" }', ("delivery", "phone"), ("support", "phone")),
        ('unless { context.purpose == Purpose::"support" }', ("delivery", "phone"), ("support", "phone")),
        ('when { resource in [Class::"phone", Class::"email"] }', ("delivery", "phone"), ("delivery", "name")),
        ('when { resource == Class::"phone" }', ("delivery", "phone"), ("delivery", "name")),
        ('unless { resource == Class::"name" }', ("delivery", "phone"), ("delivery", "name")),
        (
            'when { resource == Class::"phone" || context.purpose == Purpose::"support" }',
            ("support", "name"),
            ("delivery", "name"),
        ),
        ("when { false } when { context.consent }", None, ("delivery", "phone")),
    ],
)
def test_parts_of_the_matrix(
    tmp_path: Path, source: str, inside: tuple[str, str] | None, outside: tuple[str, str]
) -> None:
    matrix = compiled(
        tmp_path, permit(source) + '@id("p2") @reason("р") permit (principal in Role::"owner", action, resource);'
    )
    assert inside is None or cell(matrix, *inside).outcome == "allow"
    assert cell(matrix, *outside).outcome == "deny"


def test_an_empty_action_scope_means_all_actions_and_mask_gives_only_masks(tmp_path: Path) -> None:
    matrix = compiled(tmp_path, permit(scope='principal in Role::"sales", action, resource == Class::"phone"'))
    assert cell(matrix, action="export").outcome == "allow"
    assert cell(matrix, action="mask").outcome == "mask"
    assert cell(matrix, class_id="name", action="export").outcome == "deny"


def test_forbid_wins_and_shows_in_the_cell(tmp_path: Path) -> None:
    both = permit() + '@id("stop") @reason("нельзя") forbid (principal, action, resource == Class::"phone");'
    matrix = compiled(tmp_path, both)
    assert (cell(matrix).outcome, cell(matrix).policy_id) == ("deny", "stop")
    assert cell(matrix, class_id="name").outcome == "allow"


def test_a_conditional_forbid_becomes_a_condition(tmp_path: Path) -> None:
    both = permit() + '@id("stop") @reason("нельзя") forbid (principal, action, resource) when { context.blocked };'
    assert cell(compiled(tmp_path, both)).conditions == (Condition("blocked", holds=False),)


def test_where_only_a_mask_is_permitted_a_reveal_gives_the_mask(tmp_path: Path) -> None:
    matrix = compiled(tmp_path, permit(scope='principal in Role::"sales", action == Action::"mask", resource'))
    assert cell(matrix).outcome == "mask"
    assert cell(matrix, action="search").outcome == "deny"


REFUSED = {
    "no id": ('@reason("р") permit (principal in Role::"sales", action, resource);', "bear @id"),
    "no reason": ('@id("p1") permit (principal in Role::"sales", action, resource);', "bear @id"),
    "empty reason": ('@id("p1") @reason("") permit (principal in Role::"sales", action, resource);', "bear @id"),
    "another annotation": (
        '@id("p1") @reason("р") @note("x") permit (principal in Role::"sales", action, resource);',
        "no other",
    ),
    "same id twice": (permit() + permit(), "same @id"),
    "a permit for everyone": (permit(scope="principal, action, resource"), "without naming a role"),
    "unknown role": (permit(scope='principal in Role::"boss", action, resource'), "unknown role: boss"),
    "unknown purpose": (permit('when { context.purpose == Purpose::"fun" }'), "unknown purpose: fun"),
    "unknown class": (
        permit(scope='principal in Role::"sales", action, resource == Class::"shoe"'),
        "unknown class: shoe",
    ),
    "unknown action": (permit(scope='principal in Role::"sales", action == Action::"look", resource'), "look"),
    "one principal": (permit(scope='principal == Principal::"anna", action, resource'), "brackets"),
    "a type of principal": (permit(scope="principal is Principal, action, resource"), "brackets"),
    "template": (permit(scope="principal in ?principal, action, resource"), "templates"),
    "excluded role": (permit('unless { principal in Role::"owner" }'), "combines or excludes"),
    "two roles at once": (permit('when { principal in Role::"owner" }'), "combines or excludes"),
    "two conditions in a forbid": (
        HEAD + "forbid (principal, action, resource) when { context.blocked && context.consent };",
        "several conditions",
    ),
    "presence test": (permit("when { context has consent }"), "'has'"),
    "arithmetic": (permit("when { context.hour + 1 >= 9 }"), "outside the closed list"),
    "figure on the left": (permit("when { 9 <= context.hour }"), "outside the closed list"),
    "hour equal": (permit("when { context.hour == 9 }"), "outside the closed list"),
    "hour 25": (permit("when { context.hour >= 25 }"), "outside the closed list"),
    "negative age": (permit("when { context.second_factor_minutes <= -1 }"), "outside the closed list"),
    "unknown contour": (permit('when { context.contour == "dmz" }'), "outside the closed list"),
    "contour like": (permit('when { context.contour like "priv*" }'), "'like'"),
    "if": (permit("when { if context.consent then true else context.blocked }"), "'if-then-else'"),
    "flag compared": (permit("when { context.consent == true }"), "outside the closed list"),
    "contains": (permit('when { [Purpose::"delivery"].contains(context.purpose) }'), "'contains'"),
    "purpose of a wrong kind": (permit('when { resource in [Purpose::"delivery"] }'), "delivery|Class"),
    "class by wrong operator": (permit('when { resource != Class::"phone" }'), "compares by"),
    "attribute of the principal": (permit("when { principal.age > 1 }"), "age"),
    "unknown fact": (permit("when { context.weather == 1 }"), "weather"),
    "too many alternatives": (
        permit("when { " + " && ".join(["(context.consent || context.blocked)"] * 8) + " }"),
        "alternatives",
    ),
    "not Cedar": ("permit everything", "cannot be read"),
    "nothing": ("// later", "no policies"),
}


@pytest.mark.parametrize(("source", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_with_a_message_that_says_why(tmp_path: Path, source: str, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        compiled(tmp_path, source)


def test_a_refusal_names_file_and_policy(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"^one\.cedar: policy p1: "):
        compiled(tmp_path, permit('unless { principal in Role::"owner" }'))


def test_an_absent_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError):
        compile_matrix(tmp_path)


def test_the_version_is_that_of_the_content(tmp_path: Path) -> None:
    first = compiled(tmp_path, permit("when { context.consent }"))
    assert len(first.version) == 64
    rewritten = "// Another word.\n" + permit("unless { !context.consent }")
    assert compiled(tmp_path, rewritten).version == first.version
    for other in ("when { !context.consent }", "when { context.blocked }", ""):
        assert compiled(tmp_path, permit(other)).version != first.version
    assert compiled(tmp_path, permit("when { context.consent }").replace("причина", "повод")).version != first.version


def test_the_order_of_policies_does_not_matter(tmp_path: Path) -> None:
    one = permit()
    two = '@id("p2") @reason("р") permit (principal in Role::"owner", action, resource);'
    assert compiled(tmp_path, one + two).version == compiled(tmp_path, two + one).version


@pytest.mark.parametrize(
    ("name", "old", "new", "differs"),
    [
        ("budgets.yaml", "search: 300", "search: 301", True),
        ("alarms.yaml", "refusals: 10", "refusals: 11", True),
        ("classes.yaml", "mask: phone", "mask: hidden", True),
        ("alarms.yaml", "refusals: 10", "refusals:   10  # ten", False),
    ],
)
def test_the_version_covers_budgets_alarms_and_masks(
    tmp_path: Path, name: str, old: str, new: str, *, differs: bool
) -> None:
    folder = tmp_path / "policies"
    shutil.copytree("policies", folder)
    before = compile_matrix(folder).version
    text = (folder / name).read_text("utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new), "utf-8")
    assert (compile_matrix(folder).version != before) is differs
