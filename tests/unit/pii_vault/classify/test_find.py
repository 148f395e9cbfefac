"""What the rules find in a text, what they leave, and that spans never meet."""

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pii_vault.classify.find import find
from pii_vault.classify.replace import replaced
from pii_vault.classify.spans import CLASSES


def found(text: str) -> list[tuple[str, str]]:
    return [(span.class_id, text[span.start : span.end]) for span in find(text)]


@pytest.mark.parametrize(
    ("lead", "value", "class_id"),
    [
        ("звоните ", "восемь девятьсот два ноль ноль один сорок пять ноль девять", "phone"),
        ("номер ", "8 9 0 2 0 0 1 4 5 0 9", "phone"),
        ("пишите ", "anna тире k собака яндекс точка ру", "email"),
        ("паспорт ", "сорок пять ноль девять номер сто двадцать три четыреста пятьдесят шесть", "passport"),
        ("родилась ", "двенадцатого марта тысяча девятьсот восьмидесятого года", "birth_date"),
        ("пропуск на ", "о 123 ко 777", "car_plate"),
        ("живу ", "улица Садовая дом семь квартира двенадцать", "address"),
        ("везите на ", "проспект Мира, сто один, квартира сорок пять", "address"),
        ("везите на ", "ул. К. Маркса, 33", "address"),
        ("пишите на ", "anna собака яндекс ру", "email"),
        ("маил ", "anna@mail,ru", "email"),
        ("", "Бухарестская 74-113", "address"),
        ("везите на ", "Магистральной, 11, стр. 2, пом. 5", "address"),
        ("точки: ", "Мира 14-7", "address"),
        ("dostavka na ", "ulitsa Sovetskaya dom 5 kv 10", "address"),
        ("moy telefon potom, zovut ", "Oleg", "name"),
        ("это ", "натлья", "name"),
        ("напишите: «С любовью от ", "Кости", "name"),
        ("звонить ", "(977) 472-46-26", "phone"),
        ("кв. 6, ", "(812) 240-78-77", "phone"),
        ("тел ", "+7 916/314-75-61", "phone"),
        ("машина номер ", "эс двести девяносто три эн а сто шестнадцать", "car_plate"),
        ("почта ", "лапша нижнее подчёркивание семьдесят четыре собака джимейл точка ком", "email"),
        ("email=", "office-dom@univer.edu.ru", "email"),
        ("почта/", "anna@mail.ru", "email"),
        ("https://shop.ru/feedback?from=card&email=", "anna@mail.ru", "email"),
        ("", "bounces+anna=mail.ru@lists.ru", "email"),
        ("user_id 6516564 login ", "rod_lapsha", "handle"),
        ("д/р ", "12.03.90", "birth_date"),
        ("Адрес прописки: ", "г Анапа, 11 мкр, 207-24", "address"),
        ("", "пгт Сосновка, кв-л 7, д. 7, кв. 14", "address"),
        ("", "дачный посёлок Сосновка, 8-я просека, уч. 219", "address"),
        ("", "Санкт-Петербург, Васильевский остров, 3-я линия, д. 30, кв. 6", "address"),
        ("везём в ", "Нижний Тагил, 8 Марта, 77к3-29", "address"),
        ("1) ", "Академика Королёва 81", "address"),
        ("заказ на фамилию ", "штольц", "name"),
        ("получатель ", "игорь андреевич п.", "name"),
        ("ФИО: ", "Гуляй Эдуард Олегович", "name"),
        ("Ребёнок: ", "Ляхович Эдуард", "name"),
        ("12/28;", "Kira Zabolotskaya", "name"),
        ("Рақмет, ", "Әсел", "name"),
        ("", "Подольск Ворошилова 38 114", "address"),
        ("везите ", "328113 Подольск Ворошилова 38 114", "address"),
        ("проживает: ", "саранск, нахимова, 81", "address"),
        ("живу ", "Вольская, д. 76", "address"),
        ("живу ", "большая ордынка, д. 130", "address"),
        ("адрес ", "Уфа, К. Либкнехта, дом 116, корп. 1, подъезд 5, этаж 7, кв. 115", "address"),
        ("едем: ", "Мусы Джалиля 97-135", "address"),
        ("", "профсоюзная 32-115", "address"),
        ("", "Тверская обл., Истринский р-н, СНТ Заря-2, уч. 71", "address"),
        ("пропуск на ", "о 448 мх 99", "car_plate"),
        ("заказ 4512, ", "восемь девять три семь пять восемь семь ноль шесть четыре девять", "phone"),
        ("запишите ", "+44 7700 962951", "phone"),
        ("серия и номер ", "4519721292", "passport"),
        ("жду ответа. ", "смирнова", "name"),
        ("передайте ", "роме", "name"),
        ("Кассир: ", "Нечай", "name"),
        ("получатель ", "Василий Игоревич Р.", "name"),
        ("Звонить: ", "2-34-56", "phone"),
        ("скидка 7%, ", "соловей м.в.", "name"),
        ("с ув., ", "к.а. штольц", "name"),
        ("4276;12/28;", "kira zabolotskaya", "name"),
        ("", "самара, наставников 34-118", "address"),
        ("прошу уволить меня. ", "Седов", "name"),
        ("я на даче, ", "СНТ Радуга, линия 5, дом 48", "address"),
        ("Оператор: дата рождения? Клиент: ", "05.10.1968", "birth_date"),
        ("спросить ", "надежду", "name"),
        ("клиент ", "яхно злата никитична", "name"),
        ("директору магазина от ", "Шубиной Стефании Вадимовны", "name"),
        ("р/с открыт, ИП ", "Гуляй Л.С.", "name"),
        ("Кладовщик ", "Рогожкин", "name"),
        ("Получатель: ", "John Whitaker", "name"),
        ("я на ", "луговой 80", "address"),
        ("ship to ", "Leninsky prospekt 40, apt 100, 412530", "address"),
        ("Менеджер: ", "Сомова", "name"),
        ("Мой тикток ", "tiktok.com/@lera.bakes", "handle"),
        ("", "дом 12 по улице Кирова, кв. 6", "address"),
        ("", "ул. Советская, частный дом 45", "address"),
        ("", "Набережные Челны, 43/12-15", "address"),
        ("", "Иваново, 10 Августа, 15, кв 4", "address"),
        ("Год рождения: ", "1984", "birth_date"),
        ("договорились с ", "галкой", "name"),
        ("меня зовут ", "мишка", "name"),
        ("Best wishes, ", "Oksana Melnik", "name"),
        ("Пани ", "Ковальская", "name"),
        ("Дача: ", "СНТ «Надежда-3», 4-я аллея, уч. 112", "address"),
        ("мы в деревне живём, ", "д. Голубково, 14", "address"),
        ("", "г.о. Подольск, п. Львовский, ул. Металлургов, д.1, кв.1", "address"),
        ("", "ЛНР, г. Алчевск, ул. Ленина, 31", "address"),
    ],
)
def test_what_is_said_aloud_is_found_whole(lead: str, value: str, class_id: str) -> None:
    assert found(lead + value) == [(class_id, value)]


