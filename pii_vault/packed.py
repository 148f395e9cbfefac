"""Stored values as the database packs them: one field for a whole batch instead of an object for each row and column.

A row of it:

    bytes 0–1     retention group          with the subject: whose key opens it
    bytes 2–17    subject
    bytes 18–19   class key                from the subject on: the place the value is sealed for (core/envelope.py)
    bytes 20–35   token
    bytes 36–39   length of what follows
    bytes 40–     the sealed value; nothing where it was erased

A person of it: 16 bytes of the subject, the state, eight bytes of consents.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

_ROW: Final = """int2send(retention) || uuid_send(subject) || int2send(class_key) || uuid_send(token)
    || int4send(octet_length(ciphertext)) || ciphertext"""
_CANDIDATE: Final = f"uuid_send(digest) || boolsend(deterministic) || {_ROW}"
_PACKED: Final = """SELECT packed, (
    SELECT string_agg(uuid_send(id) || charsend(state) || int8send(consents), '') FROM subject
    WHERE id = ANY((SELECT subjects FROM v)::uuid[])
) FROM v WHERE packed IS NOT NULL"""
FETCH_PACKED: Final = f"""
WITH v AS (
    SELECT array_agg(subject) AS subjects, string_agg({_ROW}, '') AS packed
    FROM pii_value WHERE token = ANY($1::uuid[]) AND tenant_key = $2
)
{_PACKED}"""  # noqa: S608  constants only
# Rows by their digests, the oldest first; before each stands its digest and whether its token is deterministic. One
# phone typed for everybody must not fetch the whole table. Where FEW_CANDIDATES of store.py are exceeded, so many rows
# of each digest are fetched, the oldest: the second statement costs ten times the first.
FETCH_FEW_CANDIDATES: Final = f"""
WITH v AS (
    SELECT array_agg(subject) AS subjects, string_agg({_CANDIDATE}, '') AS packed FROM (
        SELECT * FROM pii_value WHERE digest = ANY($1::uuid[]) AND tenant_key = $2
        ORDER BY created, token LIMIT 2001
    ) AS oldest
)
{_PACKED}"""  # noqa: S608  constants only
FETCH_CANDIDATES: Final = f"""
WITH v AS (
    SELECT array_agg(subject) AS subjects, string_agg({_CANDIDATE}, '') AS packed FROM (
        SELECT p.* FROM unnest($1::uuid[]) AS d(digest) CROSS JOIN LATERAL (
            SELECT * FROM pii_value AS p WHERE p.digest = d.digest AND p.tenant_key = $2
            ORDER BY p.created, p.token LIMIT 2000
        ) AS p ORDER BY p.created, p.token
    ) AS oldest
)
{_PACKED}"""  # noqa: S608  constants only
HEAD: Final = struct.Struct(">18sH16si")  # group and subject, class key, token, length of the sealed value
SEALED_HEAD: Final = struct.Struct(">18sH16si2s12s")  # as HEAD, then suite and format of the sealed value, its nonce
GROUP_BYTES: Final = 2
PLACE_ENDS: Final = HEAD.size - 4  # where the place a value is sealed for ends, from the beginning of its row
CANDIDATE: Final = struct.Struct(">16s?18sH16si")  # digest, deterministic, then as HEAD
PLACE_IN_CANDIDATE: Final = CANDIDATE.size - HEAD.size + GROUP_BYTES  # where the place begins that it is sealed for
_TOKEN = slice(20, 36)
_LENGTH = slice(36, 40)
_each_person = struct.Struct(">16s9s").iter_unpack
_NOBODY: Final = b"\0" * 9


class PackedRows:
    """Rows of values and the persons they belong to, both of one snapshot."""

    __slots__ = ("data", "persons")

    def __init__(self, data: bytes, persons: Mapping[bytes, bytes]) -> None:
        """`persons`: subject → state and consents, as they came."""
        self.data = data
        self.persons = persons

    def person(self, subject: bytes) -> tuple[bytes, int]:
        """State and consents (see consent/register.py) at the moment of the statement. No state: there is no such."""
        known = self.persons.get(subject, _NOBODY)
        return known[:1].rstrip(b"\0"), int.from_bytes(known[1:], "big", signed=True)

    def are_all(self, state: bytes) -> bool:
        """Whether every person is in this state."""
        return {known[:1] for known in self.persons.values()} <= {state}

    def __iter__(self) -> Iterator[tuple[bytes, bytes, int, int, bytes, bytes]]:
        """(token, subject, class_key, retention, state, ciphertext) of each row that has its person."""
        for row in _split(self.data):
            key, class_key, token, _ = HEAD.unpack_from(row)
            state, _ = self.person(key[GROUP_BYTES:])
            if state:
                yield token, key[GROUP_BYTES:], class_key, group_of(key), state, row[HEAD.size :]

    def by_token(self) -> dict[bytes, bytes]:
        """Each row by its token, still packed."""
        return {row[_TOKEN]: row for row in _split(self.data)}

    def joined(self, later: "PackedRows") -> "PackedRows":
        """Both; of a person what the later statement knew."""
        return PackedRows(self.data + later.data, {**self.persons, **later.persons})

    def of(self, packed: Iterable[bytes]) -> "PackedRows":
        """Some of these rows, with all persons."""
        return PackedRows(b"".join(packed), self.persons)


def read_packed(answer: list[Any]) -> PackedRows:
    """The answer of FETCH_PACKED."""
    if not answer:
        return PackedRows(b"", {})
    packed, persons = answer[0]
    return PackedRows(packed, dict(_each_person(persons or b"")))


def group_of(key: bytes) -> int:
    """The retention group of the bytes a row begins with."""
    return int.from_bytes(key[:GROUP_BYTES], "big")


def _split(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        end = at + HEAD.size + int.from_bytes(data[at + _LENGTH.start : at + _LENGTH.stop], "big")
        yield data[at:end]
        at = end
