"""pip's settings reach the build as secrets, and only those that speak of the index."""

from pathlib import Path

import pytest

from scripts.images.index_settings import taken, write


def test_what_speaks_of_the_index_is_taken_and_the_rest_is_not() -> None:
    settings, authorities = taken(
        ":env:.find-links='/somewhere'\nglobal.cert='/etc/ca.pem'\nglobal.index-url='index'\nglobal.user='true'\n"
    )
    assert settings == "[global]\nindex-url = index\n"
    assert authorities == "/etc/ca.pem"


@pytest.mark.parametrize("order", [(":env:", "global"), ("global", ":env:")])
def test_a_variable_outdoes_a_file(order: tuple[str, str]) -> None:
    listed = "\n".join(f"{where}.index-url='{where}'" for where in order)
    assert taken(listed)[0] == "[global]\nindex-url = :env:\n"


def test_no_settings_are_no_settings() -> None:
    assert taken("") == ("[global]\n", "")


def test_the_files_are_their_owners_alone(tmp_path: Path) -> None:
    for path in write(tmp_path).values():
        assert path.stat().st_mode & 0o077 == 0
