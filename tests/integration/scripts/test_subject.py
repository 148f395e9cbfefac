"""`larets subject` and `larets consent` against a migrated database and a local keyring."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pii_vault.operations.items import TokeniseItem
from scripts import consent, subject
from tests.integration.scripts.conftest import StubInstance
from tests.support.postgres import Database
from tests.support.vault import rows

PHONE, NAME = "+79161234567", "Вера Орлова"


@pytest.fixture
def person(instance: StubInstance) -> dict[str, str]:
    phone, name = instance.take(
        TokeniseItem(class_id="phone", value=PHONE, subject="@1"),
        TokeniseItem(class_id="name", value=NAME, subject="@1"),
    )
    return {"subject": phone.subject or "", "phone": phone.token or "", "name": name.token or ""}


def larets(*arguments: str, group: Any = subject, value: str = "", code: int = 0) -> Any:
    done = CliRunner().invoke(group.cli, [*arguments, "--json"], input=value)
    assert done.exit_code == code, (done.stdout, done.stderr)
    return json.loads(done.stdout) if done.stdout else done.stderr


def test_a_person_is_found_by_value_token_id_and_never_shown(person: dict[str, str]) -> None:
    for found in (
        larets("find", "--class", "phone", value="8 916 123-45-67\n"),
        larets("find", person["phone"]),
        larets("find", person["subject"]),
    ):
        assert [each["subject"] for each in found] == [person["subject"]]
        assert found[0]["values"] == {"other": {"name": 1, "phone": 1}}
        assert "916" not in json.dumps(found)
    assert larets("find", "--class", "phone", value="+79160000000\n", code=1) == []
    assert "no value" in larets("find", "--class", "phone", value="\n", code=1)
    assert "one of" in larets("find", code=1)


def test_values_of_one_class_in_both_groups_are_counted_together(instance: StubInstance) -> None:
    item = TokeniseItem(class_id="name", value=NAME)
    (taken,) = instance.take(item)
    instance.take(TokeniseItem(class_id="name", value=NAME, subject=taken.subject), group="statutory")
    told = CliRunner().invoke(subject.cli, ["find", taken.subject or ""]).stdout
    assert "name: 2" in told


def test_no_command_takes_a_value_on_its_line(person: dict[str, str]) -> None:
    done = CliRunner().invoke(subject.cli, ["find", "--class", "phone", PHONE])
    assert done.exit_code == 1
    assert PHONE not in done.stdout + done.stderr
    done = CliRunner().invoke(subject.cli, ["correct", person["phone"], PHONE])
    assert done.exit_code == 2


def test_the_export_goes_where_nobody_else_reads_it(person: dict[str, str], tmp_path: Path) -> None:
    page, data = tmp_path / "person.html", tmp_path / "person.json"
    larets("export", person["subject"], "--html", str(page), "--out", str(data))
    assert [path.stat().st_mode & 0o777 for path in (page, data)] == [0o600, 0o600]
    content = json.loads(data.read_text())
    assert {each["class"]: each["value"] for each in content["values"]} == {"phone": PHONE, "name": NAME}
    text = page.read_text()
    assert PHONE in text
    assert NAME in text
    assert 'lang="ru"' in text
    assert not any(sign in text for sign in ("http:", "https:", "<script", "<link", "<img"))
    assert "say where it goes" in CliRunner().invoke(subject.cli, ["export", person["subject"]]).stderr


def test_the_page_of_a_stranger_with_markup_for_a_name_is_text(instance: StubInstance, tmp_path: Path) -> None:
    [result] = instance.take(TokeniseItem(class_id="name", value="<script>alert(1)</script>"))
    page = tmp_path / "person.html"
    larets("export", result.subject or "", "--html", str(page))
    assert "<script" not in page.read_text()


def test_a_value_is_corrected_under_its_token(person: dict[str, str]) -> None:
    larets("correct", person["phone"], value="+7 916 765-43-21\n")
    content = larets("export", person["subject"])
    assert {each["class"]: each["value"] for each in content["values"]}["phone"] == "+7 916 765-43-21"
    assert larets("find", "--class", "phone", value="+79167654321\n")[0]["subject"] == person["subject"]
    larets("find", "--class", "phone", value=f"{PHONE}\n", code=1)


def test_a_block_is_lifted_by_hand_alone(person: dict[str, str], vault_database: Database) -> None:
    done = larets("block", person["subject"], "--reason", "accuracy_check", "--days", "7")
    assert done["everywhere"]
    assert larets("find", person["subject"])[0]["state"] == "blocked"
    assert "already" in larets("block", person["subject"], "--reason", "accuracy_check", code=1)
    larets("unblock", person["subject"])
    assert larets("find", person["subject"])[0]["state"] == "active"
    assert "no block" in larets("unblock", person["subject"], code=1).lower()
    verbs = rows(vault_database, "SELECT verb FROM audit_detail WHERE verb LIKE '%block' ORDER BY idx")
    assert [verb for (verb,) in verbs] == ["block", "unblock"]


def test_erase_first_says_and_then_does_and_proves(
    instance: StubInstance, person: dict[str, str], tmp_path: Path
) -> None:
    instance.take(TokeniseItem(class_id="address", value="Тверь, Советская, 1", subject=person["subject"]),
                  group="statutory")  # fmt: skip
    plan = larets("erase", person["subject"], "--dry-run")
    assert (plan["erased"], plan["kept"], plan["complete"]) == ({"name": 1, "phone": 1}, {"address": 1}, False)
    assert plan["state"] == "active"
    in_words = CliRunner().invoke(subject.cli, ["erase", person["subject"], "--dry-run"]).stdout
    assert "(active), groups to erase: other" in in_words
    assert "goes:  name: 1, phone: 1; keys: 1" in in_words
    assert "stays: address: 1 until" in in_words
    larets("prove", person["subject"], code=1)
    done = larets("erase", person["subject"])
    assert done["step"] == "live"
    assert larets("erase", person["subject"])["erasure"] == done["erasure"]  # once, however often
    proof = larets("prove", person["subject"])
    assert proof["holds"]
    assert proof["kept"] == {"address": 1}
    act = next(each for each in proof["documents"] if each["kind"] == "act")
    larets("document", act["document"], "--out", str(tmp_path / "act.html"))
    assert "Акт об уничтожении" in (tmp_path / "act.html").read_text()
    assert [each["subject"] for each in larets("erasures")] == [person["subject"]]
    assert larets("find", person["subject"])[0]["values"] == {"statutory": {"address": 1}}
    assert "kept by law" in larets("unblock", person["subject"], code=1)


def test_a_restored_database_answers_only_the_replay(person: dict[str, str], vault_database: Database) -> None:
    larets("erase", person["subject"])
    rows(vault_database, "DELETE FROM erasure_document")
    rows(vault_database, "DELETE FROM erasure")
    assert "larets subject replay" in larets("find", person["subject"], code=1)
    assert larets("replay")["replayed"] == 1
    assert larets("find", person["subject"])[0]["state"] == "erased"


def test_consents_from_text_to_withdrawal(person: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("Согласен получать звонки.")
    assert "Register the text" in larets(
        "give", person["subject"], "--channel", "call", "--how", "paper", group=consent, code=1
    )
    assert larets("text", str(tmp_path / "text.txt"), group=consent)["version"] == 1
    larets("give", person["subject"], "--channel", "call", "--how", "paper", group=consent)
    assert larets("find", person["subject"])[0]["consents"] == [{"purpose": "marketing", "channel": "call"}]
    assert larets("withdraw", person["subject"], group=consent)["withdrawn"] == ["call"]
    assert [each["status"] for each in larets("list", person["subject"], group=consent)] == ["withdrawn"]
    assert larets("check", group=consent)["ok"]
