"""The rows of a reveal, opened as far as may be. One pass, as each row of a batch is paid for here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pii_vault.access.cells import Outcome
from pii_vault.core.classes import FieldClass, mask
from pii_vault.core.envelope import OVERHEAD_BYTES, place_opener, place_prefixes
from pii_vault.core.primitives import AuthenticationFailed, ValueCipher
from pii_vault.errors import TamperedCiphertext
from pii_vault.keys.cache import DekCache
from pii_vault.operations.access import Counts, tally
from pii_vault.operations.ciphers import ACTIVE, UNCONSENTED, Ciphers
from pii_vault.operations.items import RevealResult
from pii_vault.packed import GROUP_BYTES, HEAD, PLACE_ENDS, SEALED_HEAD, PackedRows, group_of

NO_CLASS = "unknown"  # stands for the class where a record counts what is no stored value
ERASED = RevealResult(error="erased")
TAMPERED = RevealResult(error="tampered_ciphertext")
NO_KEK = RevealResult(error="key_missing")


@dataclass(slots=True)
class Way:
    """What happens to values of one class whose subject is in one state. `answer` is for all at once, unopened."""

    class_id: str
    field_class: FieldClass | None
    outcome: Outcome
    answer: RevealResult | None = None
    met: int = 0  # rows that went this way
    opened: set[bytes] = field(default_factory=set)  # group and subject of those whose values were opened


class Consents(NamedTuple):
    """For a purpose that rests on consent: the consents of which one suffices, by class key, and for other classes."""

    by_class: Mapping[int, int]
    others: int


class Row(NamedTuple):
    """A row within `data`: where it begins and ends, its state, and whose key (group and subject) opens it."""

    key: bytes
    class_key: int
    token: bytes
    state: bytes
    data: bytes
    at: int
    end: int

    @property
    def place(self) -> tuple[bytes, int]:
        """Subject and retention group."""
        return self.key[GROUP_BYTES:], group_of(self.key)


class Opened:
    """What became of each token that was found."""

    def __init__(
        self,
        asked: Mapping[bytes, str],
        ways: Mapping[tuple[int, bytes], Way],
        tenant_key: int,
        consents: Consents | None = None,
    ) -> None:
        """`asked`: bytes of a token → the class its text names. `ways`: (class key, state) → way; it has them all."""
        self.results: dict[bytes, RevealResult] = {}
        self._asked = asked
        self._ways = ways
        self._consents = consents
        self._open_value = place_opener(tenant_key=tenant_key)
        self._prefixes = place_prefixes(tenant_key=tenant_key)
        self._unopened: set[bytes] = set()  # group and subject
        self._odd: list[tuple[str, str]] = []

    @property
    def exposed(self) -> set[bytes]:
        """Subjects whose full values are shown."""
        return _subjects(way.opened for way in self._ways.values() if way.outcome == "allow")

    @property
    def subjects(self) -> set[bytes]:
        """Subjects whose values were met, whatever became of them."""
        return _subjects([self._unopened, *(way.opened for way in self._ways.values())])

    def add(self, rows: PackedRows, deks: DekCache) -> list[Row]:
        """Opens rows; gives back those whose keys are not held."""
        asked, results, unpack = self._asked, self.results, SEALED_HEAD.unpack_from
        held = deks.held(rows.persons)
        ciphers = self._of_active(rows, held)
        shown: dict[int, Way] = {}  # by class key, of active persons: nothing but the full value
        cold: list[Row] = []
        length, end = len(rows.data), 0
        data = rows.data + bytes(SEALED_HEAD.size)  # an erased row at the end has a head, and nothing after it
        while end < length:
            at = end
            key, class_key, token, size, header, nonce = unpack(data, at)
            end = at + HEAD.size + size
            way, cipher = shown.get(class_key), ciphers.get(key)
            if way and cipher and size >= OVERHEAD_BYTES and asked[token] == way.class_id:
                same, prefix = self._prefixes[cipher.suite]
                if header == same:  # the most common way, and so without a call: `_open` does the same
                    try:
                        place = prefix + data[at + GROUP_BYTES : at + PLACE_ENDS]
                        value = cipher.decrypt(nonce, data[at + SEALED_HEAD.size : end], place).decode()
                    except (AuthenticationFailed, ValueError):
                        self._refuse(way, key, token, TAMPERED)
                        continue
                    way.met += 1
                    way.opened.add(key)
                    results[token] = RevealResult(value)
                    continue
            state = self._state(rows, key, class_key)
            way = self._way(state, class_key, key, token, empty=not size)
            if way is None:
                continue
            cipher = held.get(key[GROUP_BYTES:], {}).get(group_of(key))
            if cipher is None:
                cold.append(Row(key, class_key, token, state, data, at, end))
                continue
            if key in ciphers and way.outcome == "allow":
                shown[class_key] = way
            self._open(way, cipher, key, token, data, at, end)
        return cold

    def add_cold(self, rows: Iterable[Row], ciphers: Ciphers) -> None:
        """Rows whose keys had to be fetched. Without one: shredded, under a KEK that is missing, or of elsewhere."""
        for row in rows:
            way, cipher = self._ways[row.class_key, row.state], ciphers.get(row.place)
            if cipher is not None:
                self._open(way, cipher, row.key, row.token, row.data, row.at, row.end)
                continue
            result = NO_KEK if row.place in ciphers.without_kek else TAMPERED if row.place in ciphers else ERASED
            self._refuse(way, row.key, row.token, result)

    def counts(self, *, malformed: int) -> Counts:
        """How many of each outcome and class, for the record. A token asked for twice is one."""
        counts = tally(self._odd)
        for way in self._ways.values():
            if way.met:
                outcome = way.answer.error if way.answer else "value" if way.outcome == "allow" else "mask"
                by_class = counts.setdefault(outcome or "denied", {})
                by_class[way.class_id] = by_class.get(way.class_id, 0) + way.met
        unknown = len(self._asked) - len(self.results)
        for outcome, number in (("malformed_token", malformed), ("unknown_token", unknown)):
            if number:
                counts[outcome] = {NO_CLASS: number}
        return counts

    def _of_active(self, rows: PackedRows, held: Mapping[bytes, Mapping[int, ValueCipher]]) -> dict[bytes, ValueCipher]:
        """By group and subject, as rows have them: persons of whom nothing more has to be asked row by row."""
        if self._consents is not None:
            return {}
        if not rows.are_all(ACTIVE):
            held = {subject: ciphers for subject, ciphers in held.items() if rows.person(subject)[0] == ACTIVE}
        return {
            group.to_bytes(GROUP_BYTES, "big") + subject: cipher
            for subject, ciphers in held.items()
            for group, cipher in ciphers.items()
        }

    def _state(self, rows: PackedRows, key: bytes, class_key: int) -> bytes:
        state, consents = rows.person(key[GROUP_BYTES:])
        if self._consents is not None and state == ACTIVE:
            needed = self._consents.by_class.get(class_key, self._consents.others)
            return ACTIVE if consents & needed else UNCONSENTED
        return state

    def _way(self, state: bytes, class_key: int, key: bytes, token: bytes, *, empty: bool) -> Way | None:
        """How a row is opened; None where it is answered already, or is none that anybody could have asked for."""
        way = self._ways[class_key, state]
        if not state or self._asked[token] != way.class_id:
            return None  # without a person; or the text names another class: nobody issued such a token
        if way.answer is None:
            return way
        if empty:  # this group is gone, whatever may be said of the person
            self._refuse(way, key, token, ERASED)
            return None
        self._unopened.add(key)
        self.results[token] = way.answer
        way.met += 1
        return None

    def _open(  # noqa: PLR0917  called for every row
        self, way: Way, cipher: ValueCipher, key: bytes, token: bytes, data: bytes, at: int, end: int
    ) -> None:
        try:
            value = self._open_value(cipher, data, at + GROUP_BYTES, at + HEAD.size, end).decode()
        except (TamperedCiphertext, UnicodeDecodeError):
            self._refuse(way, key, token, TAMPERED if end > at + HEAD.size else ERASED)
            return
        way.met += 1
        way.opened.add(key)
        self.results[token] = RevealResult(value) if way.outcome == "allow" else RevealResult(None, _mask(way, value))

    def _refuse(self, way: Way, key: bytes, token: bytes, result: RevealResult) -> None:
        self._unopened.add(key)
        self.results[token] = result
        self._odd.append((result.error or "", way.class_id))


def _subjects(keys: Iterable[set[bytes]]) -> set[bytes]:
    return {key[GROUP_BYTES:] for key in set[bytes]().union(*keys)}


def _mask(way: Way, value: str) -> str:
    return mask(way.field_class, value) if way.field_class is not None else ""