@pytest.mark.parametrize(
    ("text", "class_id"),
    [
        ("заказ 9001122334 отменён", "phone"),
        ("артикул 4512 223344 снят", "passport"),
        ("с 120 на 150 рублей", "car_plate"),
        ("доставка 12.05.2024", "birth_date"),
        ("платье «Диана» и крем Виктория", "name"),
        ("доставка по Владимиру и Твери", "name"),
        ("мы на Невском, вход со двора", "address"),
        ("в мае и августе", "name"),
        ("карта лояльности 4111 1111 1111 1111", "card"),
        ("р/с 40702810500000012345", "card"),
        ("Размер 44-46, Иванова 12-15", "address"),
        ("Чёрная 42-44 есть?", "address"),
        ("больница имени Боткина", "name"),
        ("самокат Юлий, плед Амели", "name"),
        ("Ваня, наш кот, спит", "name"),
        ("My name is important", "name"),
        ("роза сорта Мария Терезия", "name"),
        ("сумма (450) 120-30 коробок", "phone"),
        ("ряд в двести три места а у нас сто", "car_plate"),
        ("смотрел login page", "handle"),
        ("11 мкр в том году сдали", "address"),
        ("1) Нагрудный 81", "address"),
        ("фамилию назовите", "name"),
        ("новая 42-44, чёрная 50-52", "address"),
        ("Москва, Тверь 20 коробок", "address"),
        ("Доставка, 5 дней", "address"),
        ("москва, самара, 20 коробок", "address"),
        ("проехал с 100 км 50 минут", "car_plate"),
        ("нет соколов, только орлы", "name"),
        ("на ильина поверните налево", "name"),
        ("поставьте галку в анкете", "name"),
        ("Оператор: Минуту", "name"),
        ("Мы на Кирова за рынком", "name"),
        ("счёт матча 2-34-56", "phone"),
        ("соловей т.к. весна, товар т.е. стол", "name"),
        ("marina bay view", "name"),
        ("сертификат росс ru.ая46", "name"),
        ("москва, размеры 42-44", "address"),
        ("Тюль Виктория, шторы Богема", "name"),
        ("Река Лена разлилась", "name"),
        ("Екатерина II на купюре", "name"),
        ("Dear Mr, your parcel", "name"),
        ("Дата рождения? не помню. Заказ от 05.10.1968", "birth_date"),
        ("Город: Салават, потом Киров", "name"),
        ("везём в п. Челюскин", "name"),
        ("ОАО «Кузнецова, Белоусов и Бобылева»", "name"),
        ("договор с Куликов и партнёры", "name"),
        ("Машина а584рк77 на погрузке", "name"),
        ("ВУ 99 07 488863", "passport"),
        ("я на складе 80 коробок", "address"),
        ("клубника Виктория и Елизавета, рулет Мария", "name"),
        ("Паспорт изделия № 4512 123456", "passport"),
        ("Год выпуска: 1984", "birth_date"),
        ("остаток, 43/12-15", "address"),
        ("дом 12 по низкой цене", "address"),
        ("как его зовут подскажите", "name"),
        ("Свет в витрине мигает", "name"),
        ("скидки в честь Татьянина дня", "name"),
        ("Пол: М. Ладу Ларгус не предлагать", "name"),
        ("@support подскажите", "handle"),
        ("Best wishes, Team", "name"),
        ("фамилия не совпадает", "name"),
        ('шоколад "Алёнка", вафли "Артек"', "name"),
        ("Академика Королёва перекрыта", "name"),
        ("сумка Nina Ricci, обои Andrea Rossi", "name"),
        ("Спросите Аллу: 12.03.1985 года выпуска", "birth_date"),
    ],
)
def test_what_only_looks_like_it_is_left(text: str, class_id: str) -> None:
    assert class_id not in {each for each, _ in found(text)}


