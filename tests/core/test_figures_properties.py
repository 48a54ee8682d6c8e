"""Whatever is told of a figure, silence, lateness and repetition never make it better; and turns add up to the wait.

Clients here ask once and are answered once, late, or never, so that each answer belongs to one question. Two figures are
looked at otherwise. Percentiles are of answered waits: where an answer is missing there is no length, so silence may leave the
shorter ones; it then shows in how many still wait or were never answered. And an answer off hours is in no percentile, so
questions here are asked within hours. Numbers of cases follow what joins one case, so what is lost is looked at of clients.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core import report, waited
from hub.core.derive import derive
from hub.core.figures import Figure
from hub.core.play import Story, play
from hub.core.rules import RULES
from hub.core.timeline import ContactView
from hub.core.waits import KIND
from tests.core.timelines import at, rulebook, timeline

BOOK = rulebook()
ZONE = ZoneInfo("Europe/Moscow")
NOW = at("2026-04-10 12:00")
HIGHER = ("recovered", "service_level", "share_within_target", "next_share_within_target")
LOWER = ("miss_rate", "clients_lost", "lost", "silently_lost", "median", "p90", "unanswered_share", "still_waiting")
OF_ANSWERED = ("median", "p90")


@dataclass(frozen=True)
class Client:
    """Somebody who calls or writes at a minute of the day, and is answered so many minutes later, or never."""

    asks: str
    minute: int
    answered_after: int | None

    def text(self) -> str:
        asked = at("09:30") + timedelta(minutes=self.minute)
        lines = [_line(asked, "in m1 42s" if self.asks == "call" else "msg in id q")]
        if self.answered_after is not None:
            answer = "out d1 60s talk 2" if self.asks == "call" else "msg out by 101 id r"
            lines.append(_line(asked + timedelta(minutes=self.answered_after), answer))
        return "\n".join(lines)


def _line(moment: datetime, words: str) -> str:
    return f"{moment.astimezone(ZONE):%Y-%m-%d %H:%M:%S} {words}"


clients = st.lists(
    st.builds(
        Client,
        st.sampled_from(["call", "message"]),
        st.integers(0, 180),
        st.none() | st.sampled_from([2, 10, 14, 15, 16, 45, 60, 60 * 24 * 2, 60 * 24 * 6, 60 * 24 * 20]),
    ),
    min_size=1,
    max_size=6,
)


def figures(asked: list[Client], now: datetime = NOW) -> dict[str, Figure]:
    """The figures of everything that these clients lived through, as they are known at a moment."""
    calls: list[Any] = []
    cases: list[Any] = []
    for number, client in enumerate(asked):
        handle = f"phone:+7921123{number:04}"
        known = timeline(client.text(), known=(handle,))
        known = replace(known, contact=ContactView(number, None, (handle,)))
        derived = derive(known, BOOK, RULES, now)
        calls += [verdict.row() | {"ref": f"{number}/{verdict.ref}"} for verdict in derived.verdicts]
        for case in derived.cases:
            row = case.row()
            cases.append(
                row | {"ref": f"{number}/{row['ref']}", "evidence": [f"{number}/{ref}" for ref in row["evidence"]]}
            )
    facts = report.Facts(
        [row for row in calls if row["direction"] == "inbound"],
        cases,
        [waited.view(row) for row in cases if row["kind"] == KIND],
    )
    return report.whole(facts, BOOK, ZONE)


def assert_no_better(before: dict[str, Figure], after: dict[str, Figure], *, apart: tuple[str, ...] = ()) -> None:
    for name in (*HIGHER, *LOWER):
        old, new = before[name].value, after[name].value
        if name in apart or old is None or new is None:
            continue
        assert (new <= old) if name in HIGHER else (new >= old), (name, old, new)


MOMENTS = [timedelta(minutes=20), timedelta(hours=3), timedelta(days=1), timedelta(days=8), timedelta(days=30)]


@settings(max_examples=15, deadline=None)
@given(clients, st.integers(0, 5), st.sampled_from(MOMENTS))
def test_silence_never_improves_a_figure(asked, number, later):
    now = at("12:30") + later
    chosen = number % len(asked)
    silent = [replace(client, answered_after=None) if place == chosen else client for place, client in enumerate(asked)]
    before, after = figures(asked, now), figures(silent, now)
    assert_no_better(before, after, apart=OF_ANSWERED)
    if any((after[name].value or 0) < (before[name].value or 0) for name in OF_ANSWERED):
        unanswered = [
            found["still_waiting"].n + round((found["unanswered_share"].value or 0) * found["unanswered_share"].n)
            for found in (before, after)
        ]
        assert unanswered[1] > unanswered[0]


@settings(max_examples=15, deadline=None)
@given(clients, st.integers(0, 5), st.sampled_from([1, 30, 600, 60 * 24 * 3]))
def test_lateness_never_improves_a_figure(asked, number, minutes):
    chosen = number % len(asked)
    late = [
        replace(client, answered_after=client.answered_after + minutes)
        if place == chosen and client.answered_after is not None
        else client
        for place, client in enumerate(asked)
    ]
    before, after = figures(asked), figures(late)
    apart = OF_ANSWERED if after["unanswered_share"].value != before["unanswered_share"].value else ()
    assert_no_better(before, after, apart=apart)


@settings(max_examples=10, deadline=None)
@given(clients, st.sampled_from(MOMENTS))
def test_a_moved_clock_ends_where_looking_back_begins(asked, later):
    """Whatever was believed on the way, late answers and all, the end is what the facts say."""
    now = at("12:30") + later
    for client in asked[:2]:
        known = timeline(client.text(), live=True)
        played = [item.case for item in play(Story(known), BOOK, RULES, until=now) if item.void is None]
        assert sorted(case.key for case in played) == sorted(case.key for case in derive(known, BOOK, RULES, now).cases)
        assert {case.key: case.row() for case in played} == {
            case.key: case.row() for case in derive(known, BOOK, RULES, now).cases
        }


@settings(max_examples=15, deadline=None)
@given(clients)
def test_a_client_who_asks_again_while_he_waits_improves_nothing(asked):
    class Again(Client):
        def text(self) -> str:
            again = at("09:30") + timedelta(minutes=self.minute + 1)
            return f"{super().text()}\n{_line(again, 'msg in' if self.asks == 'message' else 'in m2 42s')}"

    patient = [client for client in asked if client.answered_after is None or client.answered_after > 2]
    pushing = [Again(client.asks, client.minute, client.answered_after) for client in patient]
    if patient:
        before, after = figures(patient), figures(pushing)
        assert_no_better(before, after, apart=("recovered",))


TURNS = [
    "mark taken by {who} on src/message/q",
    "card k owner {number}",
    "deal d owner {number} open",
    "log card k owner 101>{number}",
]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 60 * 30),
            st.sampled_from(TURNS),
            st.sampled_from([(101, "anna"), (102, "boris"), (103, "vera")]),
        ),
        max_size=6,
    ),
    st.integers(0, 200),
    st.none() | st.integers(1, 60 * 40),
)
def test_turns_and_routing_add_up_to_the_working_time_wherever_calendars_agree(changes, minute, reply):
    asked = at("09:30") + timedelta(minutes=minute)
    lines = [_line(asked, "msg in id q")]
    for after, words, (number, who) in changes:
        lines.append(_line(asked + timedelta(minutes=after), words.format(who=who, number=number)))
    if reply is not None:
        lines.append(_line(asked + timedelta(minutes=reply), "msg out by 101"))
    (case, *_) = derive(timeline("\n".join(lines)), BOOK, RULES, asked + timedelta(days=3)).cases
    wait = case.wait
    assert wait is not None
    assert sum(seconds or 0 for _, seconds in wait.own) + (wait.routing or 0) == wait.length.working
