"""Commands beside a database that was restored and not yet brought up to the erasure journal."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pii_vault.core.tokens import new_subject_text
from pii_vault.keys.local import LocalKeyring
from pii_vault.rights.journal import Order, open_journal
from scripts import audit, consent, keys, search, shop, staff, subject
from tests.integration.scripts.conftest import PASSPHRASE

PERSON = new_subject_text(os.urandom(16), tenant="demo")
SHUT = (
    (search, "reindex"),
    (search, "plan", "-t", "demo"),
    (keys, "rotate"),
    (keys, "rewrap"),
    (keys, "trim"),
    (audit, "subject", PERSON),
    (subject, "find", PERSON),
    (consent, "list", PERSON),
    (staff, "list", "-t", "demo"),
    (shop, "connect", "woocommerce", "-t", "demo"),
)


@pytest.fixture
def restored(folder: Path) -> None:
    """The journal names a person whom the database does not know to be erased."""

    async def erased() -> None:
        journal = await open_journal(folder / "erasures.journal", LocalKeyring(folder / "keyring.json", PASSPHRASE))
        journal.append(Order("demo", PERSON, (0, 1), "subject_request", "ers_00000000000000000000000000"))

    asyncio.run(erased())


def larets(group: Any, *words: str) -> Result:
    return CliRunner().invoke(group.cli, list(words))


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("words", SHUT, ids=lambda words: f"{words[0].__name__.rpartition('.')[2]} {words[1]}")
def test_a_command_does_nothing_before_the_replay(words: tuple[Any, ...]) -> None:
    done = larets(*words)
    assert done.exit_code == 1
    assert "it was restored. Replay: larets subject replay" in " ".join(done.stderr.split())


@pytest.mark.usefixtures("restored")
def test_keys_are_counted_and_the_replay_opens_all_the_others() -> None:
    assert larets(keys, "status").exit_code == 0
    assert larets(search, "reindex").exit_code == 1
    assert larets(subject, "replay").exit_code == 0
    for words in ((search, "reindex"), (keys, "rotate"), (keys, "rewrap"), (staff, "list", "-t", "demo")):
        assert larets(*words).exit_code == 0
