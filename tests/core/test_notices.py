"""Does a message to one of us say what is true in few words, in both languages, whatever a client wrote?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hub.core.derive import derive
from hub.core.evening import Evening
from hub.core.notices import MOST, Notices, meant, token
from hub.core.presses import Pressing
from hub.core.rules import RULES
from hub.core.situation import Situation
from hub.core.speech import Speech
from tests.core.timelines import at, from_records, rulebook, timeline

BOOK = rulebook()
MOSCOW = ZoneInfo("Europe/Moscow")
ENGLISH = Notices("en", MOSCOW, BOOK.team, "https://hub.example.ru")
RUSSIAN = Notices("ru", MOSCOW, BOOK.team)


def situation(line: Any, now: str, told: tuple[str, ...] = ()) -> Situation:
    """The last case of a timeline as it stands at a moment."""
    derived = derive(line, BOOK, RULES, at(now))
    case = derived.cases[-1]
    return Situation(
        number=1,
        row=case.row(),
        timeline=line,
        calls={call.ref: call.row() for call in derived.verdicts},
        group=BOOK.at(case.started_at).group(case.line_group),
        team=BOOK.team,
        head_of_sales=BOOK.head_of_sales,
        told=frozenset(told),
        now=at(now),
    )


def wrote(text: str, **more: Any) -> dict[str, Any]:
    return {
        "record": "message", "id": "w", "at": at("10:00").isoformat(), "channel": "webchat", "direction": "in",
        "author": "client", "client": "webchat:u1", "line": "74950010100", "text": text, **more,
    }  # fmt: skip


def test_the_first_line_is_the_client_and_the_one_fact():
    told = situation(timeline("10:00:00 in m1 42s by client"), "10:08")
    shown = ENGLISH.notice(told, "anna")
    assert shown.title == "⏳ Client has waited 7\u00a0min, 7\u00a0min left"
    assert shown.text.splitlines() == [
        "+7 921 123-00-09",
        "Called at 10:00 on sales, waited 42\u00a0s",
        "Rang: Анна Петрова",
        "",
        "Turn: Глеб Иванов. No attempt yet",
    ]


def test_who_called_often_is_told_with_how_often_and_whose_telephones_rang():
    told = situation(timeline("10:00:00 in m1 42s\n10:03:00 in m2 20s\n10:05:00 in m3 20s"), "10:30")
    text = RUSSIAN.notice(told, "anna").text.replace("\u00a0", " ")
    assert "Звонил 3 раза за 4 мин на «sales»" in text
    assert "Попыток не было" in text


@pytest.mark.parametrize("words", [RUSSIAN, ENGLISH])
def test_no_text_of_a_client_makes_a_message_too_long_or_breaks_its_lines(words: Notices):
    told = situation(from_records([wrote("слово <b>\n\n{who} %s " * 200)], live=True), "10:05")
    shown = words.notice(told, "anna")
    assert len(shown.title) + 2 + len(shown.text) <= MOST
    assert "{who} %s" in shown.text
    assert "…" in shown.text


def test_buttons_lead_to_the_page_and_the_telephone_where_the_hub_can_be_reached():
    told = situation(timeline("10:00:00 in m1 42s"), "10:08")
    with_page = [button.url for row in ENGLISH.notice(told, "anna").buttons for button in row if button.url]
    assert [url.rpartition("/contacts/")[2] for url in with_page] == ["1/call", "1"]
    assert not [button for row in RUSSIAN.notice(told, "anna").buttons for button in row if button.url]


def test_every_action_fits_and_means_the_same_again():
    for key in ("anna", "борис", "a" * 80):
        assert token(key).isascii()
        assert len(f"hand:{token(key)}") <= 40
        assert meant(token(key), ["x", key]) == key
    assert meant("nobody", ["x"]) is None


@pytest.mark.parametrize("speech", [Notices, Evening, Speech])
def test_both_languages_say_the_same_with_the_same_blanks(speech: type[Speech]):
    russian, english = speech.texts["ru"], speech.texts["en"]
    assert russian.keys() == english.keys()
    for name, text in russian.items():
        blanks = [sorted(part.split("}")[0] for part in words.split("{")[1:]) for words in (text, english[name])]
        assert set(blanks[1]) <= set(blanks[0]) | {"at", "by", "reason", "n"}, name


@pytest.mark.parametrize(
    "action", ["", "dance", "hand:nobody", "close:because", "snooze:7", "snooze:x:y", "close:spam:x"]
)
def test_a_button_that_nobody_made_does_nothing(action: str):
    told = situation(timeline("10:00:00 in m1 42s"), "10:08", told=("anna",))
    decision = Pressing("p", at("10:08"), "anna", action, told, ENGLISH).decide()
    assert decision.mark is None
    assert decision.answer == "This button does not work any more."


def test_whoever_has_no_part_in_it_decides_nothing():
    told = situation(timeline("10:00:00 in m1 42s"), "10:08")
    told = replace(told, group=replace(told.group, duty=(), head="gleb"), head_of_sales=None)
    outsider = next(key for key in BOOK.team.members if key not in told.concerned)
    for action in ("take", "close:spam", "hand:gleb"):
        assert Pressing("p", at("10:08"), outsider, action, told, ENGLISH).decide().mark is None