def test_who_acts_is_a_person_and_what_happens_is_none() -> None:
    assert found("Митрофанова не отвечает на звонки") == [("name", "Митрофанова")]
    assert found("Заболоцкий уже дважды не забрал посылку") == [("name", "Заболоцкий")]
    assert found("Пришёл Гурген Погосян")[0] == ("name", "Гурген Погосян")
    assert found("Доставка не отвечает на звонки") == []
    assert found("Самовывоз уже дважды не сработал") == []


def test_a_passport_beside_that_of_a_thing_is_a_persons() -> None:
    text = "паспорт изделия 4510 123456, паспорт 4511 654321"
    assert found(text) == [("passport", "4511 654321")]


def test_a_day_makes_no_feast_of_who_is_met_on_it() -> None:
    for text, surname in (
        ("жду Иванова днём", "Иванова"),
        ("позвоните Сидорову днем", "Сидорову"),
        ("спросите Никитина днём", "Никитина"),
        ("звонил Дмитрий Ильин день назад", "Дмитрий Ильин"),
    ):
        assert found(text) == [("name", surname)], text
    for text in ("к Татьянину дню скидки", "открытки до Ольгина дня", "после Татьянина дня"):
        assert found(text) == [], text


@pytest.mark.parametrize("blank", ["  ", "\u00a0", "   ", "\u202f ", " "])
def test_blanks_of_any_width_and_number_change_nothing_but_places(blank: str) -> None:
    plain = "пропуск: Седова Анна Львовна, К 637 ЕО 799, ул. Ленина, д. 5, кв. 7, 8 916 441 77 23"
    wide = plain.replace(" ", blank)
    assert found(wide) == [(class_id, value.replace(" ", blank)) for class_id, value in found(plain)]
    assert found(f"доставка{blank}12.05.2024{blank}{blank}с 10 до 14") == []


