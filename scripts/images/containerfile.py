"""A Containerfile read by its instructions, and what ours must not say."""

import re
from dataclasses import dataclass
from typing import Final

_SECRET: Final = re.compile(r"(?i)(password|passphrase|passwd|secret|token|api_?key|credential)\w*=(?!/)\S")
_ADDRESS: Final = re.compile(r"(?i)\b(?:index[-_]url|https?://)")
_MINIMUM_USER: Final = 10000  # above the ids of any node's own accounts


@dataclass(frozen=True)
class Instruction:
    line: int
    word: str
    rest: str


def parse(text: str) -> list[Instruction]:
    """Instructions with continued lines joined; comments go, also those between continued lines."""
    found: list[Instruction] = []
    held, start = "", 0
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        start = start or number
        if line.endswith("\\"):
            held += line[:-1] + " "
            continue
        word, _, rest = (held + line).partition(" ")
        found.append(Instruction(start, word.upper(), " ".join(rest.split())))
        held, start = "", 0
    return found


def problems(text: str) -> list[str]:
    """Each breach with its line; an empty list is a Containerfile that may be built."""
    found = parse(text)
    wrong = [told for each in found for told in _of_one(each)]
    return [*wrong, *_of_stages(found), *_of_user(found)]


def _of_one(each: Instruction) -> list[str]:
    wrong = []
    if each.word in {"ENV", "ARG", "RUN", "LABEL"} and _SECRET.search(each.rest):
        wrong.append(f"line {each.line}: a secret in {each.word}; hand it over with --mount=type=secret")
    if each.word in {"ENV", "ARG", "RUN", "ADD"} and _ADDRESS.search(each.rest):
        wrong.append(f"line {each.line}: an address of a registry or site; it belongs to the machine's settings")
    if each.word in {"CMD", "ENTRYPOINT"} and not each.rest.startswith("["):
        wrong.append(f"line {each.line}: {each.word} needs a shell; write it as a list")
    return wrong


def _of_stages(found: list[Instruction]) -> list[str]:
    """A base is an argument, an earlier stage or nothing: never a name that may move."""
    wrong, stages = [], {"scratch", "${BASE}", "$BASE"}
    for each in found:
        if each.word != "FROM":
            continue
        parts = [part for part in each.rest.split() if not part.startswith("--")]
        if parts[0] not in stages and "@sha256:" not in parts[0]:
            wrong.append(f"line {each.line}: base {parts[0]} may move; take the argument BASE or a digest")
        if len(parts) > 2:  # noqa: PLR2004  FROM base AS name
            stages.add(parts[2])
    return wrong


def _of_user(found: list[Instruction]) -> list[str]:
    """The last stage's last USER counts: a stage begins as its base's user, which may be root."""
    user = ""
    for each in found:
        if each.word == "FROM":
            user = ""
        elif each.word == "USER":
            user = each.rest.partition(":")[0]
    if user.isdigit() and int(user) >= _MINIMUM_USER:
        return []
    return [f"the last stage ends as user “{user or 'root'}”; a number of {_MINIMUM_USER} or more is needed"]
