"""Every command that opens a vault looks first whether its database was restored."""

from pathlib import Path

import scripts

FOLDER = Path(scripts.__file__).parent


def test_no_command_opens_a_vault_past_the_gate() -> None:
    opening = {
        str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.py") if "open_vault" in path.read_text("utf-8")
    }
    assert opening == {"vault/opened.py"}
