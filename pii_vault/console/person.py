"""Who looked at a person: from whatever the officer has in hand to the records that concern the subject."""

from collections.abc import Sequence
from dataclasses import dataclass

from pii_vault.access.principal import Principal
from pii_vault.audit import query
from pii_vault.audit.record import SubjectHasher
from pii_vault.console.journal import Journal, RecordView
from pii_vault.console.repository import ConsoleRepository
from pii_vault.console.words import SUBJECT_STATES, word
from pii_vault.core.tokens import new_subject_text, parse_subject, parse_token
from pii_vault.errors import BudgetExceeded, InvalidValue, MalformedToken, VaultError
from pii_vault.operations.search import search
from pii_vault.vault import Vault, new_request_id
from pii_vault.web import Language, translator

SEARCH_PURPOSE = "subject_request"


@dataclass(frozen=True, slots=True)
class PersonView:
    subject: str
    state: str
    total: int
    records: tuple[RecordView, ...]
    older_link: str | None


async def find_subjects(vault: Vault, principal: Principal, text: str) -> Sequence[str]:
    """Subject ids for a token, a subject id, a phone number or an email; empty when there is none.

    A phone or an email is searched for as everywhere else: by policy, within the budget, on the record.

    Raises:
        MalformedToken, InvalidValue, Forbidden, BudgetExceeded, AuditUnavailable.
    """
    repository, tenant = ConsoleRepository(vault), principal.tenant
    if not text:
        return []
    if text.startswith("tok_"):
        owner = await repository.subject_of_token(tenant, parse_token(text, tenant=tenant).bits)
        return [new_subject_text(owner, tenant=tenant)] if owner is not None else []
    if text.startswith("sub_"):
        known = await repository.subject_state(tenant, parse_subject(text, tenant=tenant))
        return [text] if known is not None else []
    found = await search(
        vault,
        principal,
        purpose=SEARCH_PURPOSE,
        class_id="email" if "@" in text else "phone",
        value=text,
        request_id=new_request_id(),
    )
    return [each.subject for each in found]


async def view_person(
    vault: Vault, principal: Principal, subject: bytes, *, before: int | None, lang: Language
) -> PersonView:
    """Of a subject of this tenant: see ConsoleRepository.known_subject."""
    repository, tenant = ConsoleRepository(vault), principal.tenant
    state = await repository.subject_state(tenant, subject)
    hasher = SubjectHasher(await vault.keys.audit_key())
    page = await query.who_looked(vault.pool, hasher, tenant=tenant, subject=subject, before=before)
    journal = Journal(vault, await repository.staff(tenant), lang=lang)
    text = new_subject_text(subject, tenant=tenant)
    return PersonView(
        subject=text,
        state=word(SUBJECT_STATES, state or "", lang),
        total=len(page.rows),
        records=tuple(journal.view(row) for row in page.rows),
        older_link=f"/person/{text}?before={page.next_before}" if page.next_before is not None else None,
    )


def explain(error: VaultError | None, *, lang: Language) -> str:
    """What to tell the officer; None stands for nobody found."""
    t = translator(lang)
    match error:
        case None:
            return t("Никого не нашлось.", "Nobody was found.")
        case MalformedToken():
            return t(
                "В токене или номере ошибка: скопируйте его целиком.",
                "The token or id is mistyped: copy the whole of it.",
            )
        case InvalidValue():
            return t("Введите телефон или адрес почты полностью.", "Enter a whole phone number or email address.")
        case BudgetExceeded():
            return t("Лимит поисков на этот час исчерпан.", "The search budget of this hour is used up.")
        case _:
            return t(
                "Политика не разрешает этот поиск сейчас. Ответственному нужен второй фактор не старше часа: "
                "выйдите и войдите снова.",
                "The policies do not allow this search now. The officer needs a second factor not older than an hour: "
                "sign out and sign in again.",
            )
