"""Texts: complete in Russian, compiled as written, plural forms right, formats as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from hub import registry
from hub.sdk.connector import Connector
from hub.settings import questions
from hub.texts import LANGUAGES, catalog, glued, of_connector, texts
from hub.texts.formats import Formats, phone

NOW = datetime(2026, 11, 24, 11, 32, 8, tzinfo=UTC)


@pytest.fixture
def russian() -> Formats:
    return Formats(texts("ru"), ZoneInfo("Europe/Moscow"), NOW)


@pytest.fixture
def english() -> Formats:
    return Formats(texts("en"), ZoneInfo("Europe/Moscow"), NOW)


@pytest.mark.parametrize("language", LANGUAGES)
def test_compiled_texts_are_the_written_ones(language: str) -> None:
    assert catalog.path_of(language, "mo").read_bytes() == catalog.compiled(catalog.written(language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_of_the_pages_is_in_the_catalog_and_no_other(language: str) -> None:
    said = {message.id for message in catalog.collected() if message.id}
    written = {message.id for message in catalog.written(language) if message.id}
    assert said == written, "run python -m hub.texts.catalog"


def test_every_text_is_translated_into_russian() -> None:
    assert catalog.missing(catalog.written("ru")) == []


@pytest.mark.parametrize("connector", registry.load().connectors.values(), ids=lambda connector: connector.name)
def test_every_connector_brings_russian_words_for_what_it_asks(connector: Connector) -> None:
    asked = questions(connector.settings)
    texts = {connector.about, *(item.hint for item in asked), *(item.label for item in asked if item.label != item.key)}
    texts |= {choice for item in asked for choice in item.choices}
    assert texts - connector.words["ru"].keys() == set()
    assert set(connector.asks) <= {item.key for item in asked}


def test_a_text_with_something_filled_in_is_found_by_its_pattern() -> None:
    words = {"account “%s”, number %s": "аккаунт «%s», номер %s", "all (or some)": "все"}
    assert of_connector(words, "account “A % B”, number 7") == "аккаунт «A % B», номер 7"
    assert of_connector(words, "all (or some)") == "все"
    assert of_connector(words, "something new") == "something new"


def test_translations_name_the_same_values_as_their_texts() -> None:
    for message in catalog.written("ru"):
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        wanted = set(re.findall(r"%\((\w+)\)s", ids[-1]))
        for string in strings:
            assert set(re.findall(r"%\((\w+)\)s", string)) <= wanted
        assert all(set(re.findall(r"%\((\w+)\)s", string)) >= wanted - {"n"} for string in strings), message.id


def test_texts_with_values_hold_no_bare_percent() -> None:
    for message in catalog.written("ru"):
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        for string in (*(message.id if isinstance(message.id, tuple) else (message.id,)), *strings):
            if "%(" in string:
                assert "%" not in re.sub(r"%\(\w+\)s|%%", "", string)


@pytest.mark.parametrize(
    ("n", "said"),
    [
        (1, "звонил 1 раз"),
        (2, "звонил 2 раза"),
        (5, "звонил 5 раз"),
        (11, "звонил 11 раз"),
        (21, "звонил 21 раз"),
        (22, "звонил 22 раза"),
        (111, "звонил 111 раз"),
    ],
)
def test_russian_plural_forms(n: int, said: str) -> None:
    assert texts("ru").count("called %(n)s time", "called %(n)s times", n).replace("\u00a0", " ") == said


def test_values_are_escaped_in_markup_and_left_alone_in_text() -> None:
    language = texts("en")
    assert language.markup("%(time)s ago", time="<b>") == "&lt;b&gt; ago"
    assert language.say("%(time)s ago", time="<b>") == "<b> ago"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 с"),
        (59, "59 с"),
        (60, "1 мин"),
        (3599, "59 мин"),
        (3600, "1 ч 00 мин"),
        (21_120, "5 ч 52 мин"),
        (172_799, "47 ч 59 мин"),
        (172_800, "2 д 00 ч"),
        (604_800, "7 д 00 ч"),
        (None, ""),
    ],
)
def test_lengths(russian: Formats, seconds: int | None, said: str) -> None:
    assert russian.duration(seconds).replace("\u00a0", " ") == said


@pytest.mark.parametrize(("seconds", "said"), [(42, "42 s"), (60, "1 min"), (372, "6 min 12 s"), (3700, "1 h 01 min")])
def test_exact_lengths(english: Formats, seconds: int, said: str) -> None:
    assert english.exact(seconds).replace("\u00a0", " ") == said


@pytest.mark.parametrize(
    ("at", "ru", "en"),
    [
        ("2026-11-24T14:12:00+03:00", "14:12", "14:12"),
        ("2026-11-23T17:55:00+03:00", "вчера в 17:55", "yesterday at 17:55"),
        ("2026-11-25T09:00:00+03:00", "завтра в 09:00", "tomorrow at 09:00"),
        ("2026-11-09T11:29:00+03:00", "9 ноября, 11:29", "9 November, 11:29"),
        ("2025-11-09T11:29:00+03:00", "9 ноября 2025, 11:29", "9 November 2025, 11:29"),
        ("2026-11-24T00:30:00+05:00", "вчера в 22:30", "yesterday at 22:30"),
    ],
)
def test_moments_are_told_in_the_hubs_zone(russian: Formats, english: Formats, at: str, ru: str, en: str) -> None:
    assert russian.moment(at).replace("\u00a0", " ") == ru
    assert english.moment(at).replace("\u00a0", " ") == en


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("+79216041833", "+7 921 604-18-33"),
        ("+74950010100;ext=12", "+7 495 001-01-00, 12"),
        ("+88", "+88"),
        ("+4930123456", "+49 30 123456"),
    ],
)
def test_numbers_as_people_write_them(number: str, said: str) -> None:
    assert phone(number).replace("\u00a0", " ") == said


@pytest.mark.parametrize(
    ("handle", "said"),
    [
        ("email:ivan@example.ru", "ivan@example.ru"),
        ("telegram:5550101", "telegram: 5550101"),
        ("ext:pbx/101", "доб. 101"),
        ("user:amo/504141", "пользователь 504141"),
        ("anna", "anna"),
        (None, ""),
    ],
)
def test_handles_as_people_write_them(russian: Formats, handle: str | None, said: str) -> None:
    assert russian.handle(handle).replace("\u00a0", " ") == said


def test_numbers_do_not_part_from_their_units() -> None:
    assert glued("12 мин, 1 226 раз, 5 из 34 и 40 %") == "12\u00a0мин, 1\u00a0226\u00a0раз, 5\u00a0из 34 и 40\u00a0%"
