"""Does a play tell the same as looking back: the published examples with a moved clock, and each event at its moment?"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hub import settings
from hub.core import report, waited
from hub.core.derive import derive
from hub.core.play import Played, Story, Told, play
from hub.core.records import instant
from hub.core.rules import RULES
from hub.core.timeline import ContactView
from hub.core.waits import KIND
from hub.core.whatif import compare, totals
from tests.core.timelines import CLIENT, at, from_records, rulebook, timeline
from tests.golden import run

GOLDEN = Path(run.__file__).parent
EXAMPLES = sorted(path.parent.name for path in GOLDEN.glob("g*/expect.json"))


def story(text: str, **options: Any) -> Story:
    return Story(timeline(text, live=True, **options))


def events(played: Played) -> list[tuple[str, str, int | None, str | None]]:
    """(what, the time of Moscow, step, to) of each event."""
    zone = ZoneInfo("Europe/Moscow")
    return [(item.what, f"{item.at.astimezone(zone):%H:%M:%S}", item.step, item.to) for item in played.events]


# The published examples


def clients(records: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """The handles of each client: those that a record names together are one's."""
    found: list[set[str]] = []
    for record in records:
        own = {handle for handle in (record.get("client"), *record.get("handles", ())) if handle}
        joined = [known for known in found if known & own]
        found = [known for known in found if not known & own]
        found += [own.union(*joined)] if own else []
    return sorted(tuple(sorted(own)) for own in found)


def of(records: list[dict[str, Any]], client: tuple[str, ...]) -> list[dict[str, Any]]:
    """What concerns a client: his facts, and what names no client."""
    named = [(record, {record.get("client"), *record.get("handles", ())} - {None}) for record in records]
    return [record for record, handles in named if not handles or handles & set(client)]


