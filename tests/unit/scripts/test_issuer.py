"""How commands that work by the vault's issuer end when the vault refuses or is away."""

import pytest

from pii_vault.errors import KeyServiceUnavailable, NotFound, VaultError
from scripts.vault.issuer import ended


@pytest.mark.parametrize(("error", "asks_whether_it_runs"), [(NotFound(), False), (KeyServiceUnavailable(), True)])
def test_whether_the_vault_runs_is_asked_only_where_it_is_at_fault(
    error: VaultError, *, asks_whether_it_runs: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        ended(error)
    said = capsys.readouterr().err
    assert error.detail in said
    assert ("tells whether the vault runs" in said) is asks_whether_it_runs
