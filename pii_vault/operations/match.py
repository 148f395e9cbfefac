"""The person of an order: found by phone, else by email, else opened anew. For the gateway, in process."""

from dataclasses import dataclass, field

from pii_vault.access.principal import Principal
from pii_vault.core.classes import FieldClass, normalise
from pii_vault.core.tokens import new_subject_text, new_token_text
from pii_vault.errors import Forbidden, InvalidValue
from pii_vault.operations.access import count, may_tokenise, new_entry, refuse, rule
from pii_vault.operations.ciphers import load_ciphers
from pii_vault.operations.items import RETENTION_KEYS, MatchedPerson, RetentionGroup
from pii_vault.operations.known import Found, Known, find_equal, values_of_subject
from pii_vault.operations.write import Act, NewValue, commit, planned
from pii_vault.vault import Vault

MATCH_PURPOSE = "order_processing"
MATCHING = ("phone", "email")  # in this order
FALLBACK = "text"


async def match_or_create_person(
    vault: Vault,
    principal: Principal,
    *,
    phone: str | None,
    email: str | None,
    fields: dict[str, str],
    request_id: str,
    group: RetentionGroup = "other",
) -> MatchedPerson:
    """Finds or opens the subject in `principal.tenant` and tokenises all fields within it, in one transaction.

    `fields` maps other class ids (name, address) to values; the same value of the same subject gets the same
    token again. A phone and an email of two different subjects open a new subject with a duplicate hint. Values
    that do not fit their class match nobody and are kept together as one token of class `text`.

    Raises:
        Forbidden, UnknownClass, TenantRefused, Busy, AuditUnavailable, StoreUnavailable, KeyServiceUnavailable.
    """
    tenant_key = await vault.tenants.key(principal.tenant)
    person = _Person(vault, principal, tenant_key, RETENTION_KEYS[group], request_id)
    person.read({"phone": phone, "email": email, **fields})
    if not person.permitted():
        await refuse(vault, principal, Forbidden(), verb="tokenise", purpose=MATCH_PURPOSE, request_id=request_id)
    await person.prepare_index()
    return await planned(person.attempt)


@dataclass(frozen=True, slots=True)
class _Field:
    field_class: FieldClass
    value: str
    normal: str

    def __repr__(self) -> str:
        return f"_Field(class={self.field_class.id!r})"


