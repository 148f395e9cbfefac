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
    "relay_status": ("Состояние отправления", "Dispatch looked up"),
    "relay_templates": ("Список шаблонов", "Templates listed"),
    "relay_propose": ("Шаблон предложен", "Template proposed"),
    "relay_approve": ("Шаблон утверждён", "Template approved"),
    "relay_reject": ("Шаблон отклонён", "Template rejected"),
    "relay_retire": ("Шаблон отозван", "Template withdrawn"),
    "relay_retry": ("Отправка повторена", "Dispatches sent again"),
    "export": ("Выгрузка", "Export"),
    "erase": ("Уничтожение", "Erasure"),
    "erase_request": ("Уничтожение назначено", "Erasure ordered"),
    "erase_block": ("Блокировка перед уничтожением", "Blocked before erasure"),
    "erase_live": ("Уничтожено в действующей системе", "Erased in the running system"),
    "erase_public": ("Публичный контур удалил токены", "Public contour dropped its tokens"),
    "erase_final": ("Уничтожено во всех копиях", "Erased in all copies"),
    "erase_replay": ("Уничтожение повторено по журналу", "Erasure replayed from the journal"),
    "find": ("Поиск субъекта", "Subject looked up"),
    "correct": ("Исправление", "Correction"),
    "block": ("Блокировка", "Block"),
    "unblock": ("Снятие блокировки", "Block lifted"),
    "consent_text": ("Текст согласия", "Consent text"),
    "consent_give": ("Согласие", "Consent"),
    "consent_ask": ("Запрос согласия", "Consent asked for"),
    "consent_confirm": ("Подтверждение согласия", "Consent confirmed"),
    "consent_status": ("Проверка согласия", "Consent looked up"),
    "consent_withdraw": ("Отзыв согласия", "Consent withdrawn"),
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
    "new_origin": ("Журнал продолжен после восстановления", "Log goes on after a restore"),
    "admission": ("Допуск к API", "Admission to the API"),
    "alarm_acknowledge": ("Тревога разобрана", "Alarm acknowledged"),
    "break_glass_request": ("Чрезвычайный доступ: запрос", "Break-glass: request"),
    "break_glass_approve": ("Чрезвычайный доступ: открыт", "Break-glass: opened"),
    "break_glass_refuse": ("Чрезвычайный доступ: отказ", "Break-glass: refused"),
    "break_glass_end": ("Чрезвычайный доступ: закрыт раньше", "Break-glass: closed early"),
    "break_glass_result": ("Чрезвычайный доступ: итог", "Break-glass: result"),
    "classified_text_on": ("Размеченные тексты: остаточный риск принят", "Classified texts: residual risk taken"),
    "classified_text_off": ("Размеченные тексты выключены", "Classified texts switched off"),
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
    "break_glass_refused": ("Отказано", "Denied"),
    "not_yours": ("Отказано", "Denied"),
    "no_such_request": ("Нечего решать", "Nothing to decide"),
    "stale_second_factor": ("Старый второй фактор", "Stale second factor"),
    "tenant_refused": ("Чужой магазин", "Foreign shop"),
    "unauthenticated": ("Неизвестный сертификат", "Unknown certificate"),
    "tenant_suspended": ("Магазин приостановлен", "Shop suspended"),
    "intent": ("Принято к отправке", "Taken in"),
    "sent": ("Отправлено", "Sent"),
    "refused": ("Не отправлено", "Not sent"),
    "dead": ("Не доставлено", "Given up"),
    "unknown": ("Исход неизвестен", "Outcome unknown"),
    "consent_missing": ("Нет согласия", "No consent"),
    "outside_hours": ("Не в эти часы", "Outside the hours"),
    "unknown_template": ("Нет такого шаблона", "Unknown template"),
    "untyped_template": ("Шаблон без видов параметров", "Template without kinds"),
    "unknown_dispatch": ("Нет такого отправления", "Unknown dispatch"),
    "relay_budget_exceeded": ("Лимит исчерпан", "Over budget"),
    "asked_often": ("Спрашивали слишком часто", "Asked too often"),
    "not_a_decider": ("Отказано", "Denied"),
    "nothing_to_decide": ("Нечего решать", "Nothing to decide"),
    "wrong_code": ("Неверный код", "Wrong code"),
}
SHOWN: Final = ("Показано", "Shown")  # a reveal that was allowed
OUTCOMES: Final[Words] = {
    "value": ("значение", "value"),
    "mask": ("маска", "mask"),
    "found": ("найдено", "found"),
    "stored": ("записано", "stored"),
    "token": ("записано", "stored"),
    "shaped": ("выдан похожий на значение токен", "shaped token issued"),
    "shape_withdrawn": ("похожий токен отозван", "shaped token taken back"),
    "switched": ("переключено", "switched"),
    "denied": ("отказано", "denied"),
    "consent_missing": ("нет согласия", "no consent"),
    "blocked": ("заблокировано", "blocked"),
    "erased": ("удалено", "erased"),
    "unknown_token": ("нет такого токена", "unknown token"),
    "malformed_token": ("испорченный токен", "malformed token"),
    "unknown_class": ("неизвестный класс", "unknown class"),
    "invalid_value": ("не подходит классу", "invalid value"),
    "tampered_ciphertext": ("нарушена целостность", "integrity broken"),
    "requested": ("запрошено", "requested"),
    "granted": ("открыто", "opened"),
    "alarm": ("тревога", "alarm"),
    "kept": ("сохранено", "kept"),
    "witnessed": ("было заверено", "had been witnessed"),
    "lost": ("утрачено", "lost"),
    "existing": ("уже было", "already there"),
    "new": ("новое", "new"),
    "relay": ("отправляется, не показано", "sent without being shown"),
    "sent": ("отправлено", "sent"),
    "refused": ("не отправлено", "not sent"),
    "dead": ("не доставлено", "given up"),
    "unknown": ("исход неизвестен", "outcome unknown"),
}
CHANNELS: Final[Words] = {
    "email": ("письмо", "mail"),
    "sms": ("СМС", "SMS"),
    "api": ("запрос", "request"),
}
TEMPLATE_STATES: Final[Words] = {
    "proposed": ("ждёт решения", "waits for a decision"),
    "approved": ("утверждён", "approved"),
    "rejected": ("отклонён", "rejected"),
    "retired": ("отозван", "withdrawn"),
    "broken": ("отпечаток не сходится", "digest does not match"),
    "untyped": ("нужна новая версия", "needs a new version"),
}
PARAMETER_KINDS: Final[Words] = {
    "order_number": ("номер заказа", "order number"),
    "tracking_code": ("код отправления", "tracking code"),
    "date": ("дата", "date"),
    "time": ("время", "time"),
    "money": ("сумма", "amount of money"),
    "number": ("число", "number"),
    "choice": ("выбор из списка", "choice of a list"),
    "link": ("ссылка", "link"),
}
DISPATCH_STATES: Final[Words] = {
    "queued": ("в очереди", "queued"),
    "sending": ("отправляется", "sending"),
    "sent": ("отправлено", "sent"),
    "delivered": ("доставлено", "delivered"),
    "refused": ("отказано", "refused"),
    "bounced": ("вернулось", "bounced"),
    "dead": ("не удалось", "given up"),
    "unknown": ("исход неизвестен", "outcome unknown"),
}
FAILURES: Final[Words] = {
    "consent_missing": ("нет согласия, или обработка остановлена", "no consent, or processing has stopped"),
    "consent_not_asked": ("согласие уже не запрашивается", "the consent is asked for no more"),
    "forbidden": ("правила не разрешают", "the policies do not allow it"),
    "outside_hours": ("ждёт разрешённых часов", "waits for its hours"),
    "unknown_template": ("шаблон отозван", "the template was withdrawn"),
    "untyped_template": ("шаблон утверждён без видов параметров", "the template was approved without kinds"),
    "bad_parameters": ("параметры не того вида", "the parameters are of another kind"),
    "tenant_refused": ("магазин приостановлен", "the shop is suspended"),
    "unfit_value": ("значение не подходит к адресу запроса", "a value does not fit the request's path"),
    "unknown_destination": ("узла больше нет", "the destination is gone"),
    "forbidden_address": ("узел ведёт на закрытый адрес", "the destination leads to a closed address"),
    "no_address": ("у узла нет адреса", "the destination has no address"),
    "no_answer": ("узел не отвечает", "the destination does not answer"),
    "no_email": ("у человека нет почты", "the person has no email"),
    "no_phone": ("у человека нет телефона", "the person has no phone"),
    "no_name": ("у человека нет имени", "the person has no name"),
    "recipient_refused": ("адрес получателя не принят", "the recipient's address was refused"),
    "answer_too_large": ("ответ узла слишком велик", "the destination's answer is too large"),
    "outcome_unknown": ("узел не ответил, принял ли", "the destination did not say whether it took it"),
    "cannot_be_sent": ("ошибка хранилища", "an error of the vault"),
    "smtp_": ("почтовый сервер ответил", "the mail server answered"),
    "http_": ("узел ответил", "the destination answered"),
}
PARTS: Final[Words] = {
    "last4": ("последние 4 цифры", "last four digits"),
    "domain": ("домен", "domain"),
    "prefix": ("начало имени", "beginning of a name"),
}
ALARMS: Final[Words] = {
    "volume_person": ("Необычно много людей", "Unusually many persons"),
    "volume_role": ("Необычно много людей у роли", "Unusually many persons of a role"),
    "off_hours": ("Много людей в нерабочее время", "Many persons out of hours"),
    "search_sweep": ("Перебор поиском", "Search sweep"),
    "refusals": ("Много отказов", "Many refusals"),
    "over_budget": ("Лимит исчерпан", "Budget used up"),
    "witness_silent": ("Свидетель молчит", "The witness is silent"),
}
FIGURES: Final[Words] = {
    "persons": ("показано людей", "persons shown"),
    "usual": ("обычно", "usual"),
    "limit": ("порог", "threshold"),
    "searches": ("поисков", "searches"),
    "misses": ("поисков без находки", "searches that found nobody"),
    "refused": ("отказов", "refusals"),
    "records": ("записей ждут", "records wait"),
    "seconds": ("секунд", "seconds"),
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
BLOCK_REASONS: Final[Words] = {
    "accuracy_check": ("проверка точности", "check of accuracy"),
    "unlawfulness_check": ("проверка правомерности", "check of lawfulness"),
    "subject_demand": ("требование субъекта", "demand of the person"),
    "regulator_demand": ("требование Роскомнадзора", "demand of the regulator"),
}
SUBJECT_STATES: Final[Words] = {
    "a": ("данные хранятся", "data are kept"),
    "b": ("обработка заблокирована", "processing is blocked"),
    "e": ("данные уничтожены", "data were destroyed"),
}
COLOURS: Final = {
    "allow": "green",
    "value": "green",
    "found": "green",
    "sent": "green",
    "intent": "green",
    "mask": "yellow",
    "unknown": "yellow",
}


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
