"""Does everybody get his report once, when his day ends, with the figures as they stand then?"""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Engine, event, select

from hub.charts.drawing import Drawer
from hub.core.effects import Report
from hub.engine import deliver, letters, report, reports, work
from hub.engine.hub import Hub
from hub.engine.receive import arrival
from hub.sdk.connector import Connector, Push, Raw, Sent
from hub.store import inbox
from hub.store.schema import outbox
from tests.engine.conftest import Workshop, live

CONFIG = """
[hub]
timezone = "Europe/Moscow"
language = "en"
head_of_sales = "gleb"

[calendars.office]
timezone = "Europe/Moscow"
[[calendars.office.hours]]
from = 2020-01-01
days = { mon-fri = "09:00-18:00" }

[lines.sales]
calendar = "office"
lines = ["74950010100"]
head = "boris"
duty = ["anna"]

[team.anna]
name = "Anna"
handles = ["ext:src/101", "user:src/1"]
notify = ["post:anna@example.ru"]

[team.boris]
name = "Boris"
handles = ["ext:src/102"]
notify = ["nowhere:1", "post:boris@example.ru"]

[team.gleb]
name = "Gleb"
notify = ["post:gleb@example.ru"]

[team.mute]
name = "Mute"
notify = ["nowhere:7"]
"""
CONNECTIONS = {"src": 'plugin = "records"\nsecret = { env = "HOOK_SECRET" }', "post": 'plugin = "post"'}
NOON = datetime(2026, 3, 10, 9, tzinfo=UTC)
MISSED = {
    "record": "call",
    "id": "c1",
    "direction": "inbound",
    "client": "phone:+79210000001",
    "line": "74950010100",
    "started_at": "2026-03-10T09:30:00+03:00",
    "ended_at": "2026-03-10T09:30:40+03:00",
    "hangup_by": "client",
    "final": True,
    "legs": [
        {
            "kind": "member",
            "to": "ext:101",
            "started_at": "2026-03-10T09:30:05+03:00",
            "ended_at": "2026-03-10T09:30:40+03:00",
            "result": "no_answer",
        }
    ],
}


PAINTER = """
import json, struct, sys
for _ in json.load(sys.stdin.buffer)["specs"]:
    sys.stdout.buffer.write(struct.pack(">I", 4) + b"blue")
"""


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Post:
    """A mail server in process: what it was given."""

    def __init__(self) -> None:
        self.got: list[Report] = []

    async def send(self, _client: Any, effect: Report) -> Sent:
        self.got.append(effect)
        return Sent(id=f"m{len(self.got)}")

    def connector(self) -> Connector:
        @asynccontextmanager
        async def opened(_settings: Any, _host: Any) -> Any:
            yield None

        return Connector("post", Settings, open=opened, push=lambda _settings: (Push(Report, self.send, "safe"),))


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def hub(sqlite_workshop: Workshop, post: Post, tmp_path: Path) -> Hub:
    """A hub whose pictures are drawn by a program that starts at once: only one test needs to see a real one."""
    made = sqlite_workshop.hub(post.connector(), config=CONFIG, connections=CONNECTIONS)
    live(made)
    made.drawer = Drawer(child=tmp_path / "painter.py")
    (tmp_path / "painter.py").write_text(PAINTER, encoding="utf-8")
    return made


async def tell(hub: Hub, *records: dict[str, Any]) -> None:
    """Records come in and are judged."""
    arrivals = [arrival("src", Raw("record", record["id"], record), hub.now()) for record in records]
    await hub.db.run(inbox.put, arrivals)
    await work.catch_up(hub, hub.now())


async def evening(hub: Hub) -> dict[str, tuple[str, str | None]]:
    """Plan and deliver what is due now: key → state and reason of everything in the outbox."""
    while await reports.step(hub):
        pass
    while await deliver.step(hub, hub.links["post"], hub.now()):
        pass
    with hub.db.begin() as connection:
        return {row.key: (row.state, row.error) for row in connection.execute(select(outbox).order_by(outbox.c.id))}


def kinds(states: dict[str, tuple[str, str | None]]) -> dict[str, str]:
    """Of the reports alone, key → state."""
    return {key.removeprefix("report/"): state for key, (state, _) in states.items() if key.startswith("report/")}


