"""What a Containerfile must not say: ours do not, and each breach is found."""

import pytest

from scripts.images.containerfile import parse, problems
from scripts.images.context import IMAGES

GOOD = """# A comment.
ARG BASE
FROM ${BASE} AS root
RUN --mount=type=secret,id=pip \\
    # between
    PIP_CONFIG_FILE=/run/secrets/pip true
FROM scratch
COPY --from=root / /
USER 10001:10001
CMD ["true"]
"""


@pytest.mark.parametrize("name", IMAGES)
def test_each_of_ours_may_be_built(name: str) -> None:
    text = IMAGES[name].file.read_text("utf-8")
    assert problems(text) == []
    assert "latest" not in text


@pytest.mark.parametrize("name", IMAGES)
def test_each_of_ours_ends_in_one_layer_with_version_and_revision(name: str) -> None:
    found = parse(IMAGES[name].file.read_text("utf-8"))
    last = max(number for number, each in enumerate(found) if each.word == "FROM")
    ending = found[last:]
    assert ending[0].rest == "scratch"
    assert [each.rest for each in ending if each.word in {"COPY", "ADD"}] == ["--from=root / /"]
    labels = next(each.rest for each in ending if each.word == "LABEL")
    assert 'image.version="${VERSION}"' in labels
    assert 'image.revision="${REVISION}"' in labels


@pytest.mark.parametrize("name", sorted(IMAGES.keys() - {"database"}))
def test_the_shell_goes_last_and_by_itself(name: str) -> None:
    steps = [each.rest for each in parse(IMAGES[name].file.read_text("utf-8")) if each.word == "RUN"]
    assert steps[-1].endswith("/usr/bin/bash /usr/bin/rbash /usr/bin/sh /usr/bin/dash")


def test_continued_lines_are_one_instruction_and_comments_none() -> None:
    found = parse(GOOD)
    assert [each.word for each in found] == ["ARG", "FROM", "RUN", "FROM", "COPY", "USER", "CMD"]
    assert found[2].rest == "--mount=type=secret,id=pip PIP_CONFIG_FILE=/run/secrets/pip true"
    assert found[2].line == 4
    assert problems(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("FROM ${BASE}", "FROM debian:latest", "may move"),
        ("FROM ${BASE}", "FROM debian", "may move"),
        ("FROM ${BASE}", "FROM debian:bookworm", "may move"),
        ("ARG BASE", "ARG BASE\nARG DB_PASSWORD=hunter2", "a secret in ARG"),
        ('CMD ["true"]', 'ENV API_TOKEN=abc\nCMD ["true"]', "a secret in ENV"),
        ("true\nFROM", "pip install --index-url x\nFROM", "an address"),
        ("true\nFROM", "curl https://example.org\nFROM", "an address"),
        ('CMD ["true"]', "CMD true", "needs a shell"),
        ("USER 10001:10001\n", "", "user “root”"),
        ("USER 10001:10001", "USER 0", "user “0”"),
        ("USER 10001:10001", "USER 999", "user “999”"),
        ("USER 10001:10001", "USER nobody", "user “nobody”"),
        ('CMD ["true"]', "FROM ${BASE}", "user “root”"),
    ],
)
def test_each_breach_is_found(old: str, new: str, told: str) -> None:
    assert old in GOOD
    found = problems(GOOD.replace(old, new))
    assert len(found) == 1
    assert told in found[0]


def test_a_base_by_digest_is_a_base() -> None:
    assert problems(GOOD.replace("${BASE}", "debian@sha256:" + "0" * 64)) == []
