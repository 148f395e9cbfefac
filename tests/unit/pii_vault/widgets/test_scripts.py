"""Rules that every script and template of the vault's pages keeps, and that both languages are complete."""

import re
from pathlib import Path

import pytest

import pii_vault
from pii_vault.web import Assets

ROOT = Path(pii_vault.__file__).parent
SCRIPTS = sorted(path for path in (ROOT / "static").rglob("*.js") if "vendor" not in path.parts)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
FRAMES = [path for path in SCRIPTS if path.parent.name == "frames"]
SINKS = re.compile(
    r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc|DOMParser|createContextualFragment"
    r"|eval|new Function|setTimeout\([\"'`]|createPolicy)\b"
)
KEEPERS = re.compile(
    r"\b(localStorage|sessionStorage|indexedDB|caches|document\.cookie|console\.|history\.|sendBeacon)"
)
ANY_ORIGIN = re.compile(r"postMessage\([^;]*[\"']\*[\"']")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_parses_markup_or_code(path: Path) -> None:
    assert SINKS.findall(path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", FRAMES, ids=lambda path: path.name)
def test_no_frame_script_keeps_or_logs_anything(path: Path) -> None:
    assert KEEPERS.findall(path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_messages_name_their_receiver(path: Path) -> None:
    assert ANY_ORIGIN.findall(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (SINKS, "cell.innerHTML = value"),
        (SINKS, "eval(text)"),
        (SINKS, 'setTimeout("go()")'),
        (KEEPERS, "localStorage.setItem(1, 2)"),
        (KEEPERS, "console.log(value)"),
        (ANY_ORIGIN, 'parent.postMessage(value, "*")'),
    ],
)
def test_the_rules_catch_what_they_forbid(rule: re.Pattern[str], text: str) -> None:
    assert rule.search(text)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_have_no_inline_code_or_unescaped_values(path: Path) -> None:
    text = path.read_text("utf-8")
    inline = re.findall(
        r"<script(?![^>]*\b(?:src=|type=\"application/json\"))|\son\w+=|\sstyle=|<style|javascript:", text
    )
    assert inline == []
    assert re.findall(r"\|\s*safe\b|autoescape\s+false|Markup", text) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_russian_in_templates_stands_beside_its_english(path: Path) -> None:
    text = path.read_text("utf-8")
    text = re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)
    outside = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "", text, flags=re.DOTALL)
    outside = outside.replace("Русский", "").replace("№", "")
    assert re.findall(r"[А-Яа-яЁё]+", outside) == []


def test_frame_texts_are_complete_in_both_languages() -> None:
    text = (ROOT / "static/frames/text.js").read_text("utf-8")
    ru, en = text.split("  en: {")
    keys = [re.findall(r"^    (\w+):", part.split("\n  },")[0], re.MULTILINE) for part in (ru, en)]
    assert keys[0] == keys[1]
    used = set(re.findall(r"\bt\(\s*\"(\w+)\"", "".join(path.read_text("utf-8") for path in FRAMES)))
    assert used <= set(keys[0])


def test_frame_texts_are_all_used() -> None:
    text = (ROOT / "static/frames/text.js").read_text("utf-8")
    keys = re.findall(r"^    (\w+):", text.split("  en: {")[0], re.MULTILINE)
    others = "".join(path.read_text("utf-8") for path in FRAMES if path.name != "text.js")
    unused = [key for key in keys if not re.search(rf"\b{key}\b", others)]
    assert unused == []


def test_every_import_of_a_script_is_served() -> None:
    assets = Assets(ROOT / "static")
    for path in SCRIPTS:
        for name in re.findall(r"from \"\./([\w.]+)\"", path.read_text("utf-8")):
            assets.url(f"{path.parent.name}/{name}")
