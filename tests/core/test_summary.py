"""What is one of us told of a day? Figures counted by hand, from the rows that the listing commands print."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hub.core import report, summary
from hub.core.report import Facts
from hub.core.summary import Deal, Response, Scope, Task, scope_of
from tests.core.timelines import at, rulebook

BOOK = rulebook()
ZONE = ZoneInfo("Europe/Moscow")
ALL = Scope()
NOW = at("18:00")


def call(number: int, time: str, *, missed: bool, group: str = "sales", by: str | None = None) -> dict[str, Any]:
    return {
        "ref": f"src/call/{number}",
        "started_at": at(time).isoformat(),
        "line": None,
        "line_group": group,
        "missed": missed,
        "outcome": "no_answer" if missed else "answered",
        "excluded": None,
        "in_hours": True,
        "answered_by": by,
        "ring_wait": 5,
        "client_wait": 30,
    }


def case(number: int, time: str, state: str = "open", **more: Any) -> dict[str, Any]:
    told = {
        "key": f"missed_call:src/call/{number}",
        "ref": f"src/call/{number}",
        "kind": "missed_call",
        "contact": {"id": number, "name": None, "handles": [f"phone:+7921000000{number}"]},
        "line_group": "sales",
        "state": state,
        "resolution": {"recovered": "callback_reached", "lost": "expired", "closed": "closed_by_hand"}.get(state),
        "reason": None,
        "opened_at": at(time).isoformat(),
        "opened_by": f"src/call/{number}",
        "closed_at": None if state == "open" else at("17:00").isoformat(),
        "due_at": (at(time) + timedelta(minutes=15)).isoformat(),
        "breached": False,
        "owner": "anna",
        "assignee": "anna",
        "evidence": [f"src/call/{number}"],
        "time_to_reach": {"wall": 600, "working": 600} if state == "recovered" else None,
        "silently_lost": False,
    }
    return told | more


def wait(number: int, working: int | None, owner: str = "anna", **more: Any) -> dict[str, Any]:
    told = {
        "key": f"awaiting_reply:{number}",
        "ref": f"src/message/{number}",
        "kind": "first",
        "line_group": "sales",
        "started_at": at("10:00").isoformat(),
        "state": "open" if working is None else "answered",
        "off_hours": False,
        "working": working,
        "wall": working,
        "due_at": at("10:15").isoformat(),
        "breached": working is None or working > 900,
        "owner": owner,
        "replied_by": None if working is None else owner,
        "own": [],
    }
    return told | more


def told(facts: Facts, scope: Scope = ALL, open_cases=(), lost=(), **more: Any) -> summary.Summary:
    period = {"since": at("00:00"), "until": NOW, "at": NOW}
    return summary.summary(scope, facts, open_cases, lost, BOOK, ZONE, **period | more)


DAY = Facts(
    calls=[
        call(1, "10:00", missed=True),
        call(2, "10:10", missed=True, group="support"),
        call(3, "11:00", missed=False, by="anna"),
        call(4, "12:00", missed=False, by="vera"),
    ],
    cases=[case(1, "10:00", "recovered"), case(2, "10:10", line_group="support", owner="vera", assignee="vera")],
    waits=[wait(1, 60), wait(2, 300), wait(3, 1200, "vera"), wait(4, None, "vera")],
)


@pytest.mark.parametrize(
    ("member", "scope"),
    [
        ("gleb", Scope(groups=frozenset({"sales"}))),
        ("boris", Scope(groups=frozenset({"support"}))),
        ("anna", Scope(member="anna")),
    ],
)
def test_a_head_is_told_of_his_groups_and_a_manager_of_his_own(member, scope):
    assert scope_of(member, BOOK) == scope


def test_the_head_of_sales_is_told_of_everything():
    assert scope_of("gleb", replace(BOOK, head_of_sales="gleb")) == Scope()


@pytest.mark.parametrize(
    ("scope", "inbound", "missed", "fates", "response"),
    [
        (Scope(), 4, 2, {"recovered": 1, "early": 1}, (300, 1200, 3, 2, 4)),
        (Scope(groups=frozenset({"sales"})), 3, 1, {"recovered": 1}, (300, 1200, 3, 2, 4)),
        (Scope(groups=frozenset({"support"})), 1, 1, {"early": 1}, (None, None, 0, 0, 0)),
        (Scope(member="anna"), 2, 1, {"recovered": 1}, (60, 300, 2, 2, 2)),
        (Scope(member="vera"), 2, 1, {"early": 1}, (1200, 1200, 1, 0, 2)),
        (Scope(member="dina"), 0, 0, {}, (None, None, 0, 0, 0)),
    ],
)
def test_the_figures_of_a_scope(scope, inbound, missed, fates, response):
    found = told(DAY, scope)
    assert (found.inbound, found.missed, +found.fates) == (inbound, missed, fates)
    measured = found.response
    assert (measured.median, measured.p90, measured.n, measured.in_time, measured.promised) == response


def test_the_figures_are_those_of_the_report_command():
    rows = report.report("missed", DAY, BOOK, ZONE)
    assert told(DAY).missed == sum(row["missed"].value for row in rows)
    by_group = {row["line_group"]: row for row in rows}
    sales = told(DAY, Scope(groups=frozenset({"sales"})))
    assert sales.miss_rate == pytest.approx(by_group["sales"]["miss_rate"].value)


def test_where_nothing_was_promised_nobody_is_on_time():
    reached = case(1, "10:00", "recovered")
    assert told(Facts((), [reached], ())).in_time == 1
    assert told(Facts((), [reached | {"due_at": None}], ())).in_time is None


def test_without_calls_there_is_no_rate_and_nothing_to_tell():
    found = told(Facts((), (), ()))
    assert (found.miss_rate, found.is_empty, found.response) == (None, True, Response(median=None, p90=None, n=0))


@pytest.mark.parametrize(
    ("row", "fate"),
    [
        (case(1, "10:00", "recovered"), "recovered"),
        (case(1, "10:00"), "early"),
        (case(1, "10:00", "lost"), "lost"),
        (case(1, "10:00", "lost", silently_lost=True), "silent"),
        (case(1, "10:00", "closed", reason="asked_not_to_call", silently_lost=True), "silent"),
        (case(1, "10:00", "closed", reason="handled_offline"), "closed"),
    ],
)
def test_what_became_of_a_client(row, fate):
    assert summary.fate(row) == fate


def test_no_miss_and_no_number_are_no_clients_who_were_missed():
    rows = [
        case(1, "10:00", "closed", resolution="no_callback_number"),
        case(2, "10:00", "closed", reason="spam"),
        case(3, "10:00", kind="new_lead"),
    ]
    assert summary.cases_of(Facts((), rows, ())) == []


def test_the_silently_lost_are_those_of_seven_days_by_when_they_were_given_up():
    ago = [timedelta(0), timedelta(days=7), timedelta(days=7, seconds=1), timedelta(seconds=1)]
    rows = [
        case(number, "10:00", "lost", silently_lost=True, closed_at=(NOW - past).isoformat())
        for number, past in enumerate(ago)
    ]
    rows.append(case(9, "10:00", "lost", closed_at=(NOW - timedelta(days=1)).isoformat()))
    found = summary.silently_lost(rows, NOW)
    assert [row["contact"]["id"] for row in found] == [3, 1]  # before the moment, the last first


def test_who_waits_is_told_with_since_when_and_whose_turn_it_is_the_overdue_first():
    rows = [
        case(1, "17:50", assignee="vera"),
        case(2, "2026-03-09 17:00", kind="new_lead", breached=True),
        case(3, "12:50", line_group="default", owner=None, assignee=None),
    ]
    found = told(Facts((), (), ()), open_cases=rows).waiting
    assert [(one.contact, one.owner, one.wall, one.working) for one in found] == [
        (2, "anna", 90_000, 28_800),  # Monday was closed
        (3, None, 18_600, None),  # no hours are known there
        (1, "vera", 600, 600),
    ]
    mine = told(Facts((), (), ()), Scope(member="anna"), rows).waiting
    assert [one.contact for one in mine] == [2, 1]  # he owns what a colleague has to do


def test_a_deal_without_an_open_task_of_its_own_or_of_its_client_has_no_next_step():
    deals = [
        Deal(ref="amo/deal/1", connection="amo", owner="user:crm/1", cards=("7",)),
        Deal(ref="amo/deal/2", connection="amo", owner="user:crm/2", created_at=datetime(2026, 1, 5, tzinfo=UTC)),
        Deal(ref="amo/deal/3", connection="amo", cards=("8",)),
        Deal(ref="amo/deal/4", connection="amo", cards=("9",), created_at=datetime(2026, 1, 2, tzinfo=UTC)),
    ]
    tasks = [Task("amo", deal="1"), Task("amo", card="8"), Task("amo", deal="5", card="9"), Task("other", deal="2")]
    assert [deal.ref for deal in summary.without_next_step(deals, tasks)] == ["amo/deal/4", "amo/deal/2"]
    everything = told(DAY, deals=deals, tasks=tasks)
    assert everything.stale is not None
    assert [deal.owner for deal in everything.stale] == [None, "boris"]
    assert told(DAY, Scope(member="boris"), deals=deals, tasks=tasks).stale == everything.stale[1:]
    assert told(DAY).stale is None


def test_the_people_of_a_head_are_those_of_his_groups_and_whoever_had_to_do_with_them():
    found = told(DAY, Scope(groups=frozenset({"sales"})), [case(1, "10:00", breached=True)])
    assert [(one.member, one.missed, one.response.n, one.waiting, one.overdue) for one in found.people] == [
        ("anna", 1, 2, 1, 1),
        ("vera", 0, 1, 0, 0),
    ]
    assert told(DAY, Scope(member="anna")).people == ()


def test_days_are_those_of_the_reports_zone():
    late = case(1, "2026-03-10 00:30")  # the day before in UTC
    days = [date(2026, 3, 9), date(2026, 3, 10)]
    assert summary.by_day([late], ZONE, days) == {days[0]: {}, days[1]: {"early": 1}}
    by_day = summary.response_by_day(DAY.waits, ZONE, days)
    assert {day: response.median for day, response in by_day.items()} == {days[1]: 300}
