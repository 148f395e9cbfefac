"""What one attempt to tokenise works out before anything is written: the classes it meets, and a row for each item."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from pii_vault.access.principal import Principal
from pii_vault.core.blind_index import VersionedIndexer
from pii_vault.core.classes import FieldClass
from pii_vault.core.tokens import token_writer
from pii_vault.errors import InvalidRequest
from pii_vault.keys.versions import IndexVersions
from pii_vault.operations.access import may_search, may_tokenise
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
    write: Callable[[bytes], str]  # bytes of a token to its text
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
            token_writer(class_id, tenant=principal.tenant),
            field_class.indexed and may_search(vault, principal, class_id, purposes=purposes),
        )
    for item in items:
        if item.kind == "deterministic" and not found[item.class_id].field_class.indexed:
            raise InvalidRequest(f"{item.class_id}: only an indexed class has deterministic tokens")
    return found


@dataclass(slots=True)
class Draft:
    """What one attempt works out. The lists below `results` are columns of the items that get a token.

    A slot is a known subject, or the number of one to be opened.
    """

    results: list[TokeniseResult]
    outcomes: list[tuple[str, str]] = field(default_factory=list)
    subjects: set[bytes] = field(default_factory=set)
    indexes: list[int] = field(default_factory=list)
    classes: list[ItemClass] = field(default_factory=list)
    slots: list[bytes | int] = field(default_factory=list)
    digests: list[bytes | None] = field(default_factory=list)
    wanted: dict[int, tuple[tuple[int, bytes], str]] = field(default_factory=dict, repr=False)
    also: dict[tuple[int, bytes], tuple[int, bytes]] = field(default_factory=dict, repr=False)  # see find_equal
    opened: int = 0

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