def played_rows(folder: Path, command: list[str]) -> list[dict[str, Any]]:
    """What the command prints, by playing every client's records until the moment that it asks about."""
    book = settings.parse((folder / "config.toml").read_text(encoding="utf-8")).rulebook()
    lines = (folder / "records.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    until = instant(command[command.index("--at") + 1])
    calls: list[dict[str, Any]] = []
    offers: list[dict[str, Any]] = []
    cases: list[dict[str, Any]] = []
    for number, client in enumerate(clients(records)):
        known = from_records(of(records, client), ContactView(number, None, client), live=True)
        derived = derive(known, book, RULES, until)
        calls += [verdict.row() for verdict in derived.verdicts]
        offers += [asdict(offer) for offer in derived.offers]
        cases += [item.row() for item in play(Story(known), book, RULES, until=until) if item.void is None]
    waits = [waited.view(row) for row in cases if row["kind"] == KIND]
    if command[0] == "report":
        since, to = (instant(command[command.index(name) + 1]) for name in ("--from", "--to"))
        facts = report.Facts(
            report.period([row for row in calls if row["direction"] == "inbound"], "started_at", since, to),
            report.period(cases, "opened_at", since, to),
            report.period(waits, "started_at", since, to),
            report.period(offers, "at", since, to),
        )
        found = report.report(command[1], facts, book, ZoneInfo("Europe/Moscow"))
        return [
            {
                name: value.row(members=True) if isinstance(value, report.Figure) else value
                for name, value in row.items()
            }
            for row in found
        ]
    return {"calls": calls, "cases": cases, "waits": waits}[command[0]]


def as_live(wanted: Any) -> Any:
    """The published steps are those of an import; in a play they go out."""
    if isinstance(wanted, list):
        return [as_live(item) for item in wanted]
    if isinstance(wanted, dict):
        return {
            key: "sent" if (key, value) == ("state", "history") else as_live(value) for key, value in wanted.items()
        }
    return wanted


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_published_example_holds_when_it_is_played(example):
    folder = GOLDEN / example
    for check in json.loads((folder / "expect.json").read_text(encoding="utf-8")):
        rows = played_rows(folder, check["command"])
        chosen = [
            row for row in rows if all(run.same(value, run.dig(row, key)) for key, value in check["select"].items())
        ]
        wanted = check.get("count", {"min": 1})
        assert len(chosen) >= wanted["min"] if isinstance(wanted, dict) else len(chosen) == wanted, check["why"]
        for row in chosen:
            for key, value in check.get("fields", {}).items():
                assert run.same(as_live(value), run.dig(row, key)), (check["why"], key, value, run.dig(row, key))


# Events


def test_g9_opens_warns_breaks_and_closes_each_at_its_moment_and_once():
    (case,) = play(
        story("""
        10:00:00 in m1 42s by client
        10:03:10 in m2 50s by system
        10:09:30 out d1 22s
        10:31:00 out d2 103s talk 8 from 102
        """),
        rulebook(),
        RULES,
    )
    assert events(case) == [
        ("opened", "10:00:42", None, None),
        ("step", "10:08:12", 1, "gleb"),
        ("step", "10:12:42", 2, "gleb"),
        ("step", "10:15:42", 3, "gleb"),
        ("step", "10:30:42", 4, "dina"),
        ("closed", "10:31:18", None, None),
    ]


def test_g13_a_newer_version_takes_the_case_back_and_corrects_who_was_told():
    text = "10:00:00 in m1 {} version {}"
    early, late = (timeline(text.format(*words), live=True) for words in (("42s by client", 1), ("150s talk 30", 2)))
    told = {late.calls[0].ref: (Told(at("10:10"), early.calls[0].record),)}
    (case,) = play(Story(late, told), rulebook(), RULES)
    assert case.void == "not_a_miss"
    assert events(case)[-2:] == [("void", "10:10:00", None, None), ("corrected", "10:10:00", None, "gleb")]
    assert case.row()["state"] == "void"


def test_a_bounced_reply_opens_the_wait_again():
    delivered = timeline("10:00 msg in\n10:05 msg out by 101 id r", live=True)
    bounced = timeline("10:00 msg in\n10:05 msg out by 101 id r failed", live=True)
    told = {"src/message/r": (Told(at("10:09"), next(f.record for f in delivered.messages if f.record.id == "r")),)}
    (case,) = play(Story(bounced, told), rulebook(), RULES, until=at("10:30"))
    assert [(what, when) for what, when, *_ in events(case)][:3] == [
        ("opened", "10:00:00"),
        ("closed", "10:05:00"),
        ("reopened", "10:09:00"),
    ]


def test_a_step_that_waits_for_its_recipient_is_dropped_when_the_client_was_reached():
    (case,) = play(
        story("""
        2026-03-06 17:50:00 in m1 30s by client
        2026-03-06 19:00:00 out d1 60s talk 5
        """),
        rulebook(),
        RULES,
    )
    assert [item for item in events(case) if item[0] == "step"] == [("step", "17:58:00", 1, "gleb")]
    assert case.case.state == "recovered"


def test_what_opened_before_the_play_is_no_event():
    known = story("10:00:00 in m1 42s by client\n11:00:00 in m2 42s by client")
    assert play(known, rulebook(), RULES, since=at("10:30")) == ()
    (case,) = play(known, rulebook(), RULES, since=at("10:00"))
    assert case.case.client_attempts == 2


def test_a_play_ends_when_time_alone_changes_nothing_any_more():
    (case,) = play(story("10:00:00 in m1 42s by client"), rulebook(), RULES)
    assert (case.case.resolution, case.case.silently_lost) == ("expired", True)


def test_an_open_case_is_as_old_as_the_play_is_long():
    (case,) = play(story("10:00:00 in m1 42s by client"), rulebook(), RULES, until=at("10:35:42"))
    assert (case.case.state, case.case.late_by) == ("open", 1_200)


# What if


def test_a_longer_promise_changes_due_moment_breach_and_steps():
    known = story("10:00:00 in m1 42s by client\n10:20:00 out d1 60s talk 5")
    before, after = (play(known, rulebook(policy=text), RULES) for text in ("", 'callback_target = "1h"'))
    found = compare(before, after)
    assert (found["added"], found["removed"]) == ([], [])
    (changed,) = found["changed"]
    assert {"due_at", "breached", "late_by", "steps"} == changed["changes"].keys()
    assert changed["changes"]["breached"] == [True, False]
    assert (totals(before)["breached"], totals(after)["breached"]) == (1, 0)
    assert totals(before)["notices"] > totals(after)["notices"] == 0


def test_a_longer_short_abandon_takes_a_case_away_and_a_shorter_one_adds_it():
    known = story("10:00:00 in m1 8s by client")
    before, after = (play(known, rulebook(policy=text), RULES) for text in ("", 'short_abandon = "10s"'))
    assert compare(before, after)["removed"] == ["missed_call:src/call/m1"]
    assert compare(after, before)["added"] == ["missed_call:src/call/m1"]


def test_a_play_under_the_same_rules_differs_in_nothing():
    cases = play(story("10:00:00 in m1 42s by client"), rulebook(), RULES)
    assert compare(cases, cases) == {"added": [], "removed": [], "changed": []}


def test_the_cost_follows_what_happens_not_how_long_it_lasts():
    """The same call with its end a second or ten years later is looked at as often."""
    looked: list[Any] = []

    def counting(context: Any) -> Any:
        looked.append(context.now)
        return RULES[0].find(context)

    rule = type(RULES[0])(RULES[0].name, counting)
    play(story("10:00:00 in m1 42s by client"), rulebook(), (rule,))
    short = len(looked)
    looked.clear()
    play(story("10:00:00 in m1 42s by client"), rulebook(), (rule,), until=at("2036-03-10 10:00"))
    assert len(looked) <= short + 1 < 20


def test_handles_of_the_story_are_the_clients():
    (case,) = play(story("10:00:00 in m1 42s by client"), rulebook(), RULES)
    assert case.row()["contact"]["handles"] == [CLIENT]
