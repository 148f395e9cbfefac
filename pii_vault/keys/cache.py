"""Unwrapped data-encryption keys, kept for a while as prepared ciphers."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from time import monotonic
from typing import Final

from pii_vault.core.primitives import AesGcmCipher, ValueCipher

DEK_SECONDS: Final = 600.0  # the longest time limit that a setting may give
REFUSED_SECONDS = 60.0  # longer than an unwrap under way may take


class DekCache:
    """Bounded LRU with a time limit, one entry per subject, holding the ciphers of its retention groups.

    The limit in time bounds how long a key outlives its destruction where `invalidate` did not reach. An
    entry's time runs from its first key: use never prolongs it. Belongs to one event loop.
    """

    __slots__ = ("_clock", "_entries", "_max_items", "_refused", "_ttl_seconds")

    def __init__(self, max_items: int, ttl_seconds: float, *, clock: Callable[[], float] = monotonic) -> None:
        self._max_items = max_items
        self._ttl_seconds = ttl_seconds
        self._clock = clock
        self._entries: OrderedDict[bytes, tuple[float, dict[int, ValueCipher]]] = OrderedDict()
        self._refused: dict[bytes, float] = {}  # subject → until when; oldest first

    def get(self, subject: bytes, group: int) -> ValueCipher | None:
        """The cipher of a subject and retention group, if it is held and not too old."""
        entry = self._entries.get(subject)
        if entry is None:
            return None
        expires, ciphers = entry
        if expires <= self._clock():
            del self._entries[subject]
            return None
        self._entries.move_to_end(subject)
        return ciphers.get(group)

    def held(self, subjects: Iterable[bytes]) -> dict[bytes, Mapping[int, ValueCipher]]:
        """`get` for many: subject → its ciphers by retention group, of those who are held and not too old."""
        entries, now = self._entries, self._clock()
        found: dict[bytes, Mapping[int, ValueCipher]] = {}
        for subject in subjects:
            entry = entries.get(subject)
            if entry is not None and entry[0] > now:
                entries.move_to_end(subject)
                found[subject] = entry[1]
        return found

    def put(self, subject: bytes, group: int, dek: bytes) -> ValueCipher:
        """Prepares and keeps the cipher of a DEK, and returns it. Not kept: one of a subject invalidated just now."""
        cipher = AesGcmCipher(dek)
        now = self._clock()
        if self._refused and self._refused.get(subject, now) > now:
            return cipher
        entry = self._entries.get(subject)
        if entry is None or entry[0] <= now:
            self._entries[subject] = (now + self._ttl_seconds, {group: cipher})
            if len(self._entries) > self._max_items:
                self._entries.popitem(last=False)
        else:
            entry[1][group] = cipher
        self._entries.move_to_end(subject)
        return cipher

    def put_new(self, group: int, keys: Iterable[tuple[bytes, bytes]]) -> list[ValueCipher]:
        """`put` for subjects who are new, and so neither held nor invalidated: (subject, DEK) of each."""
        expires, entries = self._clock() + self._ttl_seconds, self._entries
        ciphers: list[ValueCipher] = []
        for subject, dek in keys:
            cipher = AesGcmCipher(dek)
            entries[subject] = (expires, {group: cipher})
            ciphers.append(cipher)
        while len(entries) > self._max_items:
            entries.popitem(last=False)
        return ciphers

    def invalidate(self, subject: bytes) -> None:
        """Forgets all keys of a subject: after this no call returns them.

        A key that was being unwrapped meanwhile is not kept either when it comes: it serves its own request only.
        """
        self._entries.pop(subject, None)
        now = self._clock()
        for old in [each for each, until in self._refused.items() if until <= now]:
            del self._refused[old]
        self._refused[subject] = now + REFUSED_SECONDS

    def clear(self) -> None:
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)
