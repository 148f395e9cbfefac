"""Names of what the console shows, in Russian and English. An id without a name is shown as it is."""

from typing import Final

from pii_vault.web import Language

Words = dict[str, tuple[str, str]]

VERBS: Final[Words] = {
    "reveal": ("Показ значения", "Value shown"),
    "mask": ("Показ маски", "Mask shown"),
    "search": ("Поиск", "Search"),
    "tokenise": ("Запись данных", "Data stored"),
    "match": ("Узнавание покупателя", "Buyer matched"),
    "relay": ("Отправка", "Relay"),
    "export": ("Выгрузка", "Export"),
    "erase": ("Уничтожение", "Erasure"),
    "audit": ("Просмотр журнала", "Log read"),
    "signin": ("Вход", "Sign-in"),
    "signin_password": ("Вход: пароль", "Sign-in: password"),
    "second_factor": ("Вход: второй фактор", "Sign-in: second factor"),
    "recovery_code": ("Вход: запасной код", "Sign-in: recovery code"),
    "session_end": ("Конец сеанса", "Session ended"),
    "invitation": ("Приглашение", "Invitation"),
    "staff_invite": ("Сотрудник приглашён", "Staff invited"),
    "staff_role": ("Роль сотрудника", "Staff role"),
    "staff_disable": ("Сотрудник отключён", "Staff disabled"),
    "staff_enable": ("Сотрудник включён", "Staff enabled"),
    "second_factor_reset": ("Сброс второго фактора", "Second factor reset"),
    "tenant_create": ("Магазин создан", "Shop created"),
    "program_register": ("Программа допущена", "Program registered"),
    "program_revoke": ("Программа отозвана", "Program revoked"),
    "shop_connect": ("Магазин подключён", "Shop connected"),
    "tenant_suspend": ("Магазин приостановлен", "Shop suspended"),
    "tenant_resume": ("Магазин возобновлён", "Shop resumed"),
}
ACTIONS: Final[Words] = {
    "reveal": ("Видеть значение", "See the value"),
    "mask": ("Видеть маску", "See a mask"),
    "search": ("Искать", "Search"),
    "tokenise": ("Записывать", "Store"),
    "relay": ("Отправлять, не видя", "Send without seeing"),
    "export": ("Выгружать", "Export"),
    "erase": ("Уничтожать", "Erase"),
    "audit": ("Читать журнал", "Read the log"),
}
DECISIONS: Final[Words] = {
    "allow": ("Разрешено", "Allowed"),
    "mask": ("Маска", "Mask"),
    "deny": ("Отказано", "Denied"),
    "forbidden": ("Отказано", "Denied"),
    "budget_exceeded": ("Лимит исчерпан", "Over budget"),
    "log_closed": ("Отказано", "Denied"),
    "locked_out": ("Приостановлено", "Locked out"),
    "ended_by_person": ("Завершён самим", "Ended by the person"),
    "code_replayed": ("Повтор кода", "Code replayed"),
    "wrong_signature": ("Чужая подпись", "Wrong signature"),
    "broken_payload": ("Испорченная посылка", "Broken delivery"),
    "body_too_large": ("Слишком большая посылка", "Delivery too large"),
    "tenant_suspended": ("Магазин приостановлен", "Shop suspended"),
}
SHOWN: Final = ("Показано", "Shown")  # a reveal that was allowed
OUTCOMES: Final[Words] = {
    "value": ("значение", "value"),
    "mask": ("маска", "mask"),
    "found": ("найдено", "found"),
    "stored": ("записано", "stored"),
    "token": ("записано", "stored"),
    "denied": ("отказано", "denied"),
    "consent_missing": ("нет согласия", "no consent"),
    "blocked": ("заблокировано", "blocked"),
    "erased": ("удалено", "erased"),
    "unknown_token": ("нет такого токена", "unknown token"),
    "malformed_token": ("испорченный токен", "malformed token"),
    "unknown_class": ("неизвестный класс", "unknown class"),
    "invalid_value": ("не подходит классу", "invalid value"),
    "tampered_ciphertext": ("нарушена целостность", "integrity broken"),
    "existing": ("уже было", "already there"),
    "new": ("новое", "new"),
}
CELL: Final[Words] = {
    "allow": ("Значение", "Value"),
    "mask": ("Маска", "Mask"),
    "deny": ("Нет", "No"),
}
STAFF_STATES: Final[Words] = {
    "invited": ("приглашён", "invited"),
    "active": ("работает", "active"),
    "disabled": ("отключён", "disabled"),
}
SUBJECT_STATES: Final[Words] = {
    "a": ("данные хранятся", "data are kept"),
    "b": ("обработка заблокирована", "processing is blocked"),
    "e": ("данные уничтожены", "data were destroyed"),
}
COLOURS: Final = {"allow": "green", "value": "green", "found": "green", "mask": "yellow"}


def word(words: Words, id_: str, lang: Language) -> str:
    """The name of an id, or the id itself where nobody has named it."""
    ru, en = words.get(id_, (id_, id_))
    return en if lang == "en" else ru


def decision_word(verb: str, decision: str, lang: Language) -> str:
    """What was decided: a reveal that was allowed is called what it is."""
    words = DECISIONS | {"allow": SHOWN} if verb == "reveal" else DECISIONS
    return word(words, decision, lang)


def colour(outcome: str) -> str:
    """Tabler's colour of an outcome; a refusal of any kind is red."""
    return COLOURS.get(outcome, "red")
