"""Rows of new persons → tokens, column by column: as tokenise does it, without an object for each value.

This is what files are: each row that has a value opens a subject of its own, and its values get random tokens. One
transaction, one record and one decision for each class, as for any other batch.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from pii_vault.access.principal import Principal
from pii_vault.core.classes import FieldClass, normalise
from pii_vault.core.primitives import ValueCipher
from pii_vault.core.token_batches import batch_writer
from pii_vault.core.tokens import TOKEN_BYTES
from pii_vault.errors import Forbidden, InvalidValue
from pii_vault.operations.access import new_entry, refuse, tally
from pii_vault.operations.draft import ItemClass, item_classes
from pii_vault.operations.items import RETENTION_KEYS, TokeniseItem
from pii_vault.operations.layout import Cell, Layout
from pii_vault.operations.parts import Plan, part_rows
from pii_vault.operations.write import Act, Answer, NewValues, commit, planned, repeated
from pii_vault.vault import Vault

_FINGERPRINT: Final = "@idempotency"  # names the key of fingerprints, as in tokenise.py
_GROUP: Final = RETENTION_KEYS["other"]


@dataclass(slots=True)
class Newcomers:
    """What became of the rows: ids of their subjects, tokens by column, and the code of what is wrong with a cell."""

    subjects: list[str | None]
    tokens: list[list[str | None]]
    errors: dict[Cell, str]


class _Kept(msgspec.Struct, array_like=True):
    """An idempotent answer: bytes of the tokens in order of rows, of the rows' subjects, and what was wrong."""

    tokens: bytes
    subjects: bytes
    errors: dict[str, list[Cell]]  # by code


_kept = msgspec.msgpack.Decoder(_Kept)


async def tokenise_newcomers(
    vault: Vault,
    principal: Principal,
    class_ids: Sequence[str],
    columns: Sequence[Sequence[str]],
    *,
    request_id: str,
    idempotency_key: str | None = None,
) -> Newcomers:
    """`columns`: the values of each class, all of one length; an empty one is none, and a row of none is nobody.

    Raises what tokenise raises, but BudgetExceeded: nothing is looked for.
    """
    tenant_key = await vault.tenants.key(principal.tenant)
    if not vault.matrix.purposes_for(principal.roles, "tokenise"):
        await refuse(vault, principal, Forbidden(), verb="tokenise", purpose="", request_id=request_id)
    versions = await vault.tenants.index_versions(principal.tenant)
    parts = await vault.search_plans.get(tenant_key)
    asked = [TokeniseItem(class_id, "") for class_id in class_ids]
    known = await item_classes(vault, principal, asked, versions, parts, purposes=())
    classes = [known[class_id] for class_id in class_ids]
    request = _Request(vault, principal, tenant_key, classes, columns, request_id, versions.writes, parts)
    if idempotency_key is not None:
        indexer = await vault.index_keys.get(principal.tenant, _FINGERPRINT)
        request.key = idempotency_key
        request.fingerprint = indexer.digest(f"rows {msgspec.json.encode((class_ids, columns)).decode()}")
    return await planned(request.attempt)


