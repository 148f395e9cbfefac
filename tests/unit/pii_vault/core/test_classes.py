"""Field classes: the register, the normal forms and the masks."""

from collections.abc import Callable
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pii_vault.core import normalisers
from pii_vault.core.classes import ClassRegistry, FieldClass, load_classes, mask, normalise, require_value
from pii_vault.core.masks import HIDDEN
from pii_vault.errors import InvalidValue, PolicyError, UnknownClass
from tests.support.persons import person

CLASSES = load_classes(Path("policies/classes.yaml"))


def normal(class_id: str, value: str) -> str:
    return normalise(CLASSES.get(class_id), value)


def masked(class_id: str, value: str) -> str:
    return mask(CLASSES.get(class_id), value)


@pytest.mark.parametrize(
    ("class_id", "value", "expected"),
    [
        ("phone", "+7 (999) 123-45-67", "+79991234567"),
        ("phone", "8 999 123 45 67", "+79991234567"),
        ("phone", "9991234567", "+79991234567"),
        ("phone", "8\u00a0(495)\u2011123\u201145\u201167", "+74951234567"),
        ("phone", "+375 29 123-45-67", "+375291234567"),
        ("phone", "+7 999 123-45-67 доб. 12", "+79991234567"),
        ("email", " Ivan.Petrov@Example.RU ", "ivan.petrov@example.ru"),
        ("email", "Почта@Пример.РФ", "почта@xn--e1afmkfd.xn--p1ai"),
        ("email", "a+b@XN--e1afmkfd.xn--p1ai", "a+b@xn--e1afmkfd.xn--p1ai"),
        ("name", "  Журавлёва   АННА\tПетровна ", "журавлева анна петровна"),
        ("name", "Орлова-Галкина, Вера.", "орлова-галкина вера"),
        ("name", "<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("address", "г. Тверь, ул. Вишнёвая, д. 5/2", "г тверь ул вишневая д 5 2"),
        ("birth_date", "05.11.1990", "1990-11-05"),
        ("birth_date", "1990-11-05", "1990-11-05"),
        ("passport", "45 10 № 123456", "4510123456"),
        ("address", "город Тверь, улица Вишнёвая дом5/2 квартира 7, 170100", "170100 г тверь ул вишневая д 5 2 кв 7"),
        ("address", "170100, г.Тверь, пр-т Победы, д.5, корп. 2", "170100 г тверь пр кт победы д 5 корп 2"),
        ("birth_date", "5 ноября 1990 г.", "1990-11-05"),
        ("birth_date", "5/11/1990", "1990-11-05"),
        ("birth_date", "05-11-1990", "1990-11-05"),
        ("birth_date", "1 мая 1990 года", "1990-05-01"),
        ("birth_date", "9 МАРТА 1990", "1990-03-09"),
        ("birth_date", "5 Nov 1990", "1990-11-05"),
        ("passport", "серия 45 10 номер 123456", "4510123456"),
        ("passport", "Паспорт РФ 4510 №123456", "4510123456"),
        ("passport", "N 1234567", "N1234567"),
        ("inn", "5001 0073 2259", "500100732259"),
        ("ogrnip", "304500116000157", "304500116000157"),
        ("ogrnip", "1 02 77 00 13219 5", "1027700132195"),
        ("car_plate", "а123вс 777", "А123ВС777"),
        ("car_plate", "A 123 BC 77 RUS", "А123ВС77"),
        ("car_plate", "ав12377", "АВ12377"),
        ("handle", "https://t.me/Anna_S", "anna_s"),
        ("handle", "vk.com/anna_s/", "anna_s"),
        ("snils", "112-233-445 95", "11223344595"),
        ("card", "4111 1111 1111 1111", "4111111111111111"),
        ("handle", "@Anna_S", "anna_s"),
        ("ip", "2001:0db8::0001", "2001:db8::1"),
        ("ip", "::ffff:192.0.2.1", "192.0.2.1"),
        ("device", " ABC-def ", "abc-def"),
        ("text", "  Позвонить ПОСЛЕ шести  ", "  Позвонить ПОСЛЕ шести  "),
    ],
)
def test_normal_forms(class_id: str, value: str, expected: str) -> None:
    assert normal(class_id, value) == expected


@pytest.mark.parametrize(
    ("class_id", "value"),
    [
        ("phone", "12345"),
        ("phone", "телефон"),
        ("phone", "+7 999 123-45-6789"),
        ("phone", "٠٩٩٩"),
        ("phone", ""),
        ("email", "ivan"),
        ("email", "ivan@localhost"),
        ("email", "iv an@example.ru"),
        ("email", "a@b@example.ru"),
        ("email", "a@exa_mple.ru"),
        ("email", "a@example..ru"),
        ("email", "@example.ru"),
        ("email", "a" * 65 + "@example.ru"),
        ("name", " . , "),
        ("address", " ,.- "),
        ("birth_date", "31.02.1990"),
        ("birth_date", "05.11.90"),
        ("birth_date", "1700-01-01"),
        ("passport", "паспорт"),
        ("birth_date", "5 морта 1990"),
        ("birth_date", "5 мая 90"),
        ("birth_date", "13/31/1990"),
        ("inn", "500100732258"),
        ("ogrnip", "304500116000158"),
        ("ogrnip", "1027700132194"),
        ("ogrnip", "10277001321"),
        ("car_plate", "Я123ВС77"),
        ("car_plate", "А000ВС77"),
        ("car_plate", "А123ВС00"),
        ("car_plate", "А12ВС77"),
        ("snils", "112-233-445 94"),
        ("card", "4111 1111 1111 1112"),
        ("handle", "@"),
        ("ip", "256.0.0.1"),
        ("device", "  "),
        ("text", " \n"),
        ("name", "а" * 201),
        ("name", "\ud800"),
    ],
)
def test_what_does_not_fit_is_invalid_and_never_named(class_id: str, value: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        normal(class_id, value)
    assert class_id in caught.value.detail
    assert len(value) < 2 or value.strip() == "" or value not in caught.value.detail


@pytest.mark.parametrize(
    ("class_id", "value", "expected"),
    [
        ("phone", "89991234567", "+7 *** ***-45-67"),
        ("phone", "+375291234567", "+*** ***-**-67"),
        ("email", "иван@example.ru", "и***@example.ru"),
        ("name", "Соколова анна Петровна", "С*** А*** П***"),
        ("address", "Тверь, ул. Садовая, д. 5", "Т***, ***"),
        ("birth_date", "05.11.1990", "**.**.1990"),
        ("birth_date", "1990-11-05", "**.**.1990"),
        ("passport", "45 10 123456", "** ** ***456"),
        ("inn", "500100732259", "********2259"),
        ("snils", "112-233-445 95", "***-***-*45 **"),
        ("ogrnip", "304500116000157", "***********0157"),
        ("car_plate", "а123вс 777", "*1**** 777"),
        ("card", "4111111111111111", "**** **** **** 1111"),
        ("handle", "@anna", "@a***"),
        ("ip", "192.0.2.1", "192.*.*.*"),
        ("text", "Позвонить после шести", HIDDEN),
        ("voice", "recording", HIDDEN),
        ("device", "abc", HIDDEN),
    ],
)
def test_masks(class_id: str, value: str, expected: str) -> None:
    assert masked(class_id, value) == expected


@pytest.mark.parametrize("field_class", CLASSES, ids=lambda field_class: field_class.id)
@given(value=st.text(max_size=60))
def test_a_mask_never_fails_and_never_shows_the_value(field_class: FieldClass, value: str) -> None:
    """Nothing longer than four characters of the value in a row; a mail's domain is not the person."""
    shown = mask(field_class, value)
    assert shown
    assert len(shown) < 40 or field_class.id == "email"
    if field_class.id != "email":
        assert not any(value[at : at + 5] in shown for at in range(len(value) - 4) if "*" not in value)


@pytest.mark.parametrize("seed", range(20))
def test_masks_of_persons_hide_them(seed: int) -> None:
    someone = person(seed)
    assert someone.surname not in masked("name", someone.name)
    assert someone.phone[2:8] not in masked("phone", someone.phone).replace(" ", "")
    assert someone.email.split("@")[0] not in masked("email", someone.email)
    assert someone.street not in masked("address", someone.address)


@pytest.mark.parametrize("field_class", CLASSES, ids=lambda field_class: field_class.id)
@given(value=st.text(max_size=40))
def test_normalising_never_fails_otherwise_and_rests(field_class: FieldClass, value: str) -> None:
    try:
        once = normalise(field_class, value)
    except InvalidValue:
        return
    assert normalise(field_class, once) == once


@given(
    st.sampled_from(["+7", "8", "7", ""]),
    st.text("0123456789", min_size=9, max_size=9),
    st.sampled_from([" ", "-", ""]),
)
def test_the_short_way_of_phones_agrees_with_the_library(prefix: str, rest: str, separator: str) -> None:
    value = f"{prefix}{separator}9{rest[:2]}{separator}{rest[2:]}"
    parsed = phonenumbers.parse(value, "RU")
    assert normal("phone", value) == phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


LIKE_NAMES = st.from_regex(r"[0-9A-Za-zА-Яа-яЁё]{1,4}([ -][0-9A-Za-zА-Яа-яЁё.,ǅß'İ\u2010-]{0,4}){0,3}", fullmatch=True)
LIKE_MAIL = st.from_regex(r"[!-~]{1,70}@([0-9A-Za-z-]{0,70}\.){0,3}[0-9A-Za-z-]{0,5}", fullmatch=True)


@given(LIKE_NAMES | st.text(max_size=20))
def test_the_short_way_of_names_agrees_with_the_long_one(value: str) -> None:
    assert normalisers.name(value) == normalisers._name_by_folding(value)


@given(LIKE_MAIL | st.emails() | st.text(max_size=20))
def test_the_short_way_of_mail_agrees_with_the_long_one(value: str) -> None:
    assert normalisers.email(value) == normalisers._email_by_parts(value)


@pytest.mark.parametrize(
    "domain", ["xn--e1aybc.ru", "XN--e1aybc.ru", "-.ru", "a..ru", "a.", ".a", "a", f"{'b' * 64}.ru"]
)
def test_domains_that_only_the_long_way_can_judge(domain: str) -> None:
    assert normalisers.email(f"a@{domain}") == normalisers._email_by_parts(f"a@{domain}")


@pytest.mark.parametrize("field_class", CLASSES, ids=lambda field_class: field_class.id)
@given(value=st.text(max_size=40) | st.text(" .,;:/№#-()\ufcf2\u2011\ud800", max_size=5) | st.just("x" * 70_000))
def test_a_value_is_one_exactly_where_it_has_a_normal_form(field_class: FieldClass, value: str) -> None:
    def refused(check: Callable[[FieldClass, str], object]) -> bool:
        try:
            check(field_class, value)
        except InvalidValue:
            return True
        return False

    assert refused(require_value) == refused(normalise)


def test_the_register_finds_by_id_and_key_and_nothing_else() -> None:
    assert CLASSES.get("phone") is CLASSES.by_key(CLASSES.get("phone").key)
    assert "phone" in CLASSES
    assert "telephone" not in CLASSES
    with pytest.raises(UnknownClass):
        CLASSES.get("telephone")
    with pytest.raises(UnknownClass):
        CLASSES.by_key(999)


def test_two_classes_cannot_share_a_key() -> None:
    phone = CLASSES.get("phone")
    with pytest.raises(PolicyError, match="share"):
        ClassRegistry([phone, phone])


GOOD_ENTRY = (
    "classes: {phone: {key: 1, title: {ru: т, en: t}, normalise: phone, mask: phone, indexed: true, max_length: 9}}"
)


def test_a_register_loads(tmp_path: Path) -> None:
    (tmp_path / "classes.yaml").write_text(GOOD_ENTRY, "utf-8")
    assert load_classes(tmp_path / "classes.yaml").ids() == ("phone",)


@pytest.mark.parametrize(
    ("change", "to"),
    [
        ("normalise: phone", "normalise: fone"),
        ("mask: phone", "mask: fone"),
        ("key: 1", "key: 0"),
        ("key: 1", 'key: "1"'),
        ("indexed: true", "indexed: yes please"),
        ("max_length: 9", "max_length: 9, colour: red"),
        ("{phone:", "{Phone:"),
        ("{phone:", "{phone_:"),
        ("classes:", "klasses:"),
        ("}}}", "}}"),
    ],
)
def test_a_wrong_register_is_refused_by_name(tmp_path: Path, change: str, to: str) -> None:
    assert change in GOOD_ENTRY or change == "}}}"
    (tmp_path / "classes.yaml").write_text(
        GOOD_ENTRY.replace(change, to) if change != "}}}" else GOOD_ENTRY[:-1], "utf-8"
    )
    with pytest.raises(PolicyError, match=r"classes\.yaml"):
        load_classes(tmp_path / "classes.yaml")
