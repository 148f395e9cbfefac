"""What one attempt to tokenise works out before anything is written: the classes it meets, and a row for each item."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pii_vault.access.principal import Principal
from pii_vault.core.blind_index import VersionedIndexer
from pii_vault.core.classes import FieldClass
from pii_vault.core.token_batches import batch_writer
from pii_vault.errors import InvalidRequest
from pii_vault.keys.versions import IndexVersions
from pii_vault.operations.access import Counts, may_search, may_tokenise, tally
from pii_vault.operations.items import TokeniseItem, TokeniseResult
from pii_vault.operations.known import Found
from pii_vault.operations.parts import Plan
from pii_vault.operations.write import Guard
from pii_vault.vault import Vault


@dataclass(frozen=True, slots=True)
class ItemClass:
    field_class: FieldClass
    allowed: bool
    indexer: VersionedIndexer | None
    digest: Callable[[str], bytes] | None  # of a normal form; None where the class has no index of whole values
    write: Callable[[Sequence[bytes]], list[str]]  # bytes of tokens to their texts
    searched: bool  # whether a value without a subject may be found with another person: that is a search


async def item_classes(
    vault: Vault,
    principal: Principal,
    items: Sequence[TokeniseItem],
    versions: IndexVersions,
    parts: Plan,
    *,
    purposes: Collection[str] | None,
) -> dict[str, ItemClass]:
    """The classes of this request, each decided about once."""
    found = {}
    for class_id in {item.class_id for item in items}:
        field_class = vault.classes.get(class_id)
        hashed = field_class.indexed or field_class.key in parts
        indexer = await vault.index_keys.get(principal.tenant, class_id, versions) if hashed else None
        found[class_id] = ItemClass(
            field_class,
            may_tokenise(vault, principal, class_id),
            indexer,
            indexer.digest if indexer is not None and field_class.indexed else None,
            batch_writer(f"tok_{class_id}_", tenant=principal.tenant),
            field_class.indexed and may_search(vault, principal, class_id, purposes=purposes),
        )
    for item in items:
        if item.kind == "deterministic" and not found[item.class_id].field_class.indexed:
            raise InvalidRequest(f"{item.class_id}: only an indexed class has deterministic tokens")
    return found


class Columns(NamedTuple):
    """Of items that get a token of their own."""

    classes: list[ItemClass]
    slots: list[bytes | int]
    values: list[str]
    digests: list[bytes | None]


def spelled(classes: Sequence[ItemClass], tokens: Sequence[bytes]) -> list[str]:
    """The texts of tokens of various classes, in order."""
    places: dict[str, list[int]] = {}
    writers = {known.field_class.id: known.write for known in classes}
    for at, known in enumerate(classes):
        places.setdefault(known.field_class.id, []).append(at)
    texts = [""] * len(tokens)
    for class_id, wanted in places.items():
        for at, text in zip(wanted, writers[class_id]([tokens[at] for at in wanted]), strict=True):
            texts[at] = text
    return texts


@dataclass(slots=True)
class Draft:
    """What one attempt works out. The lists below `results` are columns of the items that get a token.

    A slot is a known subject, or the number of one to be opened.
    """

    results: list[TokeniseResult]
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)  # but for the tokens
    subjects: set[bytes] = field(default_factory=set)
    indexes: list[int] = field(default_factory=list)
    classes: list[ItemClass] = field(default_factory=list)
    slots: list[bytes | int] = field(default_factory=list)
    values: list[str] = field(default_factory=list, repr=False)
    digests: list[bytes | None] = field(default_factory=list)
    wanted: dict[int, tuple[tuple[int, bytes], str]] = field(default_factory=dict, repr=False)
    anybodys: set[int] = field(default_factory=set)  # wanted without a subject: the value may be found with anybody
    also: dict[tuple[int, bytes], tuple[int, bytes]] = field(default_factory=dict, repr=False)  # see find_equal
    opened: int = 0

    def counts(self) -> Counts:
        """For the record."""
        counts = tally(self.outcomes)
        if self.classes:
            counts["token"] = dict(Counter([known.field_class.id for known in self.classes]))
        return counts

    def only(self, rows: Sequence[int]) -> "Columns":
        """The columns of some rows, or all."""
        if len(rows) == len(self.indexes):
            return Columns(self.classes, self.slots, self.values, self.digests)
        return Columns(
            [self.classes[row] for row in rows],
            [self.slots[row] for row in rows],
            [self.values[row] for row in rows],
            [self.digests[row] for row in rows],
        )

    def owners(self) -> dict[tuple[int, bytes], set[bytes]]:
        """The known subjects for whom each value is asked."""
        owners: dict[tuple[int, bytes], set[bytes]] = {}
        for row, (place, _) in self.wanted.items():
            slot = self.slots[row]
            if isinstance(slot, bytes):
                owners.setdefault(place, set()).add(slot)
        return owners

    def watch(self, guard: Guard, fresh: Iterable[int], found: Found) -> None:
        """What is written anew must still be new then; what was found already needs no lock."""
        places = {self.wanted[row][0] for row in fresh if row in self.wanted}
        digests = [digest for _, digest in places]
        digests += [digest for (_, digest), place in self.also.items() if place in places]
        if digests:
            guard.watch(found.seen(digests), digests)
