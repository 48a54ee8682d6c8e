"""A made-up day of a small company, as a bulletin; `python -m tests.letters.samples DIR` writes what it looks like."""

from __future__ import annotations

import asyncio
import base64
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from hub.charts.drawing import Drawer
from hub.core.hours import Absence
from hub.core.policy import Team, TeamMember
from hub.core.summary import Deal, Lost, Person, Response, Scope, Summary, Waiting
from hub.letters.bulletin import Before, Bulletin, Gap
from hub.letters.composing import compose
from hub.texts import texts
from hub.texts.formats import Formats

ZONE = ZoneInfo("Europe/Moscow")
DAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
FOUR_WEEKS = [DAY - timedelta(days=27 - number) for number in range(28)]
TEAM = Team(
    members={
        "anna": TeamMember(key="anna", name="Анна Ковалёва"),
        "kate": TeamMember(key="kate", name="Екатерина Преображенская-Вишневская"),
        "ilya": TeamMember(key="ilya", name="Илья Сафонов"),
        "pavel": TeamMember(key="pavel", name="Павел Зуев", absences=(Absence(DAY, date(2026, 11, 27)),)),
    },
    timezone="Europe/Moscow",
)


def client(number: int = 1, **more) -> dict:
    return {
        "case": f"missed_call/{number}",
        "kind": "missed_call",
        "contact": number,
        "name": None,
        "handle": f"phone:+7921604{1800 + number}",
        "owner": "ilya",
        "line_group": "sales",
    } | more


def waiting(number: int = 1, hours: float = 1, **more) -> Waiting:
    seconds = int(hours * 3600)
    told = {"since": NOW - timedelta(seconds=seconds), "due_at": NOW + timedelta(hours=15), "breached": False}
    return Waiting(**client(number) | told | {"wall": seconds, "working": seconds} | more)


def summary(**more) -> Summary:
    told = {
        "scope": Scope(),
        "since": datetime(2026, 11, 23, 21, tzinfo=UTC),
        "until": NOW,
        "at": NOW,
        "inbound": 64,
        "missed": 11,
        "missed_off_hours": 2,
        "fates": Counter(recovered=8, early=2, closed=1),
        "in_time": 6,
        "response": Response(median=372, p90=1440, n=71, in_time=60, promised=68),
        "silent": (Lost(**client(9, name="ИП Гончаренко"), at=NOW - timedelta(days=1)),),
        "waiting": (
            waiting(
                1, 9.4, name="Виктория Лазарева", kind="awaiting_reply", channel="telegram", breached=True,
                handle="telegram:5550101", since=NOW - timedelta(days=1, hours=1),
            ),
            waiting(2, 0.4, name="Санаторий «Белые ночи»", kind="awaiting_reply", channel="email", owner=None,
                    handle="email:zakaz@belye-nochi.example"),
            waiting(3, 0.2, owner="kate"),
        ),
        "stale": (
            Deal(ref="amo/deal/7", connection="amo", title="6 котлов Vitopend", owner="anna", amount=1_240_000.0,
                 currency="RUB", created_at=NOW - timedelta(days=12), url="https://example.amocrm.ru/leads/detail/7"),
            Deal(ref="amo/deal/9", connection="amo", owner="ilya", created_at=NOW - timedelta(days=3)),
        ),
        "completeness": 0.974,
        "people": (
            person("anna", missed=3, response=Response(median=180, p90=600, n=14, in_time=13, promised=14)),
            person("kate", response=Response(median=540, p90=3120, n=4, values=(240, 540, 660, 3120), in_time=3, promised=4)),
            person("ilya", missed=5, waiting=2, overdue=1, response=Response(median=1020, p90=4000, n=9, in_time=4, promised=9)),
            person("pavel", away=date(2026, 11, 27)),
        ),
    }  # fmt: skip
    return Summary(**told | more)


def person(member: str, **more) -> Person:
    nothing = {
        "missed": 0,
        "fates": Counter(),
        "response": Response(median=None, p90=None, n=0),
        "waiting": 0,
        "overdue": 0,
    }
    return Person(member=member, **nothing | more)


def bulletin(**more) -> Bulletin:
    days = {
        day: Counter(recovered=3 + number % 4, lost=number % 5 == 1, silent=number == 20)
        for number, day in enumerate(FOUR_WEEKS)
    }
    days[DAY] = Counter(recovered=8, early=2, closed=1)
    told = {
        "name": "daily",
        "member": "gleb",
        "first": DAY,
        "last": DAY,
        "summary": summary(),
        "team": TEAM,
        "before": Before(since=NOW - timedelta(days=1), missed=3, fates=Counter(recovered=2, early=1)),
        "days": {day: +fates for day, fates in days.items()},
        "closed": [day for day in FOUR_WEEKS if day.weekday() > 4],
        "target": 900,
        "gaps": (Gap(connection="bitrix", since=NOW - timedelta(hours=6)),),
        "url": "https://hub.example.ru",
    }
    return Bulletin(**told | more)


def weekly(**more) -> Bulletin:
    response = {
        day: Response(median=300 + 97 * (day.day % 9), p90=1800 + 400 * (day.day % 7), n=40)
        for day in FOUR_WEEKS
        if day.weekday() < 5
    }
    return bulletin(**{"name": "weekly", "first": DAY - timedelta(days=6), "before": None, "response": response} | more)


def monthly(**more) -> Bulletin:
    heat = {(day, hour): (day * hour) % 6 for day in range(5) for hour in range(9, 18)}
    days = [date(2026, 10, 1) + timedelta(days=number) for number in range(31)]
    counted = {day: Counter(recovered=5, lost=day.day % 3) for day in days}
    told = {"name": "monthly", "first": days[0], "last": days[-1], "days": counted, "heat": heat}
    return weekly(**told | more)


def formats(language: str = "ru") -> Formats:
    return Formats(texts(language), ZONE, NOW)


def main(folder: Path) -> None:
    """Pages as a browser shows them, their pictures put in."""
    drawer = Drawer()
    for language in ("ru", "en"):
        own = replace(summary(), scope=Scope(member="ilya"), people=(), stale=None)
        for name, one in {
            "daily": bulletin(),
            "weekly": weekly(),
            "monthly": monthly(),
            "own": bulletin(summary=own),
        }.items():
            letter = compose(one, formats(language))
            drawn = asyncio.run(drawer.png(list(letter.charts.values()), language))
            html = letter.html
            for cid, png in zip(letter.charts, drawn, strict=True):
                html = html.replace(f"cid:{cid}", "data:image/png;base64," + base64.b64encode(png).decode())
            (folder / f"{name}.{language}.html").write_text(html, encoding="utf-8")
            (folder / f"{name}.{language}.off.html").write_text(letter.html, encoding="utf-8")
            (folder / f"{name}.{language}.txt").write_text(f"{letter.title}\n\n{letter.text}", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
