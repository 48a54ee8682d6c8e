"""How does a new `config.toml` look: every key with a line that says what it is for, in the administrator's language?"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import count
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from hub.settings.meanings import GROUPS, Language, meaning
from hub.settings.policy import default_text
from hub.settings.production import production_calendar

ALIGN = 44  # column of the remarks
_BARE = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
Say = Callable[[str, str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One of us: extension and mobile as dialled; the key is made of the name when none is given."""

    name: str
    key: str | None = None
    extension: str | None = None
    mobile: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a connection: its value as TOML text, and what it is. One that is not `set` is written as a remark."""

    key: str
    text: str
    remark: str = ""
    set: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A connection to write; one that is not `active` is written as a remark, to be switched on later."""

    name: str
    plugin: str
    entries: tuple[Entry, ...] = ()
    remark: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What `crmhub init` asks. `telephony` names the connection whose extensions the team has."""

    timezone: str = "Europe/Moscow"
    country: str = "RU"
    language: Language = "ru"
    remarks: Language | None = None  # of the lines beside the keys; as `language` when left out
    lines: tuple[str, ...] = ()
    team: tuple[Person, ...] = ()
    head: str | None = None  # a name or key of the team; the first person when left out
    days: Mapping[str, str] | None = None
    telephony: str = "pbx"
    connections: tuple[Draft, ...] = ()


def draft(
    name: str,
    plugin: str,
    model: type[BaseModel],
    given: Mapping[str, Any],
    *,
    remark: str = "",
    active: bool = True,
    words: Mapping[str, str] | None = None,
) -> Draft:
    """The section of a plugin, with the remarks of its own model; keys that are not given are written as remarks.

    words: what the model says, in the language of the file.
    """
    entries = []
    for key, field in model.model_fields.items():
        example = next(iter(field.examples or ()), None if field.default is PydanticUndefined else field.default)
        value = given.get(key, example)
        known = key in given
        if value is not None or field.is_required():
            said = [(words or {}).get(text, text) for text in (field.title, field.description) if text]
            entries.append(Entry(field.alias or key, toml("" if value is None else value), ": ".join(said), known))
    return Draft(name=name, plugin=plugin, entries=tuple(entries), remark=remark, active=active)


def template(answers: Answers) -> str:
    """The text of a valid `config.toml`."""
    keys, say = _keys(answers.team), _chooser(answers)
    parts = [_top(say), _hub(answers, keys), _web(say), _reports(say), _policy(_remarks(answers)), _calendar(answers)]
    parts += [_lines(answers, keys), _team(answers, keys), *(_connection(item, say) for item in answers.connections)]
    return "\n".join("\n".join(part) + "\n" for part in parts)


def section(item: Draft, language: Language) -> Iterator[str]:
    """The lines of one connection."""
    return _connection(item, _sayer(language))


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date | int | float):
        return str(value)
    if isinstance(value, Mapping):
        return (
            "{ " + ", ".join(f"{_key(str(key))} = {toml(inner)}" for key, inner in value.items()) + " }"
            if value
            else "{}"
        )
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else toml(key)


def _line(text: str, remark: str = "") -> str:
    """A line with its remark beside it, or above where there is no room."""
    if not remark:
        return text
    return f"{text:<{ALIGN}}  # {remark}" if len(text) <= ALIGN else f"# {remark}\n{text}"


def _off(text: str, remark: str = "") -> str:
    return _line(f"# {text}", remark)


def _top(say: Say) -> Iterator[str]:
    yield say(
        "# Settings of crmhub. `crmhub check` tells mistakes: all at once, each with its key and a right example.",
        "# Настройки crmhub. Ошибки покажет `crmhub check`: все сразу, каждую с ключом и верным примером.",
    )
    yield say(
        "# Lengths of time carry a unit: 5s, 15m, 24h, 7d. A line that begins with # has no effect.",
        "# Длительности пишутся с единицей: 5s, 15m, 24h, 7d. Строка с # в начале не действует.",
    )
    yield say(
        '# Secrets are not written here but named: { env = "NAME" }, { file = "path" } or { stored = "name" }.',
        '# Секреты не пишут сюда, а называют: { env = "ИМЯ" }, { file = "путь" } или { stored = "имя" }.',
    )


def _hub(answers: Answers, keys: Sequence[str]) -> Iterator[str]:
    say = _chooser(answers)
    head = _head(answers, keys)
    yield "[hub]"
    yield _line(f"timezone = {toml(answers.timezone)}", say("time zone of reports", "часовой пояс отчётов"))
    yield _line(
        f"country = {toml(answers.country)}", say("of numbers without a country code", "страна номеров без кода")
    )
    yield _line(
        f"language = {toml(answers.language)}",
        say("of pages and messages: ru or en", "язык страниц и сообщений: ru или en"),
    )
    yield _line(
        'data = "var"', say("folder of the database, beside this file", "папка базы данных, рядом с этим файлом")
    )
    yield _off(
        'database = { env = "HUB_DATABASE" }',
        say("postgresql+psycopg://… instead of SQLite", "postgresql+psycopg://… вместо SQLite"),
    )
    yield _off('keep_raw = "90d"', say("what vendors sent is kept so long", "столько хранится присланное системами"))
    yield _line("shared_handles = []", say('switchboards: "phone:+7495…"', 'номера на многих людей: "phone:+7495…"'))
    yield _line("blocked_handles = []", say("their calls are not counted", "их звонки не считаются"))
    yield _line("test_handles = []", say("our own test calls", "наши проверочные звонки"))
    text = f"head_of_sales = {toml(head or 'boris')}"
    remark = say("gets what nobody took in time", "получает то, что никто не взял вовремя")
    yield _line(text, remark) if head else _off(text, remark)


def _web(say: Say) -> Iterator[str]:
    yield "[web]"
    yield _line(
        'listen = "127.0.0.1:8080"', say("the pages, for this machine only", "страницы видны только с этой машины")
    )
    yield _off(
        'trusted_proxy = ["10.0.0.2"]',
        say("a proxy that guards the pages from strangers", "адрес прокси, который закрывает страницы от чужих"),
    )
    yield _off(
        'public_url = "https://hub.example.ru"',
        say("how vendors reach the hub: webhooks, consent", "адрес хаба для систем: вебхуки, согласие"),
    )


def _reports(say: Say) -> Iterator[str]:
    yield say(
        "# Reports by mail, to those whose `notify` has an address: the head all, a manager his own.",
        "# Отчёты письмом тем, у кого в `notify` есть почта: руководителю всё, менеджеру своё.",
    )
    yield "[reports]"
    yield _off("daily = true", say("at the end of the working day", "в конце рабочего дня"))
    yield _off("weekly = true", say("on the last working day of the week", "в последний рабочий день недели"))
    yield _off("monthly = true", say("on the first working day of the next", "в первый рабочий день следующего"))
    yield _off("managers = true", say("each manager gets his own", "каждому менеджеру его собственный"))
    yield _off("closed_days = false", say("daily on days off, too", "ежедневный и в выходные"))
    yield _off('at = "19:00"', say("instead of the end of the working day", "вместо конца рабочего дня"))


def _policy(language: Language) -> Iterator[str]:
    yield (
        "# Что обещано клиентам. Показаны значения по умолчанию; уберите #, чтобы изменить."
        if language == "ru"
        else ("# What clients are promised. These are the defaults; take the # away to change one.")
    )
    yield "[policy]"
    for english, russian, names in GROUPS:
        yield f"# {russian if language == 'ru' else english}"
        for name in names:
            setting = f"{name} = {default_text(name)}"
            said = meaning(name, language)
            yield _line(setting, said) if name == "callback_target" else _off(setting, said)


def _calendar(answers: Answers) -> Iterator[str]:
    say = _chooser(answers)
    yield say(
        "# When we work. Lines and people name a calendar.", "# Когда мы работаем. Календарь называют линии и люди."
    )
    yield "[calendars.office]"
    yield _line(f"timezone = {toml(answers.timezone)}", say("of the hours below", "часов, указанных ниже"))
    country = f"production_calendar = {toml(answers.country)}"
    remark = say("public holidays, moved and shortened days", "праздники, переносы и короткие дни")
    yield _line(country, remark) if _has_calendar(answers.country) else _off(country, remark)
    yield _off(
        'exceptions = [{ on = 2026-12-31, hours = "09:00-15:00", why = "…" }]',
        say('single days; hours = "" is a closed one', 'отдельные дни; hours = "" значит закрыто'),
    )
    yield "[[calendars.office.hours]]"
    yield _line(
        "from = 2020-01-01", say("a version: in force until the next begins", "версия: действует до начала следующей")
    )
    yield _line(
        f"days = {toml(answers.days or {'mon-fri': '09:00-18:00'})}",
        say('also sat = "10:00-15:00", night "22:00-06:00"', 'ещё sat = "10:00-15:00", ночь "22:00-06:00"'),
    )


def _lines(answers: Answers, keys: Sequence[str]) -> Iterator[str]:
    say = _chooser(answers)
    head = _head(answers, keys)
    line = answers.lines[0] if answers.lines else "74950010100"
    yield say("# A line group: lines that share a promise and people.", "# Группа линий: у них общее обещание и люди.")
    yield "[lines.sales]"
    yield _line('calendar = "office"', say("deadlines count its hours", "сроки считаются по его часам"))
    yield _line(f"lines = {toml(list(answers.lines))}", say("our numbers, mailboxes, bots", "наши номера, ящики, боты"))
    yield _switched(
        head, f"head = {toml(head or 'boris')}", say("told when a promise is broken", "узнаёт о нарушенном обещании")
    )
    yield _switched(
        keys,
        f"duty = {toml(list(keys[:1]) or ['anna'])}",
        say("takes what has no owner, in this order", "берут ничьё, по порядку"),
    )
    yield _off(
        f"owners = {toml({line: next(iter(keys), 'anna')})}",
        say("who owns the calls of a line", "чьи звонки с линии"),
    )
    yield _off(
        'owner_order = ["deal_owner", "card_owner", "line_owner", "last_talk", "duty", "head"]',
        say("who owns a missed call: the first that is known", "чей пропущенный звонок: первый известный"),
    )
    yield _off("critical = true", say("alerts may come outside working hours", "оповещать и в нерабочее время"))
    yield _off(
        'callback_target = "10m"', say("any setting of [policy], for this group", "любая настройка [policy] для группы")
    )


def _team(answers: Answers, keys: Sequence[str]) -> Iterator[str]:
    say = _chooser(answers)
    yield say(
        "# Our people: by these handles calls and messages are known to be theirs.",
        "# Наши люди: по этим адресам узнаются их звонки и сообщения.",
    )
    people = answers.team or (Person(name=say("Anna Petrova", "Анна Петрова"), key="anna", extension="101"),)
    off = "" if answers.team else "# "
    deputy = keys[1] if len(keys) > 1 else "boris"
    for person, key in zip(people, keys or ["anna"], strict=True):
        yield f"{off}[team.{key}]"
        yield _line(f"{off}name = {toml(person.name)}", say("as shown", "так показывается"))
        yield _line(
            f"{off}handles = {toml(_handles(person, answers.telephony))}",
            say("extension and mobile", "внутренний и мобильный"),
        )
        yield _line(f'{off}calendar = "office"', say("when this person works", "когда работает"))
        if person is people[0]:
            yield _off(
                'absences = [{ from = 2026-03-02, to = 2026-03-08, why = "…" }]',
                say("both days included", "оба дня включены"),
            )
            yield _off(f"deputy = {toml(deputy)}", say("who stands in", "кто заменяет"))
            yield _off(
                f'notify = ["email:{key}@example.ru"]',
                say("where alerts go, best first", "куда оповещать, сначала главное"),
            )


def _connection(item: Draft, say: Say) -> Iterator[str]:
    off = "" if item.active else "# "
    if item.remark:
        yield f"# {item.remark}"
    yield f"{off}[connections.{item.name}]"
    yield _line(
        f"{off}plugin = {toml(item.plugin)}", say("`crmhub plugins` lists all", "`crmhub plugins` показывает все")
    )
    for entry in item.entries:
        text = f"{entry.key} = {entry.text}"
        yield _line(off + text, entry.remark) if entry.set else _off(text, entry.remark)


def _handles(person: Person, telephony: str) -> list[str]:
    inside = [f"ext:{telephony}/{person.extension}"] if person.extension else []
    return inside + ([f"phone:{person.mobile}"] if person.mobile else [])


def _switched(known: object, text: str, remark: str) -> str:
    return _line(text, remark) if known else _off(text, remark)


def _chooser(answers: Answers) -> Say:
    return _sayer(_remarks(answers))


def _sayer(language: Language) -> Say:
    """Picks from an English and a Russian text."""
    return lambda english, russian: russian if language == "ru" else english


def _remarks(answers: Answers) -> Language:
    return answers.remarks or answers.language


def _has_calendar(country: str) -> bool:
    try:
        production_calendar(country)
    except ValueError:
        return False
    return True


def _head(answers: Answers, keys: Sequence[str]) -> str | None:
    if answers.head is None:
        return next(iter(keys), None)
    return next(
        (key for person, key in zip(answers.team, keys, strict=True) if answers.head == person.name), answers.head
    )


def _keys(team: Iterable[Person]) -> list[str]:
    """The key of each person, no two alike."""
    keys: list[str] = []
    for person in team:
        wanted = person.key or key_of(person.name)
        numbered = (wanted if number == 1 else f"{wanted}{number}" for number in count(1))
        keys.append(next(key for key in numbered if key not in keys))
    return keys


_LATIN = dict(
    zip(
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґ",
        [
            "a",
            "b",
            "v",
            "g",
            "d",
            "e",
            "e",
            "zh",
            "z",
            "i",
            "y",
            "k",
            "l",
            "m",
            "n",
            "o",
            "p",
            "r",
            "s",
            "t",
            "u",
            "f",
            "kh",
            "ts",
            "ch",
            "sh",
            "shch",
            "-",
            "y",
            "-",
            "e",
            "yu",
            "ya",
            "i",
            "yi",
            "ye",
            "g",
        ],
        strict=True,
    )
)


def key_of(name: str) -> str:
    """A key for `[team]` made of the first name, in Latin letters: `Анна Петрова` gives `anna`."""
    first = (name.split() or ["member"])[0].lower()
    latin = "".join(_LATIN.get(sign, sign) for sign in first)
    return "".join(sign for sign in latin if sign.isascii() and sign.isalnum()) or "member"
