"""Vectors: the note of golang.org/x/mod/sumdb/note. Cosignatures: our own, by the C2SP text."""

import pytest

from pii_vault.audit import note
from pii_vault.core import primitives

GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SEED = note.decode_base64("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_NOTE = GO_TEXT + (
    "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
SEED = bytes(range(32))
WITNESS_SEED = bytes(range(32, 64))
LOG = note.log_key("larets.test/audit", primitives.public_key(SEED))
WITNESS = note.witness_key("larets.test/witness", primitives.public_key(WITNESS_SEED))
CHECKPOINT = note.Checkpoint(LOG.name, 7, b"\x07" * 32)


def signed(checkpoint: note.Checkpoint = CHECKPOINT, seed: bytes = SEED) -> note.Note:
    return note.Note(checkpoint.text, (note.sign_with(LOG, primitives.sign(seed, checkpoint.text.encode())),))


def test_the_go_note_is_read_and_written_byte_for_byte() -> None:
    parsed = note.parse_note(GO_NOTE)
    key = note.parse_vkey(GO_KEY)
    assert parsed.text == GO_TEXT
    assert str(parsed) == GO_NOTE
    assert str(key) == GO_KEY
    assert primitives.signature_holds(key.public_key, GO_TEXT.encode(), parsed.by(key).value)
    assert note.sign_with(key, primitives.sign(GO_SEED, GO_TEXT.encode())) == parsed.signatures[0]


def test_a_changed_text_breaks_the_signature() -> None:
    parsed = note.parse_note(GO_NOTE.replace("cryptography", "cryptographY"))
    key = note.parse_vkey(GO_KEY)
    assert not primitives.signature_holds(key.public_key, parsed.text.encode(), parsed.by(key).value)


@pytest.mark.parametrize(
    "broken",
    [
        GO_NOTE.removesuffix("\n"),
        GO_NOTE + "\n",
        GO_NOTE.replace("\n", "\r\n"),
        GO_NOTE.replace("— ", "- "),
        GO_NOTE.replace("nAM=", "nAN="),  # the same bytes in another spelling
        GO_NOTE.replace("nAM=", "nAM"),
        GO_NOTE.replace("— PeterNeumann ", "— PeterNeumann  "),
        GO_TEXT,
        "",
        GO_NOTE + GO_NOTE.rpartition("\n\n")[2] * 16,
        "x" * 20_000 + GO_NOTE,
    ],
)
def test_malformed_notes_are_refused(broken: str) -> None:
    with pytest.raises(note.NoteError):
        note.parse_note(broken)


@pytest.mark.parametrize(
    "broken",
    ["", "name", "name+00000000", GO_KEY.replace("c74f", "c74e"), GO_KEY.replace("ARpc", "AhpC"), "a b+00+AA=="],
)
def test_malformed_keys_are_refused(broken: str) -> None:
    with pytest.raises(note.NoteError):
        note.parse_vkey(broken)


def test_a_signed_checkpoint_opens() -> None:
    assert note.open_checkpoint(note.parse_note(str(signed())), LOG) == CHECKPOINT


def test_a_checkpoint_of_another_key_or_log_does_not_open() -> None:
    with pytest.raises(note.NoteError):
        note.open_checkpoint(signed(seed=WITNESS_SEED), LOG)
    with pytest.raises(note.NoteError):
        note.open_checkpoint(signed(note.Checkpoint("larets.test/other", 7, b"\x07" * 32)), LOG)
    with pytest.raises(note.NoteError):
        note.open_checkpoint(signed(), WITNESS)


@pytest.mark.parametrize(
    "text",
    ["o\n7\n", "o\n07\nAAAA\n", "\n7\n" + "A" * 43 + "=\n", "o\n7\n" + "A" * 43 + "=\nextension\n", "o\n-1\nAAAA\n"],
)
def test_malformed_checkpoints_are_refused(text: str) -> None:
    with pytest.raises(note.NoteError):
        note.parse_checkpoint(text)


def test_a_cosignature_verifies_and_commits_to_text_and_time() -> None:
    base = signed()
    line = note.cosign(base.text, seed=WITNESS_SEED, name=WITNESS.name, timestamp=1_700_000_000)
    full = note.Note(base.text, (*base.signatures, line))
    assert note.verify_cosignature(note.parse_note(str(full)), WITNESS) == 1_700_000_000
    moved = note.Note(base.text.replace("\n7\n", "\n8\n"), full.signatures)
    with pytest.raises(note.NoteError):
        note.verify_cosignature(moved, WITNESS)
    later = note.Signature(line.name, line.key_id, (1_700_000_001).to_bytes(8, "big") + line.value[8:])
    with pytest.raises(note.NoteError):
        note.verify_cosignature(note.Note(base.text, (later,)), WITNESS)


def test_a_log_key_is_no_witness_key() -> None:
    """The same Ed25519 key under the other algorithm byte has another id: a signature cannot play both parts."""
    other = note.witness_key(LOG.name, LOG.public_key)
    assert other.key_id != LOG.key_id
    with pytest.raises(note.NoteError):
        note.verify_cosignature(signed(), other)


def test_two_signatures_of_one_key_are_refused() -> None:
    base = signed()
    with pytest.raises(note.NoteError):
        note.open_checkpoint(note.Note(base.text, base.signatures * 2), LOG)
