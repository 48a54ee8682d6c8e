"""Is a CRM told what it should know, once, whatever came late?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core import wording
from hub.core.crm import KINDS, Client, Place, Planner, Target, place
from hub.core.derive import derive
from hub.core.effects import CloseTask, CreateTask, Effect, body, from_body, kind
from hub.core.horizon import known
from hub.core.reconcile import StoredCase, reconcile
from hub.core.rules import RULES
from hub.core.speech import address
from hub.core.timeline import Timeline
from hub.core.wording import Wording
from tests.core.test_derive_properties import BOOK, START, stories
from tests.core.timelines import CLIENT, at, rulebook, timeline

EVER = datetime.min.replace(tzinfo=START.tzinfo)
RUSSIAN = Wording("ru", ZoneInfo("Europe/Moscow"), BOOK.team)
ENGLISH = replace(RUSSIAN, language="en")


def planner(words: Wording = RUSSIAN, since: datetime | None = EVER, kinds: tuple[str, ...] = KINDS) -> Planner:
    return Planner((Target("amo", dict.fromkeys(kinds, since)),), words, BOOK.team)


@dataclass
class Ledger:
    """What the store keeps between two plans: rows of cases, what was planned for each, which calls were told."""

    plans: Planner = field(default_factory=planner)
    rows: dict[int, StoredCase] = field(default_factory=dict)
    planned: dict[int, list[Effect]] = field(default_factory=dict)
    told: dict[str, set[str]] = field(default_factory=dict)
    leads: set[str] = field(default_factory=set)
    all: list[Effect] = field(default_factory=list)

    def look(self, line: Timeline, now: datetime) -> list[Effect]:
        """Derive, reconcile and plan, as the engine does; what is new."""
        derived = derive(line, BOOK, RULES, now)
        client = Client(line, {call.ref: call for call in derived.verdicts}, derived.cases, now)
        found: list[Effect] = []
        for _, effect in self.plans.of_calls(client, self.plans.fresh(client, self.told), self.leads):
            found.append(effect)
            self.told.setdefault(effect.call, set()).add("amo")
            self.leads |= {effect.key} if effect.key.startswith("lead/") else set()
        matched = reconcile(list(self.rows.values()), derived.cases)
        standing = {update.id: update.case for update in matched.updates}
        standing |= dict(enumerate((new.case for new in matched.new), len(self.rows) + 1))
        for number, case in standing.items():
            self.rows[number] = StoredCase(number, case.kind, case.line_group, case.opened_at, case.evidence)
            found += self._keep(number, self.plans.of_case(number, case, client, {"amo": self.planned.get(number, [])}))
        for void in matched.voids:
            self.rows[void.id] = replace(self.rows[void.id], void=void.because, merged_into=void.into)
            found += self._keep(void.id, self.plans.of_void(void.because, {"amo": self.planned.get(void.id, [])}, now))
        self.all += found
        return found

    def _keep(self, number: int, effects: Any) -> list[Effect]:
        fresh = [effect for _, effect in effects]
        self.planned.setdefault(number, []).extend(fresh)
        return fresh

    def tasks(self) -> dict[int, list[Any]]:
        return {
            number: [effect for effect in found if kind(effect) != "add_note"] for number, found in self.planned.items()
        }


def told(text: str, when: str = "12:00", **keys: Any) -> list[str]:
    return [kind(effect) for effect in Ledger().look(timeline(text, live=True, **keys), at(when))]


# What is told of a call


@pytest.mark.parametrize(
    ("story", "kinds"),
    [
        ("10:00 in c 60s talk 7", ["create_lead"]),
        ("10:00 in c 60s talk 7\n09:00 card k owner 101", ["create_lead"]),  # crm/card/k is another connection's
        ("10:00 in c 42s\n10:01 in d 42s", ["create_lead", "log_call", "create_task"]),
        ("10:00 out c 60s talk 8", ["log_call"]),
        ("10:00 out c 9s | 101 0-9", ["log_call"]),
        ("10:00 in c 3s", ["log_call"]),  # too short to make somebody a client
        ("10:00 in c 60s talk 7 test", []),
        ("10:00 in c 60s spam", []),
        ("10:00 internal c 60s", []),
        ("10:00 in c 42s caller withheld", []),
        ("10:00 in c 42s caller phone:+79990000101", []),
        ("11:59:50 in c 42s unfinished", []),  # not settled
    ],
)
def test_which_calls_become_what(story: str, kinds: list[str]) -> None:
    found = told(story)
    assert [what for what in found if what != "create_task" or "create_task" in kinds] == kinds


def test_a_switchboard_is_nobody() -> None:
    assert told("10:00 in c 42s", contact="shared") == []


def test_a_client_with_a_card_there_is_no_new_face() -> None:
    line = timeline("09:00 card k owner 101\n10:00 in c 42s", live=True)
    there = replace(line, cards=tuple(replace(history, ref="amo/card/k") for history in line.cards))
    assert [kind(effect) for effect in Ledger().look(there, at("12:00"))][:1] == ["log_call"]
    gone = replace(there, cards=tuple(replace(history, gone_at=at("09:30")) for history in there.cards))
    assert [kind(effect) for effect in Ledger().look(gone, at("12:00"))][:1] == ["create_lead"]


@pytest.mark.parametrize(
    ("since", "live", "as_live", "is_told"),
    [
        (EVER, True, False, True),
        (at("10:00"), True, False, True),
        (at("10:01"), True, False, False),
        (None, True, False, False),
        (None, True, True, True),
        (EVER, False, False, False),
    ],
)
def test_what_began_before_both_sides_were_live_is_history(
    since: datetime | None, live: bool, as_live: bool, is_told: bool
) -> None:
    line = timeline("10:00 in c 42s", live=live)
    line = replace(line, calls=tuple(replace(fact, as_live=as_live) for fact in line.calls))
    assert bool(Ledger(planner(since=since)).look(line, at("12:00"))) is is_told


def test_only_what_is_switched_on_is_planned() -> None:
    line = timeline("10:00 in c 42s\n10:05 out o 60s talk 8", live=True)
    ledger = Ledger(planner(kinds=("log_call",)))
    assert [kind(effect) for effect in ledger.look(line, at("10:02"))] == ["log_call"]
    assert {kind(effect) for effect in ledger.look(line, at("12:00"))} == {"log_call"}


# What it reads like


@pytest.mark.parametrize(
    ("story", "russian", "english"),
    [
        (
            "10:00 in c 42s",
            "Перезвонить: Client, +7 921 123-00-09. Звонил в 10:00 на «sales», ждёт до 10:15",
            "Call back: Client, +7 921 123-00-09. Called at 10:00 on sales, waits until 10:15",
        ),
        (
            "2026-03-06 17:50 in c 42s",
            "Перезвонить: Client, +7 921 123-00-09. Звонил 06.03 в 17:50 на «sales», ждёт до 10.03 09:05",
            "Call back: Client, +7 921 123-00-09. Called on 06.03 at 17:50 on sales, waits until 10.03 09:05",
        ),
        (
            "10:00 in c 42s\n10:05 in d 42s",
            "Перезвонить: Client, +7 921 123-00-09. Звонил 2 раза, последний раз в 10:05 на «sales», ждёт до 10:15",
            "Call back: Client, +7 921 123-00-09. Called 2 times, last at 10:05 on sales, waits until 10:15",
        ),
        (
            "10:00 in c 42s callback",
            "Перезвонить: Client, +7 921 123-00-09. Просил перезвонить в 10:00 на «sales», ждёт до 10:15",
            "Call back: Client, +7 921 123-00-09. Asked to be called back at 10:00 on sales, waits until 10:15",
        ),
    ],
)
def test_a_task_reads_as_a_colleague_would_write_it(story: str, russian: str, english: str) -> None:
    now = at("2026-03-06 18:00") if "03-06" in story else at("10:10")
    for words, text in ((RUSSIAN, russian), (ENGLISH, english)):
        tasks = [
            effect
            for effect in Ledger(planner(words)).look(timeline(story, live=True), now)
            if isinstance(effect, CreateTask)
        ]
        assert [task.text for task in tasks] == [text]


@pytest.mark.parametrize(
    ("after", "russian", "english"),
    [
        ("10:31 out o 60s talk 8 from 102", "Перезвонили в 10:31 (Борис Смирнов)", "Called back at 10:31 (Борис Смирнов)"),
        ("10:31 in o 60s talk 7", "Клиент дозвонился сам в 10:31 (Анна Петрова)", "The client got through at 10:31 (Анна Петрова)"),
        ("10:31 meeting held", "Связались с клиентом без звонка в 10:31 (Анна Петрова)", "In touch without a call at 10:31 (Анна Петрова)"),
        ("10:31 mark closed because spam", "Закрыто в хабе в 10:31 (Анна Петрова): спам", "Closed in the hub at 10:31 (Анна Петрова): spam"),
        ("2026-03-18 10:00 msg in", "Не перезвонили: срок ожидания истёк 17.03 в 10:00", "Nobody called back: the wait expired on 17.03 at 10:00"),
        ("10:20 mark suppressed", "Перезванивать не нужно: клиента просили не беспокоить", "No need to call back: the client is not to be contacted"),
    ],
)  # fmt: skip
def test_a_closed_task_says_how_the_wait_ended(after: str, russian: str, english: str) -> None:
    for words, text in ((RUSSIAN, russian), (ENGLISH, english)):
        ledger = Ledger(planner(words))
        ledger.look(timeline("10:00 in c 42s", live=True), at("10:05"))
        found = ledger.look(
            timeline(f"10:00 in c 42s\n{after}", live=True), at("2026-03-18 12:00" if "03-18" in after else "11:00")
        )
        assert [effect.text for effect in found if isinstance(effect, CloseTask)] == [text]


@pytest.mark.parametrize(
    ("handle", "text"),
    [
        ("phone:+79211234567", "+7 921 123-45-67"),
        ("phone:+74950010100;ext=12", "+7 495 001-01-00, 12"),
        ("74950010100", "+7 495 001-01-00"),
        ("telegram:123456789", "telegram:123456789"),
        ("4912", "4912"),
    ],
)
def test_a_number_is_written_as_people_do(handle: str, text: str) -> None:
    assert address(handle) == text


def test_both_languages_have_the_same_texts() -> None:
    assert wording._RU.keys() == wording._EN.keys()


# Whatever comes late


@given(stories(), st.lists(st.integers(0, 300_000), min_size=1, max_size=4), st.randoms())
@settings(max_examples=150)
def test_late_and_shuffled_facts_end_with_the_same_tasks_and_calls(
    story: str, seconds: list[int], shuffler: Any
) -> None:
    """The facts come in any order, some after their time; at the end nothing is open that should not be, nor missing."""
    whole = timeline(story, live=True)
    end = START + timedelta(days=40)
    ledger = Ledger()
    calls = list(whole.calls)
    shuffler.shuffle(calls)
    for number, moment in enumerate(sorted(seconds)):
        now = START + timedelta(seconds=moment)
        arrived = set(calls[: len(calls) * (number + 1) // (len(seconds) + 1)])
        part = replace(whole, calls=tuple(fact for fact in whole.calls if fact in arrived))
        ledger.look(known(part, now), now)
    ledger.look(whole, end)
    assert ledger.look(whole, end) == [], "what was told is not told again"
    keys = Counter(effect.key for effect in ledger.all)
    assert set(keys.values()) <= {1}
    of_calls = Counter(effect.call for effect in ledger.all if hasattr(effect, "call"))
    assert set(of_calls.values()) <= {1}
    settled = {
        call.ref
        for call in derive(whole, BOOK, RULES, end).verdicts
        if call.outcome and call.client and call.excluded in (None, "short_abandon", "ivr_short")
    }
    assert settled <= of_calls.keys()
    for tasks in ledger.tasks().values():
        assert [kind(task) for task in tasks[:1]] in ([], ["create_task"])
        assert Counter(kind(task) for task in tasks)["create_task"] <= 1
        if tasks:  # forty days later nobody waits any more
            assert isinstance(tasks[-1], CloseTask)


@given(stories())
@settings(max_examples=60)
def test_an_open_case_has_a_task_that_says_what_the_case_says(story: str) -> None:
    line = timeline(story, live=True)
    ledger = Ledger()
    for hours in (1, 4, 9, 30, 60):
        now = START + timedelta(hours=hours)
        then = known(line, now)
        ledger.look(then, now)
        for case in derive(then, BOOK, RULES, now).cases:
            if case.state != "open" or case.due_at is None:
                continue
            row = next(
                number
                for number, row in ledger.rows.items()
                if row.evidence == case.evidence and row.kind == case.kind and row.void is None
            )
            last = ledger.tasks()[row][-1]
            assert (last.due_at, last.to, last.case) == (case.due_at, case.assignee, case.key)


# At delivery


def test_the_place_is_the_newest_open_deal_and_the_card_with_the_number() -> None:
    line = timeline(
        "09:00 card a owner 101\n09:30 card b owner 101\n08:00 deal x open owner 101\n09:00 deal y open owner 101\n"
        "09:10 deal z won owner 101"
    )
    assert place(line, "crm", CLIENT, at("12:00")) == Place("b", "y")
    assert place(line, "amo", CLIENT, at("12:00")) == Place()


def test_an_account_is_that_of_the_connection_and_of_its_time() -> None:
    book = rulebook(anna='deputy = "boris"')
    team = book.team
    assert team.account("anna", "crm", START) == "1"
    assert team.account("anna", "amo", START) is None
    assert team.account("user:amo/77", "amo", START) == "77"
    assert team.account(None, "crm", START) is None


@given(stories())
@settings(max_examples=20)
def test_an_effect_survives_being_stored(story: str) -> None:
    for effect in Ledger().look(timeline(story, live=True), START + timedelta(days=2)):
        assert from_body(kind(effect), orjson.loads(orjson.dumps(body(effect)))) == effect


def test_nobody_is_told_of_a_client_without_targets() -> None:
    line = timeline("10:00 in c 42s", live=True)
    assert Ledger(Planner((), RUSSIAN, BOOK.team)).look(line, at("12:00")) == []
