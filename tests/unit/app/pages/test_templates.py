"""The content policy forbids inline scripts and styles; here no template may even try."""

import re

import jinja2
import pytest

from app.kit.web import TEMPLATES

FORBIDDEN = {
    "an event handler": re.compile(r"<[^>]*\son[a-z]+\s*=", re.IGNORECASE),
    "a handler of htmx": re.compile(r"\bhx-on[:-]|\bjs:|\bhx-vals=['\"]js", re.IGNORECASE),
    "a style attribute": re.compile(r"<[^>]*\sstyle\s*=", re.IGNORECASE),
    "a style element": re.compile(r"<style\b", re.IGNORECASE),
    "a script in the page": re.compile(r"<script(?![^>]*\bsrc=)", re.IGNORECASE),
    "a script address": re.compile(r"javascript:", re.IGNORECASE),
    "another origin": re.compile(r"(?:src|href|action)=[\"'](?:https?:)?//", re.IGNORECASE),
    "unescaped output": re.compile(r"\|\s*safe\b|\bautoescape\s+false|Markup\("),
}


NAMES = [path.relative_to(TEMPLATES).as_posix() for path in sorted(TEMPLATES.rglob("*.html"))]


def faults(source: str) -> list[str]:
    return [name for name, pattern in FORBIDDEN.items() if pattern.search(source)]


@pytest.mark.parametrize("name", NAMES)
def test_a_template_holds_nothing_inline(name: str) -> None:
    assert faults((TEMPLATES / name).read_text("utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        '<b onclick="x()">',
        '<b hx-on:click="x()">',
        '<b style="color:red">',
        "<style>b{}</style>",
        "<script>x()</script>",
        '<a href="javascript:x()">',
        '<script src="https://cdn.example/x.js"></script>',
        "{{ title | safe }}",
    ],
)
def test_the_scan_sees_what_it_is_for(source: str) -> None:
    assert faults(source)


@pytest.mark.parametrize("name", NAMES)
def test_every_template_compiles(name: str) -> None:
    jinja2.Environment(autoescape=True).parse((TEMPLATES / name).read_text("utf-8"))