def test_a_witness_is_not_heard_about_the_words_beside_a_number() -> None:
    text, seen = "Госномер Р900УО 29, Анзоровы", [(0, 15), (20, 28)]
    assert [text[span.start : span.end] for span in find(text, lambda _text: seen)] == ["Р900УО 29", "Анзоровы"]


def test_an_address_ends_before_a_word_that_only_begins_like_a_town() -> None:
    assert found("г. Тула, пр-т Мира, 40, грузоотправитель там же") == [("address", "г. Тула, пр-т Мира, 40")]
    assert found("пр-т Мира, 40, г. Тула") == [("address", "пр-т Мира, 40, г. Тула")]


def test_a_word_makes_the_difference() -> None:
    assert found("подписано 12.05.1987") == []
    assert found("родился 12.05.1987") == [("birth_date", "12.05.1987")]
    assert found("код 4512223344") == []
    assert found("паспорт 4512223344") == [("passport", "4512223344")]
    assert found("инн 500100732250") == [("inn", "500100732250")]  # a mistyped check digit is still somebody's number


@pytest.mark.parametrize(
    "line", ["{};{};ж", "{}\t{}\t4510 123456", "{} | {} | +7 916 441-77-23", "{}: {}, 8 916 441-77-23"]
)
def test_a_date_in_a_record_of_a_person_is_of_birth(line: str) -> None:
    assert ("birth_date", "12.03.1985") in found(line.format("Седова Анна Львовна", "12.03.1985"))
    assert "birth_date" not in {each for each, _ in found(line.format("Носки махровые", "12.03.1985"))}
    assert "birth_date" not in {each for each, _ in found(line.format("Седова Анна Львовна", "12.03.2026"))}


def test_a_name_in_quotes_of_a_program_is_a_person_and_in_those_of_a_shop_goods() -> None:
    assert found('"Эльвира Седова" <el@mail.ru>:')[0] == ("name", "Эльвира Седова")
    assert found('"Седова Жанна Никитична","оплачено"') == [("name", "Седова Жанна Никитична")]
    assert found("часы «Павел Буре», коньяк «Иван Седов»") == []


@given(st.text(max_size=200))
@settings(max_examples=60, deadline=None)
def test_no_text_breaks_it_and_spans_never_meet(text: str) -> None:
    at = 0
    for span in find(text):
        assert at <= span.start < span.end <= len(text)
        assert span.class_id in CLASSES
        at = span.end


PIECES = [  # of a number, a name, an address, a date
    "Иван ",
    "8 916 ",
    "ул. ",
    "д. 5, кв. 5, ",
    "+7 ",
    "@a",
    "собака ",
    "точка ",
    "5 мая ",
    "а",
    "И. ",
    "«",
    "серия 45 ",
    "-",
    "А-",
    "A-",
    "Ленина, ",
    "zovut ",
]


MORE_PIECES = (
    "семь ", "1", "1 ", "улица ", "а б в ", "дом 5 ", "г. Тула, ", "ivan точка ", "12.05.1987 ", "A", "\n", " \n",
    "\r\n",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
@settings(max_examples=80, deadline=None)
def test_no_heap_of_pieces_makes_spans_meet(text: str) -> None:
    spans = find(text)
    assert all(left.end <= right.start for left, right in pairwise(spans))


@pytest.mark.parametrize("piece", [*PIECES, *MORE_PIECES])
def test_time_grows_with_the_length_and_no_faster(piece: str) -> None:
    def seconds(size: int) -> float:
        text = (piece * size)[:size]
        started = time.perf_counter()
        find(text)
        return time.perf_counter() - started

    seconds(500)  # dictionaries are read once
    short, long = seconds(2_500), seconds(10_000)
    assert long < max(1.0, short * 16)


def test_tokens_stand_in_place() -> None:
    text = "Это Ольга, 8 916 441 77 23."
    assert replaced(text, find(text), lambda span: f"<{span.class_id}>") == "Это <name>, <phone>."
