"""Does a report say its facts in every mail program: escaped, small, legible without its pictures, calling nobody?"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from hub.core.policy import Team, TeamMember
from hub.core.summary import Deal, Response, Scope
from hub.letters.composing import LARGEST, compose
from tests.letters.samples import DAY, NOW, bulletin, formats, monthly, person, summary, waiting, weekly

EVIL = '<script src="//evil.example/x.js"></script>"\'&\r\nBcc: all@example.ru ' + "и" * 200
QUIET = summary(
    inbound=0, missed=0, missed_off_hours=0, fates=Counter(), in_time=0, silent=(), waiting=(), stale=None, people=(),
    response=Response(median=None, p90=None, n=0),
)  # fmt: skip


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "br", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"{tag} closes nothing"

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


def said(text: str) -> str:
    return text.replace("\u00a0", " ")


def words(html: str) -> str:
    return said(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)))


@pytest.mark.parametrize(
    ("told", "language", "title"),
    [
        (bulletin(), "ru", "Вторник, 24 ноября: 11 пропущенных, вернули 8, 1 потерян молча, 3 ещё ждут"),
        (bulletin(), "en", "Tuesday, 24 November: 11 missed calls, 8 recovered, 1 silently lost, 3 still wait"),
        (weekly(), "ru", "Неделя 18–24 ноября: 11 пропущенных, вернули 8, 1 потерян молча, 3 ещё ждут"),
        (monthly(), "ru", "Октябрь 2026: 11 пропущенных, вернули 8, 1 потерян молча, 3 ещё ждут"),
        (bulletin(summary=QUIET), "ru", "Вторник, 24 ноября: пропущенных нет, никто не ждёт"),
        (bulletin(summary=QUIET), "en", "Tuesday, 24 November: no missed calls, nobody waits"),
    ],
)
def test_the_subject_carries_the_facts(told, language, title):
    assert compose(told, formats(language)).title == title


def test_the_text_tells_what_the_page_tells():
    letter = compose(bulletin(), formats())
    for told in (
        "8 из 11",
        "из 64 входящих, 17 %, в нерабочее время 2",
        "n = 71, p90 24 мин, в срок 88 %",
        "Виктория Лазарева",
        "9 ч 24 мин",
        "никто",
        "После прошлого отчёта (вчера в 19:00) и до начала дня: 3 пропущенных, вернули 2, рано судить 1.",
        "2 сделки без следующего шага",
        "1 240 000 ₽",
        "отсутствует до 27 ноября",
        "bitrix: нет данных, последние 13:00",
    ):
        assert told in words(letter.html)
        assert told in said(letter.text)


def test_few_values_are_shown_themselves_and_no_data_is_a_sentence():
    few = summary(response=Response(median=540, p90=3120, n=3, values=(60, 540, 3120)))
    assert "n = 3: 1 мин, 9 мин, 52 мин" in words(compose(bulletin(summary=few), formats()).html)
    quiet = words(compose(bulletin(summary=QUIET), formats()).html)
    for sentence in ("звонков не было", "пропущенных клиентов не было", "на сообщения не отвечали", "Никто не ждёт."):
        assert sentence in quiet


def test_what_clients_call_themselves_is_only_text():
    hostile = replace(
        bulletin(
            summary=summary(
                waiting=(waiting(1, name=EVIL),),
                stale=(Deal(ref="amo/deal/1", connection="amo", title=EVIL, url="javascript:alert(1)"),),
                people=(person("anna", waiting=1),),
            )
        ),
        team=Team(members={"anna": TeamMember(key="anna", name=EVIL), "ilya": TeamMember(key="ilya", name=EVIL)}),
    )
    letter = compose(hostile, formats())
    page = Page(letter.html)
    assert page.all("script") == []
    assert "javascript:" not in letter.html
    assert "и" * 121 not in letter.html
    assert "\nBcc" not in letter.text
    assert "\n" not in letter.title
    assert page.open == []


@pytest.mark.parametrize("told", [bulletin(), weekly(), monthly(), bulletin(url=None)])
def test_a_page_calls_nobody_and_every_picture_has_a_sentence(told):
    letter = compose(told, formats())
    page = Page(letter.html)
    assert {f"cid:{cid}" for cid in letter.charts} == {image["src"] for image in page.all("img")}
    assert all(len(image["alt"] or "") > 40 for image in page.all("img"))
    links = {link["href"] for link in page.all("a")}
    assert all(link.startswith(("https://hub.example.ru/", "https://example.amocrm.ru/")) for link in links)
    assert not page.all("link")
    assert "url(" not in letter.html
    assert page.open == []
    if told.url is None:
        assert not any(link.startswith("https://hub") for link in links)


def test_without_pictures_their_sentences_stand_in_the_page():
    told = monthly()
    letter = compose(told, formats(), with_pictures=False)
    assert (letter.charts, Page(letter.html).all("img")) == ({}, [])
    assert "Пропущенные клиенты по дням, 1–31 октября: 186, из них вернули 155, потеряны 31" in words(letter.html)
    assert "больше всего пятница с 17:00 до 18:00, 5 из" not in words(letter.html)
    assert letter.text == compose(told, formats()).text


def test_a_page_is_not_cut_by_gmail_however_much_there_is_to_tell():
    many = TeamMember(key="x", name=EVIL)
    told = summary(
        waiting=tuple(waiting(number, name=EVIL, owner=f"m{number}") for number in range(500)),
        stale=tuple(
            Deal(ref=f"amo/deal/{n}", connection="amo", title=EVIL, owner=f"m{n}", created_at=NOW - timedelta(days=9))
            for n in range(300)
        ),
        people=tuple(person(f"m{n}", missed=3, waiting=1, response=Response(median=9, p90=9, n=9)) for n in range(200)),
        silent=tuple(replace_client(number) for number in range(50)),
    )
    team = Team(members={f"m{number}": replace(many, key=f"m{number}") for number in range(500)})
    letter = compose(bulletin(summary=told, team=team), formats())
    assert len(letter.html.encode()) <= LARGEST
    assert "и ещё 490" in words(letter.html)
    assert "и ещё 180" in words(letter.html)  # of the people
    assert "и ещё 480" in said(letter.text)


def replace_client(number: int):
    return replace(summary().silent[0], contact=number, name=EVIL)


def test_a_manager_is_told_of_his_own_without_whose_turn_it_is():
    own = compose(bulletin(summary=summary(scope=Scope(member="ilya"), people=())), formats())
    assert "Чья очередь" not in own.html
    assert "Илья Сафонов · данные на 19:00" in words(own.html).replace("&middot;", "·")


def test_what_is_not_known_in_working_time_says_so_and_without_a_promise_nobody_is_on_time():
    told = summary(in_time=None, waiting=(waiting(1, 15, working=None),))
    page = words(compose(bulletin(summary=told), formats()).html)
    assert "15 ч 00 мин по часам" in page
    assert "8 из 11 рано судить 2" in page


def test_a_late_report_says_of_when_it_is():
    late = replace(summary(), at=NOW + timedelta(hours=15))
    assert "данные на 25 ноября, 10:00" in said(compose(bulletin(summary=late, last=DAY), formats()).text)
