"""The first page: what the log, its witness and the staff are like now."""

from dataclasses import dataclass
from datetime import timedelta

from pii_vault.access.conditions import MOSCOW
from pii_vault.access.principal import Principal
from pii_vault.audit import query
from pii_vault.classify.setting import switched_on
from pii_vault.console.repository import COUNTED, ConsoleRepository
from pii_vault.console.words import BLOCK_REASONS, PARTS, STAFF_STATES, VERBS, colour, decision_word, word
from pii_vault.core.blind_index import coincidences
from pii_vault.rights.block import overdue
from pii_vault.vault import Vault
from pii_vault.web import Language, translator


@dataclass(frozen=True, slots=True)
class WitnessView:
    title: str
    detail: str
    colour: str


@dataclass(frozen=True, slots=True)
class DayLine:
    verb: str
    decision: str
    colour: str
    count: int


@dataclass(frozen=True, slots=True)
class StaffLine:
    id: str
    alias: str
    role: str
    state: str


@dataclass(frozen=True, slots=True)
class BlockLine:
    subject: str
    reason: str
    until: str


@dataclass(frozen=True, slots=True)
class OverviewView:
    log_size: int
    witness: WitnessView
    subjects: str
    values: str
    matrix_version: str
    day: tuple[DayLine, ...]
    staff: tuple[StaffLine, ...]
    overdue: tuple[BlockLine, ...]  # blocks whose day has come
    classified: tuple[str, ...]  # classes of text whose classified form crosses
    parts: tuple[str, ...]  # what is found by a part of it, and how many strangers share a place


async def view_overview(vault: Vault, principal: Principal, *, lang: Language) -> OverviewView:
    repository = ConsoleRepository(vault)
    log = await repository.log_state()
    lag = await query.witness_lag(vault.pool)
    subjects, values = await repository.counts(principal.tenant)
    day = await query.counts(vault.pool, tenant=principal.tenant, since=vault.clock() - timedelta(days=1))
    cosigned_at = "" if log.cosigned_at is None else f"{log.cosigned_at.astimezone(MOSCOW):%d.%m.%Y %H:%M:%S}"
    return OverviewView(
        log_size=log.size,
        witness=_witness(lag, cosigned=log.cosigned, cosigned_at=cosigned_at, lang=lang),
        subjects=counted(subjects),
        values=counted(values),
        matrix_version=vault.matrix.version,
        day=tuple(
            DayLine(
                word(VERBS, line.verb, lang),
                decision_word(line.verb, line.decision, lang),
                colour(line.decision),
                line.records,
            )
            for line in sorted(day, key=lambda line: -line.records)
        ),
        staff=tuple(
            StaffLine(row.id, row.alias, _role(vault, row.role, lang), word(STAFF_STATES, row.state, lang))
            for row in await repository.staff(principal.tenant)
        ),
        overdue=tuple(
            BlockLine(
                block.subject, word(BLOCK_REASONS, block.reason, lang), f"{block.until.astimezone(MOSCOW):%d.%m.%Y}"
            )
            for block in await overdue(vault, principal.tenant)
        ),
        classified=tuple(
            f"{vault.classes.get(each.class_id).title[lang]}, {each.since.astimezone(MOSCOW):%d.%m.%Y}"
            for each in await switched_on(vault, principal.tenant)
        ),
        parts=tuple(_part(vault, lang, row) for row in await repository.parts(principal.tenant)),
    )


def _part(vault: Vault, lang: Language, row: tuple[int, str, int, int]) -> str:
    t = translator(lang)
    class_key, kind, bits, rows = row
    strangers = f"{coincidences(rows, bits):.1f}"
    title = f"{vault.classes.by_key(class_key).title[lang]}, {word(PARTS, kind, lang)}"
    return t(
        f"{title}: совпадений ожидается {strangers} (бит {bits}, строк {rows})",
        f"{title}: {strangers} coincidences expected ({bits} bits, {rows} rows)",
    )


def _witness(lag: query.WitnessLag, *, cosigned: int, cosigned_at: str, lang: Language) -> WitnessView:
    t = translator(lang)
    waiting = t(f"ждут заверения: {lag.records}", f"waiting for the witness: {lag.records}")
    if cosigned == 0:
        return WitnessView(t("Ещё не заверен", "Not cosigned yet"), waiting, "yellow")
    last = t(f"заверено записей: {cosigned}, {cosigned_at}", f"records cosigned: {cosigned}, {cosigned_at}")
    if lag.silent:
        return WitnessView(t("Свидетель молчит", "The witness is silent"), f"{last}; {waiting}", "red")
    return WitnessView(t("Заверяет", "Cosigning"), f"{last}; {waiting}" if lag.records else last, "green")


def counted(number: int) -> str:
    """A number that was counted up to COUNTED and no further."""
    return f"{number:,}".replace(",", "\u202f") + ("+" if number >= COUNTED else "")


def _role(vault: Vault, role: str, lang: Language) -> str:
    known = vault.matrix.roles.get(role)
    return known.title[lang] if known is not None else role
