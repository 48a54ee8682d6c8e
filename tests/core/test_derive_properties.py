"""What holds for any timeline: time alone, order, repetition, windows and hindsight change nothing by themselves."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.derive import Derived, Window, derive, window
from hub.core.horizon import known
from hub.core.records import moment
from hub.core.rules import RULES
from hub.core.timeline import Timeline
from tests.core.timelines import CLIENT, at, rulebook, timeline

BOOK = rulebook(sales='duty = ["vera"]', anna='deputy = "boris"')
START = at("2026-02-02 09:00")

LINES = [
    "in {n} 42s",
    "in {n} 42s",
    "in {n} 42s",
    "in {n} 20s by system",
    "in {n} 4s",
    "in {n} 3s",
    "in {n} 42s callback",
    "in {n} 42s line 74950010200",
    "in {n} 42s unfinished",
    "in {n} 60s talk 7",
    "in {n} 60s talk 7 from 103",
    "in {n} 300s | 101 0-30 +5 | queue 30-300",
    "in {n} 8s | menu 0-8",
    "in {n} 15s | 101 0-15 busy",
    "out {n} 22s",
    "out {n} 4s",
    "out {n} 60s talk 8",
    "out {n} 15s talk 8 from 102",
    "out {n} 900s talk 8",
    "out {n} 60s talk 8 line 74950010200",
    "out {n} 9s | 101 0-9",
    "out {n} 30s | 101 0-30 +0",
    "msg in",
    "msg out by 101",
    "msg in",
    "msg in",
    "msg in line sales@example.ru via email",
    "msg out by 101 line sales@example.ru via email",
    "msg out author bot",
    "msg out by 101 content handoff",
    "msg out by 103",
    "mark no_reply_needed",
    "msg out by 102 failed",
    "mark closed because spam",
    "mark closed because handled_offline on {some}",
    "mark reopened on {some}",
    "mark taken by vera on {some}",
    "mark snoozed on {some} until 18:00",
    "mark contacted on {some}",
    "meeting held",
    "deal d{m} open owner 102",
    "deal d{m} won owner 102",
    "card k owner 103",
    "card k owner 101",
    "log card k owner 101>103",
    "log card k owner 103>102",
    "log deal d{m} owner 101>102",
    "log deal d{m} state open>won",
    "log deal d{m} state won>open",
]


@st.composite
def stories(draw, days: int = 3, most: int = 12) -> str:
    """A client's story as text: `most` events within some days, close together or far apart."""
    number = draw(st.integers(1, most))
    lines: list[str] = []
    now = START
    for index in range(number):
        gap = draw(st.sampled_from([5, 30, 60, 600, 1500, 3600, 20_000, 86_400 * days // 3]))
        now += timedelta(seconds=gap + draw(st.integers(0, 40)))
        some = f"src/call/c{draw(st.integers(0, index))}"
        words = draw(st.sampled_from(LINES)).format(n=f"c{index}", some=some, m=index % 2)
        words = words.replace("until 18:00", f"until {(now + timedelta(hours=3)):%H:%M}")
        local = now.astimezone(at("10:00").tzinfo) + timedelta(hours=3)
        lines.append(f"{local:%Y-%m-%d %H:%M:%S} {words}")
    return "\n".join(lines)


def rows(found: Derived) -> dict[str, Any]:
    """All that is said, the length of a delay that still grows left out."""
    cases = {}
    for case in found.cases:
        row = case.row()
        if row["closed_at"] is None and row["breached"]:
            row["late_by"] = "grows"
        if row["closed_at"] is None and row["wait"] is not None:
            row["wait"] |= dict.fromkeys(("wall", "working", "own", "routing", "bot_adjusted", "off_hours"), "grows")
        cases[case.kind, case.line_group, case.key] = row
    return {"calls": {verdict.ref: verdict.row() for verdict in found.verdicts}, "cases": cases}


def end_of(line: Timeline) -> datetime:
    return max([START, *(moment(fact.record) or START for fact in (*line.calls, *line.messages, *line.marks))])


@given(stories(), st.integers(0, 400_000), st.booleans())
@settings(max_examples=150)
def test_the_past_is_what_was_known_then(story, seconds, live):
    line = timeline(story, live=live)
    now = START + timedelta(seconds=seconds)
    assert rows(derive(line, BOOK, RULES, now)) == rows(derive(known(line, now), BOOK, RULES, now))


@given(stories(), st.integers(0, 300_000), st.lists(st.floats(0.001, 0.999), min_size=1, max_size=3), st.booleans())
@settings(max_examples=200)
def test_time_alone_changes_nothing_before_it_said_so(story, seconds, parts, live):
    line = timeline(story, live=live)
    now = START + timedelta(seconds=seconds)
    found = derive(line, BOOK, RULES, now)
    until = found.wake_at or now + timedelta(days=30)
    for part in parts:
        later = now + (until - now) * part
        assert rows(derive(line, BOOK, RULES, later)) == rows(found)


@given(stories(), st.randoms())
@settings(max_examples=60)
def test_neither_order_nor_repetition_matters(story, shuffler):
    told = derive(timeline(story), BOOK, RULES, START + timedelta(days=30))
    lines = story.splitlines()
    facts = {line: f"{line}" for line in lines}
    assert len(facts) <= len(lines)
    line = timeline(story)
    mixed = list(line.calls)
    shuffler.shuffle(mixed)
    again = replace(line, calls=tuple(sorted(set(mixed), key=lambda fact: (fact.record.started_at, fact.ref))))
    assert rows(derive(again, BOOK, RULES, START + timedelta(days=30))) == rows(told)


def within(line: Timeline, since: datetime) -> Timeline:
    """What the store would read from a moment on; marks, cards and deals are read whole."""
    return replace(
        line,
        calls=tuple(fact for fact in line.calls if fact.record.started_at >= since),
        messages=tuple(fact for fact in line.messages if fact.record.at >= since),
        meetings=tuple(fact for fact in line.meetings if fact.record.starts_at >= since),
        text_known=any(fact.record.at < since for fact in line.messages),
    )


def dropped(line: Timeline, number: int) -> tuple[Timeline, datetime]:
    """The timeline before one of its facts came, and that fact's moment."""
    facts = [(kind, fact) for kind in ("calls", "messages", "meetings") for fact in getattr(line, kind)]
    kind, gone = facts[number % len(facts)]
    kept = tuple(fact for fact in getattr(line, kind) if fact is not gone)
    changed = moment(gone.record)
    assert changed is not None
    return replace(line, **{kind: kept}), changed


@given(stories(days=30, most=25), st.integers(0, 100))
@settings(max_examples=200)
def test_a_window_says_the_same_as_the_whole_history(story, number):
    line = timeline(story)
    if not (line.calls or line.messages or line.meetings):
        return
    now = end_of(line) + timedelta(days=1)
    before, changed = dropped(line, number)
    stored = derive(before, BOOK, RULES, now)
    part = window(changed, [(case.started_at, case.closed_at) for case in stored.cases])
    assert_same(stored, derive(line, BOOK, RULES, now), derive(within(line, part.read_from), BOOK, RULES, now), part)


def assert_same(stored: Derived, whole: Derived, read: Derived, part: Window) -> None:
    """Believed: as from the whole history. Older: as it was stored."""

    def picked(found: Derived, *, believed: bool) -> dict[str, Any]:
        told = rows(found)
        calls = {verdict.ref for verdict in found.verdicts if (verdict.started_at >= part.believe_from) is believed}
        cases = {
            (case.kind, case.line_group, case.key)
            for case in found.cases
            if (case.started_at >= part.believe_from) is believed
        }
        return {
            "calls": {key: row for key, row in told["calls"].items() if key in calls},
            "cases": {key: row for key, row in told["cases"].items() if key in cases},
        }

    assert picked(read, believed=True) == picked(whole, believed=True)
    assert picked(whole, believed=False) == picked(stored, believed=False)


@given(stories(), st.integers(1, 60))
@settings(max_examples=60)
def test_every_miss_belongs_to_one_case_of_its_kind(story, days):
    found = derive(timeline(story), BOOK, RULES, START + timedelta(days=days))
    missed = {verdict.ref for verdict in found.verdicts if verdict.missed}
    evidence = [ref for case in found.cases if case.kind == "missed_call" for ref in case.evidence]
    assert len(evidence) == len(set(evidence))
    assert missed <= set(evidence)


@given(stories(), st.integers(0, 400_000))
@settings(max_examples=100)
def test_no_step_comes_twice_or_after_the_case_was_closed(story, seconds):
    for case in derive(timeline(story, live=True), BOOK, RULES, START + timedelta(seconds=seconds)).cases:
        names = [step.name for step in case.steps]
        assert len(names) == len(set(names))
        for step in case.steps:
            assert step.state == "dropped" or case.closed_at is None or step.at < case.closed_at


def test_deriving_a_client_with_twenty_calls_is_quick():
    chance = random.Random(1)
    text = "\n".join(
        f"2026-03-{chance.randint(2, 27):02d} {chance.randint(8, 19):02d}:{chance.randint(0, 59):02d} "
        f"{chance.choice(LINES[:22]).format(n=f'c{number}', some=CLIENT, m=0)}"
        for number in range(20)
    )
    line = timeline(text)
    derive(line, BOOK, RULES, at("2026-03-28 10:00"))
    import time

    begun = time.process_time()  # a busy machine is no fault of ours
    for _ in range(100):
        derive(line, BOOK, RULES, at("2026-03-28 10:00"))
    assert (time.process_time() - begun) / 100 < 0.02  # ten times what it takes on an idle machine


@pytest.mark.parametrize("live", [True, False])
def test_a_case_of_imported_history_alarms_nobody(live):
    found = derive(timeline("10:00 in c0 42s", live=live), BOOK, RULES, at("12:00"))
    steps = [step for case in found.cases for step in case.steps]
    assert {step.state for step in steps if step.step > 0} == ({"planned"} if live else {"history"})
    assert {step.state for step in steps if step.step == 0} == ({"sent"} if live else {"history"})
