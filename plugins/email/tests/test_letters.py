"""Are letters, names, dates and files read whatever program wrote them?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from plugins.email import addresses, charset, dates, filenames, header, ids
from plugins.email.mime import Part, split
from plugins.email.tests.composed import ROWS, mail, seen


@pytest.mark.parametrize("name", ["letters of", "raw ", "label ", "transfer encoding"])
def test_the_letters_of_every_row_are_right(name):
    rows = [row for row in ROWS if row.name.startswith(name)]
    assert len(rows) >= 6
    for row in rows:
        (found,) = seen(row.content)
        assert "Пришлите, пожалуйста, счёт на ООО" in (found.text or ""), row.name
        assert found.subject in ("Счёт на кассу", "Запрос счета"), row.name


@pytest.mark.parametrize(
    "text", ["Запрос счёта", "Привет", "Заявка", "ЗАЯВКА С САЙТА", "Re: договор 15", "Анна Петрова", "Цех", "Ключ"]
)
@pytest.mark.parametrize("name", ["windows-1251", "koi8-r", "cp866", "iso-8859-5", "mac-cyrillic", "utf-8"])
def test_a_few_letters_say_their_charset(text, name):
    assert charset.decode(text.encode(name)) == text


@pytest.mark.parametrize(
    ("damaged", "text"),
    [
        ("РџСЂРёРІРµС‚", "Привет"),
        ("оПХБЕР", "Привет"),
        ("рТЙЧЕФ", "Привет"),
        ("Ïðèâåò", "Привет"),
        ("ЏаЁўҐв", "Привет"),
        ("pRIWET", "pRIWET"),
        ("??????", "??????"),
        ("Müller GmbH", "Müller GmbH"),
        ("Été à Paris", "Été à Paris"),
        ("Шевченко Їжак", "Шевченко Їжак"),
        ("Привет", "Привет"),
    ],
)
def test_damage_is_mended_where_it_is_clear(damaged, text):
    assert charset.repaired(damaged) == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("=?UTF-8?B?0JfQsNA=?= =?UTF-8?B?v9GA0L7RgQ==?= 15", "Запрос 15"),
        ("=?UTF-8?B?0JfQsNA=?=\r\n =?utf-8?B?v9GA0L7RgQ==?=", "Запрос"),
        ("=?koi8-r?B?+sHQ0s/TINPeo9TB?=", "Запрос счёта"),
        ("=?cp-1251?Q?=C7=E0=EF=F0=EE=F1_1?=", "Запрос 1"),
        ('"=?UTF-8?Q?=D0=98=D0=B2=D0=B0=D0=BD?="', '"Иван"'),
        ("=?utf-8?B?0JfQsNC/0YDQvtGB", "Запрос"),
        ("=?utf-8?B?0JfQsNC/0YDQvtGB=?=", "Запрос"),
        ("=?nonsense?B?x+Dv8O7x?=", "Запрос"),
        ("Re: =?utf-8?Q?=D0=98?= =?koi8-r?B?4c7OwQ==?= x", "Re: ИАнна x"),
        ("plain =?not a word", "plain =?not a word"),
        ("evil\u202etxt", "eviltxt"),
        ("", ""),
    ],
)
def test_header_words_are_read_however_broken(raw, text):
    assert charset.words(raw.encode()) == text


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ("undisclosed-recipients:;", []),
        ("Иванов, Иван <a@b.ru>", [("a@b.ru", "Иванов, Иван")]),
        (
            'Иванов, Иван <a@b.ru>, c@d.ru, "X, Y" <E@F.RU>',
            [("a@b.ru", "Иванов, Иван"), ("c@d.ru", ""), ("e@f.ru", "X, Y")],
        ),
        ("a@b.ru (Anna), <c@d.ru>", [("a@b.ru", "Anna"), ("c@d.ru", "")]),
        ("Group: a@b.ru, c@d.ru; e@f.ru", [("a@b.ru", ""), ("c@d.ru", ""), ("e@f.ru", "")]),
        ('"ivan@bank.ru" <x@evil.ru>', [("x@evil.ru", "ivan@bank.ru")]),
        ("ivan @ mail.ru", [("ivan@mail.ru", "")]),
        ("< ivan@mail.ru. >", [("ivan@mail.ru", "")]),
        ("почта@пример.рф", [("почта@xn--e1afmkfd.xn--p1ai", "")]),
        ("ivan@mail.ru@mail.ru", [("ivan@mail.ru", "")]),
        ("<mailto:a@b.ru>", [("a@b.ru", "")]),
        ("A <a@b.ru>, B <A@B.ru>", [("a@b.ru", "A")]),
        ('"unclosed <a@b.ru>', [("a@b.ru", "unclosed")]),
        ("@", []),
        (",,;", []),
    ],
)
def test_addresses_are_found_however_written(field, found):
    assert [(one.value, one.name) for one in addresses.read(field.encode())] == found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ivan+kp@example.test", "IVAN@example.test"),
        ("i.van@gmail.com", "ivan+x@googlemail.com"),
        ("ivan.petrov@ya.ru", "ivan-petrov@yandex.kz"),
    ],
)
def test_one_mailbox_has_several_addresses(one, other):
    assert addresses.same(one) == addresses.same(other)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Mon, 16 Nov 2026 11:59:58 +0300", "2026-11-16T08:59:58"),
        ("16 Nov 2026 15:10", "2026-11-16T15:10:00"),
        ("Пн, 16 ноя 2026 11:59:58 +0300", "2026-11-16T08:59:58"),
        ("16 Nov 26 11:59 MSK", "2026-11-16T08:59:00"),
        ("Mon, 16 Nov 2026 11:59:58 +03:00", "2026-11-16T08:59:58"),
        ("Mon, 16 Nov 2026 11:59:58 GMT+3", "2026-11-16T08:59:58"),
        ("Mon, 16 Nov 2026 11:59:58 PM -0000 (UTC)", "2026-11-16T23:59:58"),
        ("Mon, 16 Nov 2026 24:00:00 +0300", "2026-11-16T21:00:00"),
        ("Mon, 16 Nov 2026 11:59:58 Z", "2026-11-16T11:59:58"),
        ("32 Nov 2026 10:00", None),
        ("16 Foo 2026 10:00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates_are_read_or_are_none(text, found):
    assert dates.read(text) == (datetime.fromisoformat(found).replace(tzinfo=UTC) if found else None)


NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("outgoing", "written", "internal", "received", "counted"),
    [
        (
            False,
            NOON - 60 * MINUTE,
            NOON - MINUTE,
            NOON - 2 * MINUTE,
            NOON - MINUTE,
        ),  # the client's clock counts for nothing
        (False, None, None, NOON - 2 * MINUTE, NOON - 2 * MINUTE),
        (False, NOON - 9 * MINUTE, None, None, NOON - 9 * MINUTE),
        (False, NOON, NOON + 60 * MINUTE, NOON - MINUTE, NOON - MINUTE),  # nothing comes from the future
        (False, NOON + 99 * MINUTE, NOON + 60 * MINUTE, None, NOON),
        (False, None, NOON, NOON - timedelta(days=90), NOON - timedelta(days=90)),  # moved from another provider
        (True, NOON - 5 * MINUTE, NOON - MINUTE, None, NOON - 5 * MINUTE),
        (True, NOON - 50 * MINUTE, NOON - MINUTE, None, NOON - MINUTE),
        (True, NOON, NOON - MINUTE, None, NOON - MINUTE),
        (True, None, NOON - MINUTE, None, NOON - MINUTE),
        (True, NOON - MINUTE, None, None, NOON - MINUTE),
        (True, None, None, None, NOON),
    ],
)
def test_the_server_s_clock_counts(outgoing, written, internal, received, counted):
    assert counted == dates.counted(outgoing=outgoing, written=written, internal=internal, received=received, seen=NOON)


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("attachment; filename*=UTF-8''%D0%A1%D1%87%D1%91%D1%82%20%E2%84%9615.pdf", "Счёт №15.pdf"),
        ('attachment; filename="=?UTF-8?B?0KHRh9GR0YIg4oSWMTUucGRm?="', "Счёт №15.pdf"),
        ("attachment; filename*0*=UTF-8''%D0%A1%D1%87; filename*1*=%D1%91%D1%82%20%E2%84%9615.pdf", "Счёт №15.pdf"),
        ("attachment; filename*=windows-1251''%D1%F7%B8%F2%2015.pdf", "Счёт 15.pdf"),
        ("attachment; filename=%D0%A1%D1%87%D1%91%D1%82.pdf", "Счёт.pdf"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="a\\"b.pdf"', 'a"b.pdf'),
        ("attachment", "pdf"),
    ],
)
def test_names_of_files_are_read_and_are_no_paths(disposition, name):
    _, parameters = split(disposition)
    part = Part(
        number="2",
        type="application/pdf",
        parameters={f"disposition {key}": value for key, value in parameters.items()},
    )
    assert filenames.file_name(part) == name


def test_a_mail_without_message_id_has_a_name_all_the_same():
    one, other = (header.read(mail(Message_ID=None, Subject=subject)) for subject in ("Счёт", "Акт"))
    assert ids.key_of(one) == ids.key_of(header.read(b"Received: by mx\r\n" + mail(Message_ID=None, Subject="Счёт")))
    assert ids.key_of(one) != ids.key_of(other)


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ("<a@b>", ("a@b",)),
        ("<a@\r\n b>, <c@d> <a@b>", ("a@b", "c@d")),
        ("Your message of Monday <a@b> was", ("a@b",)),
        ("a@b", ("a@b",)),
        ("Your message of Monday", ()),
        ("<>", ()),
        (f"<{'x' * 999}@b>", ()),
    ],
)
def test_ids_are_what_stands_between_brackets(field, found):
    assert ids.identifiers(field.replace("\r\n", "").encode()) == found
