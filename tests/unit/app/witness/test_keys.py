"""The witness's key file."""

from pathlib import Path

import pytest

from app.witness.keys import WitnessKeyProblem, create_witness_key, load_witness_keys
from pii_vault.audit import note as notes

LOG_VKEY = str(notes.log_key("vault.test/audit", bytes(range(32))))


def test_a_key_is_made_once_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "witness.key"
    vkey = create_witness_key(path, name="crm.test/witness")
    assert create_witness_key(path, name="other") == vkey
    assert path.stat().st_mode & 0o777 == 0o600
    keys = load_witness_keys(path, LOG_VKEY)
    assert (str(keys.public), str(keys.log)) == (vkey, LOG_VKEY)
    line = keys.cosign("text\n", timestamp=7)
    assert notes.verify_cosignature(notes.Note("text\n", (line,)), notes.parse_vkey(vkey)) == 7


def test_the_log_key_may_stand_in_a_file(tmp_path: Path) -> None:
    create_witness_key(tmp_path / "witness.key", name="crm.test/witness")
    (tmp_path / "audit.vkey").write_text(LOG_VKEY + "\n")
    assert str(load_witness_keys(tmp_path / "witness.key", str(tmp_path / "audit.vkey")).log) == LOG_VKEY


def test_a_key_is_not_printed(tmp_path: Path) -> None:
    path = tmp_path / "witness.key"
    create_witness_key(path, name="crm.test/witness")
    seed = path.read_text().split()[-1]
    assert seed not in repr(load_witness_keys(path, LOG_VKEY))
    assert repr(bytes.fromhex(seed)) not in repr(load_witness_keys(path, LOG_VKEY))


@pytest.mark.parametrize(
    "content", ["", "LARETS-WITNESS-KEY name", "OTHER name " + "00" * 32, "LARETS-WITNESS-KEY n 00"]
)
def test_a_broken_key_file_stops_the_start(tmp_path: Path, content: str) -> None:
    path = tmp_path / "witness.key"
    path.write_text(content)
    with pytest.raises(WitnessKeyProblem, match=r"witness\.key"):
        load_witness_keys(path, LOG_VKEY)


@pytest.mark.parametrize("log_key", ["", "missing.vkey", LOG_VKEY.replace("+", "+0", 1)])
def test_a_broken_log_key_stops_the_start(tmp_path: Path, log_key: str) -> None:
    path = tmp_path / "witness.key"
    create_witness_key(path, name="crm.test/witness")
    with pytest.raises(WitnessKeyProblem, match="log key"):
        load_witness_keys(path, log_key)