async def test_each_gets_his_own_at_the_end_of_the_day_once(hub, post, sqlite_workshop):
    hub.drawer = Drawer()
    await tell(hub, MISSED)
    await evening(hub)
    assert post.got == []
    assert reports.next_due(hub) == NOON + timedelta(hours=6)
    sqlite_workshop.clock.move(hours=8)  # 18:00
    for _ in range(3):
        assert kinds(await evening(hub)) == {
            "daily/2026-03-10/anna": "sent",
            "daily/2026-03-10/boris": "sent",
            "daily/2026-03-10/gleb": "sent",
        }
    assert [effect.address for effect in post.got] == ["anna@example.ru", "boris@example.ru", "gleb@example.ru"]
    titles = {effect.title for effect in post.got}
    assert titles == {"Tuesday, 10 March: 1 missed call, 1 still waits"}
    for effect in post.got:
        assert effect.images["misses"].startswith(b"\x89PNG")
        assert 'src="cid:misses"' in effect.html
        assert "+7 921 000-00-01" in effect.text.replace("\u00a0", " ")
    assert "Anna" in post.got[1].html  # the people of the head


async def test_who_has_no_channel_for_mail_gets_none(hub):
    assert set(reports.recipients(hub)) == {"anna", "boris", "gleb"}


async def test_managers_get_none_where_it_is_so_set(sqlite_workshop, post):
    config = CONFIG + "\n[reports]\nmanagers = false\n"
    hub = sqlite_workshop.hub(post.connector(), config=config, connections=CONNECTIONS)
    assert set(reports.recipients(hub)) == {"boris", "gleb"}


async def test_a_hub_that_stood_still_sends_the_last_report_until_the_next_is_due_and_never_two(
    hub, post, sqlite_workshop
):
    await evening(hub)
    await tell(hub, MISSED)
    sqlite_workshop.clock.move(hours=24 + 8 + 16)  # Thursday, 10:00: two evenings passed unseen
    assert set(kinds(await evening(hub))) == {f"daily/2026-03-11/{who}" for who in ("anna", "boris", "gleb")}
    assert "as of 12 March, 10:00" in post.got[0].text.replace("\u00a0", " ")
    sqlite_workshop.clock.move(hours=8)
    await evening(hub)
    assert [effect.day for effect in post.got] == ["2026-03-11"] * 3 + ["2026-03-12"] * 3


async def test_who_is_told_of_reports_for_the_first_time_gets_none_of_the_past(hub, post):
    await evening(hub)
    assert post.got == []  # neither Monday's nor February's


async def test_a_report_that_could_not_go_out_is_dropped_when_the_next_is_due(hub, post, sqlite_workshop):
    await evening(hub)
    sqlite_workshop.clock.move(hours=8)
    await reports.step(hub)
    sqlite_workshop.clock.move(hours=24)
    found = await evening(hub)
    assert found["report/daily/2026-03-10/boris"] == ("dropped", letters.SUPERSEDED)
    assert found["report/daily/2026-03-11/boris"][0] == "sent"


async def test_a_manager_to_whom_there_is_nothing_to_tell_is_left_alone_and_a_head_is_not(hub, post, sqlite_workshop):
    await evening(hub)
    sqlite_workshop.clock.move(hours=8)
    found = await evening(hub)
    assert found["report/daily/2026-03-10/anna"] == ("dropped", letters.NOTHING)
    assert [effect.to for effect in post.got] == ["boris", "gleb"]
    assert post.got[0].title == "Tuesday, 10 March: no missed calls, nobody waits"


async def test_figures_do_not_wait_for_pictures(hub, post, sqlite_workshop, tmp_path):
    await evening(hub)
    await tell(hub, MISSED)
    broken = tmp_path / "child.py"
    broken.write_text("raise SystemExit('no renderer here')", encoding="utf-8")
    hub.drawer = Drawer(child=broken)
    sqlite_workshop.clock.move(hours=8)
    await evening(hub)
    assert [effect.images for effect in post.got] == [{}, {}, {}]
    assert "<img" not in post.got[0].html
    assert "Missed clients by day" in post.got[0].html