@dataclass(slots=True)
class _Person:
    vault: Vault
    principal: Principal
    tenant_key: int
    group: int
    request_id: str
    fields: list[_Field] = field(default_factory=list)
    digests: dict[str, bytes] = field(default_factory=dict)  # class → digest, indexed classes only

    def read(self, given: dict[str, str | None]) -> None:
        """Values in normal form. What does not fit its class is free text: nothing that arrived is lost."""
        unfit: list[str] = []
        for class_id, value in given.items():
            if value is None or not value.strip():
                continue
            field_class = self.vault.classes.get(class_id)
            try:
                self.fields.append(_Field(field_class, value, normalise(field_class, value)))
            except InvalidValue:
                unfit.append(value)
        if unfit:
            text_class = self.vault.classes.get(FALLBACK)
            known = [each for each in self.fields if each.field_class is text_class]
            self.fields = [each for each in self.fields if each.field_class is not text_class]
            text = "\n".join([*(each.value for each in known), *unfit])[: text_class.max_length]
            self.fields.append(_Field(text_class, text, normalise(text_class, text)))

    def permitted(self) -> bool:
        """To take in every class there is, and to find by what it matches by."""
        ids = [each.field_class.id for each in self.fields]
        return all(may_tokenise(self.vault, self.principal, class_id) for class_id in ids) and all(
            rule(self.vault, self.principal, purpose=MATCH_PURPOSE, class_id=class_id, action="search").outcome
            == "allow"
            for class_id in ids
            if class_id in MATCHING
        )

    async def prepare_index(self) -> None:
        for each in self.fields:
            if each.field_class.indexed:
                indexer = await self.vault.index_keys.get(self.principal.tenant, each.field_class.id)
                self.digests[each.field_class.id] = indexer.digest(each.normal)

    async def attempt(self) -> MatchedPerson:
        """Raises PlanOutdatedError when somebody wrote the same person meanwhile."""
        tenant = self.principal.tenant
        act = Act(tenant, self.tenant_key, self.group)
        found = await self._find(act)
        holders = self._holders(found)
        subject, conflict = _choose(holders)
        tokens: dict[str, bytes] = {}
        if subject is not None:
            tokens = await self._stored(act, subject)
        fresh = [each for each in self.fields if each.field_class.id not in tokens]
        opened, texts = await self._write_fresh(act, subject, fresh)
        if conflict:
            act.hints += [
                (opened, other, self.vault.classes.get(class_id).key)
                for class_id, others in holders.items()
                for other in others
            ]
        await self._commit(act, opened, fresh, tokens)
        known = {class_id: new_token_text(class_id, tenant=tenant, bits=bits) for class_id, bits in tokens.items()}
        return MatchedPerson(
            subject=new_subject_text(opened, tenant=tenant),
            tokens=known | texts,
            created=subject is None,
            possible_duplicate=conflict,
        )

    async def _find(self, act: Act) -> Found:
        """Everybody with this phone or this email; from here on the act is guarded against another."""
        wanted = {
            (each.field_class.key, self.digests[each.field_class.id]): each.normal
            for each in self.fields
            if each.field_class.id in MATCHING
        }
        if not wanted:
            return Found()
        found = await find_equal(self.vault, self.principal.tenant, self.tenant_key, wanted)
        act.guard.digests = [digest for _, digest in wanted]
        act.guard.digest_tokens = found.seen
        for digest in act.guard.digests:
            act.guard.lock(digest)
        return found

    def _holders(self, found: Found) -> dict[str, list[bytes]]:
        """Matching class → active subjects with this value, oldest first."""
        holders: dict[str, list[bytes]] = {}
        for class_id in MATCHING:
            if class_id in self.digests:
                place = (self.vault.classes.get(class_id).key, self.digests[class_id])
                equal: list[Known] = found.values.get(place, [])
                subjects = list(dict.fromkeys(known.subject for known in equal if known.active))
                if subjects:
                    holders[class_id] = subjects
        return holders

    async def _stored(self, act: Act, subject: bytes) -> dict[str, bytes]:
        """Class → token of the values this subject has already in this retention group."""
        classes = [each.field_class for each in self.fields]
        values, seen = await values_of_subject(self.vault, self.principal.tenant, self.tenant_key, subject, classes)
        act.guard.lock(subject)
        act.guard.subject = subject
        act.guard.subject_classes = [field_class.key for field_class in classes]
        act.guard.subject_tokens = seen
        tokens = {}
        for each in self.fields:
            for known in values.get((each.field_class.key, each.normal), ()):
                if known.retention == self.group:
                    tokens[each.field_class.id] = known.token
                    break
        return tokens

    async def _write_fresh(self, act: Act, subject: bytes | None, fresh: list[_Field]) -> tuple[bytes, dict[str, str]]:
        """The subject, opened if there is none, and class → token text of the new values."""
        if subject is None:
            [(subject, cipher)] = await act.new_subjects(self.vault, 1)
        else:
            place = (subject, self.group)
            loaded = await load_ciphers(self.vault, self.principal.tenant, self.tenant_key, [place])
            kept = loaded.get(place)
            if kept is None:
                [(subject, kept)] = await act.new_keys(self.vault, [subject])
            cipher = kept
        values = [
            NewValue(subject, cipher, each.field_class, each.value, self.digests.get(each.field_class.id), True)
            for each in fresh
        ]
        texts = act.seal(values)
        return subject, {each.field_class.id: text for each, text in zip(fresh, texts, strict=True)}

    async def _commit(self, act: Act, subject: bytes, fresh: list[_Field], tokens: dict[str, bytes]) -> None:
        counts: dict[str, dict[str, int]] = {}
        for each in fresh:
            count(counts, "token", each.field_class.id)
        for class_id in tokens:
            count(counts, "known", class_id)
        entry = new_entry(
            self.vault,
            self.principal,
            verb="tokenise",
            purpose=MATCH_PURPOSE,
            request_id=self.request_id,
            decision="allow",
            counts=counts,
            subjects=[subject],
        )
        await commit(self.vault, entry, act)


def _choose(holders: dict[str, list[bytes]]) -> tuple[bytes | None, bool]:
    """The subject to take, and whether phone and email point to different people.

    Who has both is the one; else who has the only one that is known to anybody. Where phone and email belong to
    different subjects, nobody is taken: joining two people is a person's decision, never the machine's.
    """
    lists = list(holders.values())
    if not lists:
        return None, False
    if len(lists) == 1:
        return lists[0][0], False
    both = [subject for subject in lists[0] if subject in lists[1]]
    return (both[0], False) if both else (None, True)
