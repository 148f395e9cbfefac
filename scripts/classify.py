"""`larets classify`: where personal data stand in texts."""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from pii_vault.classify.find import MAX_CHARACTERS, Witness, find, no_witness
from pii_vault.classify.replace import replaced
from scripts.voice import fail, result, say

cli = typer.Typer(help="Find personal data in texts.", rich_markup_mode=None)

PROGRESS: Final = 1000  # lines


@cli.command()
def classify(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    file: Annotated[Path | None, typer.Option("--file", help="read this instead of standard input")] = None,
    rules_only: Annotated[bool, typer.Option(help="leave the recogniser of names out: no model is loaded")] = False,
) -> None:
    """Find personal data in notes, chats and transcripts of calls, in Russian.

    Reads one JSON object per line, {"id": …, "text": …}. With --json writes one per line, {"id": …, "spans":
    [[start, end, class], …]}, offsets in characters; without, the text with the classes in place of the values, and
    a line that is no JSON is taken as a text. Classes: name phone email address birth_date passport inn snils card
    handle car_plate.

    A line that cannot be read gives {"id": …, "line": …, "error": …} in its place; the others go on, and the exit
    code is 1.

    Limits: it finds most, not all (measured: docs/classes.md), so a classified text stays a residual risk. A town or
    a street alone is no address, a date is one of birth only where the text says so, goods and shops with a person's
    name are left. Texts of up to 20,000 characters. The model of names takes three seconds and 200 MB, once.
    """
    witness = no_witness if rules_only else _recogniser()
    faults = 0
    try:
        source = nullcontext(sys.stdin.buffer) if file is None else file.open("rb")
        with source as lines:
            for number, answer in enumerate(_answers(lines, witness, lenient=not as_json), start=1):
                faults += "error" in answer
                _tell(answer, as_json=as_json)
                if number % PROGRESS == 0:
                    say(f"{number:,} texts")
    except BrokenPipeError:
        raise typer.Exit(1) from None
    except OSError as error:
        fail(
            f"{file or 'the input'} cannot be read: {error.strerror}", hint="give a file of JSON lines, or pipe them in"
        )
    if faults:
        fail(f"{faults:,} lines could not be read", hint='each line is one JSON object: {"id": "1", "text": "…"}')


def _recogniser() -> Witness:
    from pii_vault.classify.recogniser import Recogniser  # noqa: PLC0415  heavy, and --help does without

    return Recogniser().people


def _answers(lines: Iterable[bytes], witness: Witness, *, lenient: bool) -> Iterator[dict[str, Any]]:
    for number, raw in enumerate(lines, start=1):
        if not raw.strip():
            continue
        try:
            line = raw.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            yield {"id": None, "line": number, "error": "not UTF-8"}
            continue
        yield _answer(line, number, witness, lenient=lenient)


def _answer(line: str, number: int, witness: Witness, *, lenient: bool) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        if not lenient:
            return {"id": None, "line": number, "error": "not JSON"}
        content = {"id": number, "text": line}
    if not isinstance(content, dict):
        return {"id": None, "line": number, "error": "not a JSON object with id and text"}
    key, text = content.get("id"), content.get("text")
    if not isinstance(text, str) or "id" not in content:
        return {"id": key, "line": number, "error": "no id, or no text that is a string"}
    if len(text) > MAX_CHARACTERS:
        return {"id": key, "line": number, "error": f"longer than {MAX_CHARACTERS} characters"}
    return {"id": key, "text": text, "spans": find(text, witness)}


def _tell(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        shown = {key: value for key, value in answer.items() if key != "text"}
        result(json.dumps(shown, ensure_ascii=False))
    elif "error" in answer:
        result(f"{answer['id']}: line {answer['line']}: {answer['error']}")
    else:
        marked = replaced(answer["text"], answer["spans"], lambda span: f"[{span.class_id}]")
        result(f"{answer['id']}: {marked}".encode(errors="replace").decode())  # JSON can spell half characters
