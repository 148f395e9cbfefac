"""Key versions as integers that only ever rise.

A key service holds the versions `oldest … current` of a tenant's KEK and of its index key; those below `minimum` are
held but open nothing any more, and a trim destroys them. What rows may name stands in the tenant's row:

- `kek_minimum`: no DEK is wrapped under less;
- `IndexVersions`: digests are written under `writes` and looked for under all of `searched`. A rotation first raises
  `newest`, waits until every worker has read it, and raises `writes` only then: so no worker writes a digest that
  another one does not search. Rows are then re-indexed, `oldest` is raised, and the key service destroys the rest.
"""

from typing import Final, Literal, NamedTuple

Kind = Literal["kek", "index"]
KINDS: Final[tuple[Kind, ...]] = ("kek", "index")
FIRST: Final = 1


class Versions(NamedTuple):
    """Of one tenant's keys of one kind, as the key service has them."""

    oldest: int = FIRST
    minimum: int = FIRST
    current: int = FIRST

    def opens(self, version: int) -> bool:
        return self.minimum <= version <= self.current


class IndexVersions(NamedTuple):
    """Of one tenant's digests, as its row says."""

    oldest: int = FIRST
    writes: int = FIRST
    newest: int = FIRST

    @property
    def searched(self) -> range:
        """Every version under which a stored value may be found."""
        return range(self.oldest, self.newest + 1)
