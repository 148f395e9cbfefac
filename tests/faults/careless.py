"""A vault, and its command, whose protections are taken out: they take no notice of a disk that is full, nor of how old
a token is. The twin of `test_disk` and `test_clock`.
"""

import sys
from typing import IO, Any

from pii_vault.files import local
from pii_vault.identity.signing import SigningKeys
from pii_vault.main import main
from pii_vault.rights import journal
from scripts.main import main as command

append, write, verify = local._append, journal._write, SigningKeys.verify


def append_what_there_is_room_for(file: IO[bytes], content: bytes) -> int:
    try:
        return append(file, content)
    except OSError:
        return len(content)


def write_if_there_is_room(descriptor: int, lines: bytes) -> None:
    try:
        write(descriptor, lines)
    except OSError:
        return


def verify_of_any_time(keys: SigningKeys, token: str, **more: Any) -> dict[str, Any]:
    return verify(keys, token, **more) | {"iat": 0, "exp": 1 << 40}


if __name__ == "__main__":
    local._append = append_what_there_is_room_for
    journal._write = write_if_there_is_room
    setattr(SigningKeys, "verify", verify_of_any_time)  # noqa: B010  a method of another type to the checker
    if not sys.argv[1:]:
        sys.exit(main())
    command()