async def test_a_report_tells_the_same_of_a_moment_as_of_now(hub, sqlite_workshop):
    await tell(hub, MISSED)
    now = sqlite_workshop.clock.move(hours=8)
    day = now.date()
    stored = await letters.bulletin(hub, "boris", "daily", day, now)
    evaluated = await letters.bulletin(hub, "boris", "daily", day, now, stored=False)
    assert (stored.summary, stored.days, stored.before) == (evaluated.summary, evaluated.days, evaluated.before)
    found = await report.make(hub, "missed", stored.summary.since, stored.summary.until, now=now, stored=True)
    [sales] = [row for row in found["rows"] if row["line_group"] == "sales"]
    assert (stored.summary.missed, stored.summary.inbound) == (sales["missed"]["value"], sales["miss_rate"]["n"])


async def test_what_came_in_after_the_last_report_is_told_in_the_next(hub, sqlite_workshop):
    late = {
        **MISSED,
        "id": "c2",
        "started_at": "2026-03-10T21:00:00+03:00",
        "ended_at": "2026-03-10T21:00:40+03:00",
        "legs": [],
    }
    now = sqlite_workshop.clock.move(hours=32)  # Wednesday, 18:00
    await tell(hub, late)
    told = await letters.bulletin(hub, "boris", "daily", now.date(), now)
    assert told.summary.missed == 0
    assert told.before is not None
    assert (told.before.missed, dict(told.before.fates)) == (1, {"early": 1})
    assert [one.contact for one in told.summary.waiting] != []


async def test_open_deals_without_a_task_are_told_and_gone_ones_are_not(hub, sqlite_workshop):
    deal = {
        "record": "deal",
        "title": "Boilers",
        "owner": "user:1",
        "state": "open",
        "created_at": "2026-03-01T10:00:00+03:00",
    }
    now = sqlite_workshop.clock.move(hours=1)
    before = await letters.bulletin(hub, "gleb", "daily", now.date(), now)
    assert before.summary.stale is None
    await tell(
        hub,
        {**deal, "id": "1"},
        {**deal, "id": "2"},
        {**deal, "id": "3", "state": "won"},
        {**deal, "id": "4"},
        {**deal, "id": "5"},
        {"record": "task", "id": "t2", "deal": "2"},
        {"record": "task", "id": "t4", "deal": "4", "done_at": "2026-03-09T10:00:00+03:00"},
        {"record": "gone", "of": "deal", "id": "5", "at": "2026-03-09T10:00:00+03:00"},
    )
    now = sqlite_workshop.clock.move(hours=1)
    told = await letters.bulletin(hub, "gleb", "daily", now.date(), now)
    assert told.summary.stale is not None
    assert [(deal.ref, deal.owner) for deal in told.summary.stale] == [("src/deal/1", "anna"), ("src/deal/4", "anna")]
    own = await letters.bulletin(hub, "anna", "daily", now.date(), now)
    assert own.summary.stale == told.summary.stale
    await tell(hub, {**deal, "id": "1", "state": "lost", "changed_at": "2026-03-10T10:30:00+03:00"})
    later = sqlite_workshop.clock.move(minutes=1)
    found = (await letters.bulletin(hub, "gleb", "daily", later.date(), later)).summary.stale
    assert found is not None
    assert [deal.ref for deal in found] == ["src/deal/4"]


async def test_a_report_reads_its_period_and_what_is_open_never_all_of_history(hub, sqlite_workshop):
    await tell(hub, MISSED, {"record": "deal", "id": "1"}, {"record": "task", "id": "2"})
    now = sqlite_workshop.clock.move(hours=8)
    asked: list[tuple[str, Any]] = []

    def note(_connection, _cursor, statement, parameters, *_rest):
        asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        await letters.bulletin(hub, "boris", "daily", now.date(), now)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    with hub.db.begin() as connection:
        plans = [
            row[3]
            for statement, parameters in asked
            if statement.startswith("SELECT")
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
    few = ("ix_cases_open", "ix_inbox_new", "ix_inbox_dead")  # indexes of what is unfinished alone
    scans = {plan for plan in plans if plan.startswith("SCAN") and not any(index in plan.split() for index in few)}
    large = {"records", "calls", "cases", "offers", "contacts", "handles", "outbox", "inbox"}
    assert not [scan for scan in scans if scan.split()[1] in large]
