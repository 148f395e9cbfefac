"""How the engine's end is told."""

from scripts.env.engine_command import failure
from scripts.env.errors import LOST, EngineFailed, OtherPassphrase


def test_a_wrong_passphrase_is_called_so() -> None:
    told = failure('error: constructing secrets manager of type "passphrase": incorrect passphrase', [])
    assert isinstance(told, OtherPassphrase)
    assert told.hint.endswith(LOST)


def test_anything_else_is_told_in_the_engines_words() -> None:
    assert str(failure("error: one\nerror: two", [])).endswith(": error: two")
    told = failure("error: one", ["the reason", "the reason"])
    assert isinstance(told, EngineFailed)
    assert str(told).endswith(": the reason")