@dataclass(slots=True)
class _Request:
    vault: Vault
    principal: Principal
    tenant_key: int
    classes: Sequence[ItemClass]
    columns: Sequence[Sequence[str]] = field(repr=False)
    request_id: str
    index_version: int
    parts: Plan
    key: str | None = None
    fingerprint: bytes = b""

    async def attempt(self) -> Newcomers:
        """Raises PlanOutdatedError when the new keys' version was given up meanwhile."""
        kept = await self._repeated()
        if kept is not None:
            errors = {(row, at): code for code, cells in kept.errors.items() for row, at in cells}
            return self._told(Layout(self.columns, errors), _ids(kept.tokens), _ids(kept.subjects), errors)
        errors, digests = self._read()
        layout = Layout(self.columns, errors)
        act = Act(self.principal.tenant, self.tenant_key, _GROUP, self.index_version)
        made = await act.new_subjects(self.vault, len(layout.rows), keep=False)
        subjects = [subject for subject, _ in made]
        tokens = self._seal(layout, act, made, digests) if made else []
        if self.key is not None:
            act.answer = self._answer(tokens, subjects, errors)
        await self._commit(layout.of_columns(self._class_ids), errors, act, subjects)
        return self._told(layout, tokens, subjects, errors)

    @property
    def _class_ids(self) -> list[str]:
        return [known.field_class.id for known in self.classes]

    def _read(self) -> tuple[dict[Cell, str], list[Sequence[bytes | None]]]:
        """What is wrong with the values, and digests by column where a class has an index."""
        errors: dict[Cell, str] = {}
        digests: list[Sequence[bytes | None]] = []
        for at, (known, values) in enumerate(zip(self.classes, self.columns, strict=True)):
            wrong: dict[int, str] = {}
            if known.allowed:
                digests.append(_digests(known, values, wrong))
            else:
                digests.append([None] * len(values))
                wrong = {row: "denied" for row, value in enumerate(values) if value}
            errors.update(((row, at), code) for row, code in wrong.items())
        return errors, digests

    def _seal(
        self,
        layout: Layout,
        act: Act,
        made: Sequence[tuple[bytes, ValueCipher]],
        digests: Sequence[Sequence[bytes | None]],
    ) -> list[bytes]:
        owners = layout.of_rows(made)
        known = layout.of_columns(self.classes)
        new = NewValues(
            subjects=[subject for subject, _ in owners],
            ciphers=[cipher for _, cipher in owners],
            class_keys=layout.of_columns([each.field_class.key for each in self.classes]),
            values=layout.flat(self.columns),
            digests=layout.flat(digests),
            deterministic=[False] * len(owners),
        )
        tokens = act.seal(new)
        if self.parts:
            places = [(each.field_class, each.indexer) for each in known]
            act.parts += part_rows(self.parts, zip(tokens, places, new.values, strict=True), act)
        return tokens

    async def _commit(self, stored: list[str], errors: dict[Cell, str], act: Act, subjects: list[bytes]) -> None:
        """`stored`: the class of each value that got a token."""
        counts = tally((code, self._class_ids[at]) for (_, at), code in errors.items())
        if stored:
            counts["token"] = dict(Counter(stored))
        entry = new_entry(
            self.vault,
            self.principal,
            verb="tokenise",
            purpose="",
            request_id=self.request_id,
            decision="allow" if stored else "deny",
            counts=counts,
            subjects=subjects,
        )
        await commit(self.vault, entry, act)

    def _told(
        self, layout: Layout, tokens: Sequence[bytes], subjects: Sequence[bytes], errors: dict[Cell, str]
    ) -> Newcomers:
        tenant = self.principal.tenant
        named = layout.spread(layout.rows, batch_writer("sub_", tenant=tenant)(subjects))
        found = []
        for class_id, (rows, column) in zip(self._class_ids, layout.columns(tokens), strict=True):
            found.append(layout.spread(rows, batch_writer(f"tok_{class_id}_", tenant=tenant)(column)))
        return Newcomers(named, found, errors)

    @property
    def _account(self) -> str:
        return f"{self.principal.kind}:{self.principal.id}"

    def _answer(self, tokens: Sequence[bytes], subjects: Sequence[bytes], errors: dict[Cell, str]) -> Answer:
        by_code: dict[str, list[Cell]] = {}
        for cell, code in errors.items():
            by_code.setdefault(code, []).append(cell)
        content = msgspec.msgpack.encode(_Kept(b"".join(tokens), b"".join(subjects), by_code))
        return Answer(self._account, self.key or "", self.fingerprint, content)

    async def _repeated(self) -> _Kept | None:
        """The answer this idempotency key has got already."""
        if self.key is None:
            return None
        answer = await repeated(self.vault, self.tenant_key, self._account, key=self.key, fingerprint=self.fingerprint)
        return None if answer is None else _kept.decode(answer)


def _ids(joined: bytes) -> list[bytes]:
    return [joined[at : at + TOKEN_BYTES] for at in range(0, len(joined), TOKEN_BYTES)]


def _digests(known: ItemClass, values: Sequence[str], wrong: dict[int, str]) -> Sequence[bytes | None]:
    """By row, None where there is no index or no value. Notes the rows whose value is none of this class."""
    field_class = known.field_class
    normals: list[str | None]
    try:
        normals = [normalise(field_class, value) if value else None for value in values]
    except InvalidValue:
        normals = [_normal(field_class, row, value, wrong) for row, value in enumerate(values)]
    if known.indexer is None or not field_class.indexed:
        return [None] * len(values)
    digest = known.indexer.digest
    return [None if normal is None else digest(normal) for normal in normals]


def _normal(field_class: FieldClass, row: int, value: str, wrong: dict[int, str]) -> str | None:
    try:
        return normalise(field_class, value) if value else None
    except InvalidValue:
        wrong[row] = "invalid_value"
        return None
