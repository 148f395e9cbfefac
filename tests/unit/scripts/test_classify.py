"""`larets classify`: lines in, lines out; a bad line loses nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scripts.classify import cli


def run(source: str | bytes, *options: str) -> tuple[int, list[dict[str, Any]]]:
    done = CliRunner().invoke(cli, ["--json", "--rules-only", *options], input=source)
    return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()]


GOOD = json.dumps({"id": "a", "text": "это Наташа, 8 916 441 77 23"}, ensure_ascii=False)


def test_spans_are_in_characters_and_ids_come_back_as_they_were() -> None:
    status, answers = run(f'{GOOD}\n{{"id": 7, "text": "😀 Наташа"}}\n{{"id": null, "text": ""}}\n')
    assert status == 0
    assert answers == [
        {"id": "a", "spans": [[4, 10, "name"], [12, 27, "phone"]]},
        {"id": 7, "spans": [[2, 8, "name"]]},
        {"id": None, "spans": []},
    ]


@pytest.mark.parametrize(
    "bad",
    ["нет", "[1]", '{"id": 1}', '{"text": "x"}', '{"id": 1, "text": 5}', '{"id": 1, "text": "' + "а" * 20_001 + '"}'],
)
def test_a_bad_line_gives_an_error_in_its_place_and_the_others_go_on(bad: str) -> None:
    status, answers = run(f"{GOOD}\n{bad}\n{GOOD}\n")
    assert status == 1
    assert [answer.get("line") for answer in answers] == [None, 2, None]
    assert "error" in answers[1]
    assert "Наташа" not in json.dumps(answers, ensure_ascii=False)


def test_bytes_that_are_no_text_lose_no_other_line() -> None:
    status, answers = run(f"{GOOD}\n".encode() + b"\xff\xfe\n" + b'{"id": 2, "text": "\\ud800"}\n' + GOOD.encode())
    assert status == 1
    assert [answer.get("error") for answer in answers] == [None, "not UTF-8", None, None]
    done = CliRunner().invoke(cli, ["--rules-only"], input=b'{"id": 2, "text": "\\ud800"}\n')
    assert done.stdout == "2: ?\n"


def test_a_file_is_read_and_a_missing_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "texts").write_text(GOOD, "utf-8")
    assert run("", "--file", str(tmp_path / "texts"))[0] == 0
    done = CliRunner().invoke(cli, ["--json", "--rules-only", "--file", str(tmp_path / "none")])
    assert done.exit_code == 1
    assert "larets: error:" in done.stderr
    assert "larets: hint:" in done.stderr


def test_a_person_reads_the_classes_in_place_of_the_values() -> None:
    done = CliRunner().invoke(cli, ["--rules-only"], input="звонила Наташа, 8 916 441 77 23\n")
    assert done.exit_code == 0
    assert done.stdout == "1: звонила [name], [phone]\n"
