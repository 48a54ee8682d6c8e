"""Does the order in which a day's records arrive change anything? Never: promise 2 of the hub."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.engine import current, evaluate, work
from hub.engine.hub import Hub, accept
from hub.engine.receive import arrival
from hub.sdk.connector import Raw
from hub.store import calls, cases, inbox, people
from hub.store.schema import metadata
from tests.days import CONFIG, END, START, days, text
from tests.engine.conftest import Workshop, rows

MANY = settings(
    max_examples=int(os.environ.get("CRMHUB_DAYS", "15")),  # each is some six imports and derivations
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@dataclass
class Company:
    """A hub that can be emptied and filled again."""

    hub: Hub

    def empty(self) -> None:
        with self.hub.db.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
        self.hub._book = None
        accept(self.hub)

    async def take(self, records: Sequence[dict[str, Any]], now: Any, *, as_live: bool = False) -> None:
        """One import: kept, absorbed and derived at `now`."""
        raws = [Raw("record", f"{row['record']}/{row['id']}", row) for row in records]
        await self.hub.db.run(inbox.put, [arrival("src", raw, now, as_live=as_live) for raw in raws])
        await work.catch_up(self.hub, now)

    def picture(self) -> tuple[list[Any], list[Any]]:
        """What `crmhub calls` and `crmhub cases` print."""
        return rows(self.hub, calls.listing), rows(self.hub, cases.listing)


@pytest.fixture
def company(sqlite_workshop: Workshop) -> Company:
    return Company(sqlite_workshop.hub(config=CONFIG))


def sliced(records: Sequence[Any], places: Iterable[int]) -> Iterable[Sequence[Any]]:
    bounds = [0, *sorted(places), len(records)]
    return [part for begin, end in itertools.pairwise(bounds) if (part := records[begin:end])]


@given(day=days(), data=st.data())
@MANY
async def test_any_order_repetition_and_slicing_gives_the_same_calls_and_cases(
    company: Company, day: list[dict[str, Any]], data: st.DataObject
) -> None:
    company.empty()
    await company.take(day, END)
    once = company.picture()
    order = data.draw(st.permutations(day + day[::3]))
    places = data.draw(st.sets(st.integers(1, len(order)), max_size=5))
    company.empty()
    for part in sliced(order, places):
        await company.take(part, END)
    assert company.picture() == once


@pytest.mark.slow
@given(day=days(), data=st.data())
@MANY
async def test_what_was_derived_in_its_windows_is_what_the_whole_history_says(
    company: Company, day: list[dict[str, Any]], data: st.DataObject
) -> None:
    company.empty()
    for part in sliced(day, data.draw(st.sets(st.integers(1, len(day)), max_size=4))):
        await company.take(part, END + timedelta(days=data.draw(st.sampled_from([0, 0, 40]))))
    last = END + timedelta(days=41)
    await work.catch_up(company.hub, last)
    windowed = company.picture()
    await company.hub.db.run(people.mark_all_due, last)
    await work.catch_up(company.hub, last)
    assert company.picture() == windowed


@pytest.mark.slow
@given(day=days(), hours=st.sampled_from([0, 1, 24, 24 * 9]))
@MANY
async def test_evaluated_for_now_is_what_is_stored(company: Company, day: list[dict[str, Any]], hours: int) -> None:
    """Also when nothing came for a while and only the clock went on."""
    now = END + timedelta(hours=hours)
    company.empty()
    await company.take(day, END)
    await work.catch_up(company.hub, now)
    found = await evaluate.at(company.hub, now)
    assert found.calls == rows(company.hub, calls.listing)
    assert found.cases == await current.listing(company.hub, now)


@pytest.mark.slow
@given(day=days(), seconds=st.integers(0, 3 * 86_400))
@MANY
async def test_evaluated_for_a_moment_is_what_was_stored_at_that_moment(
    company: Company, day: list[dict[str, Any]], seconds: int
) -> None:
    """Facts that the source tells with later versions are left out: then the newest version counts at any moment."""
    moment = START + timedelta(seconds=seconds)
    plain = [row for row in day if row["record"] == "call" and "changed_at" not in row and "version" not in row]
    plain = list({row["id"]: {**row, "final": True} for row in plain}.values())
    then = [row for row in plain if row.get("ended_at", row["started_at"]) <= text(moment)]
    company.empty()
    await company.take(then, moment)
    stored = company.picture()
    running = {row["id"] for row in plain} - {row["id"] for row in then}
    await company.take(plain, END)
    found = await evaluate.at(company.hub, moment)
    if not {row["id"] for row in plain if row["started_at"] <= text(moment)} & running:
        assert (found.calls, found.cases) == stored


@pytest.mark.slow
@given(day=days(), data=st.data())
@MANY
async def test_a_late_record_of_a_live_day_takes_no_step_twice(
    company: Company, day: list[dict[str, Any]], data: st.DataObject
) -> None:
    from hub.store import outbox

    company.empty()
    order = data.draw(st.permutations(day))
    moment = END
    for part in sliced(order, data.draw(st.sets(st.integers(1, len(order)), max_size=5))):
        moment += timedelta(minutes=20)
        await company.take(part, moment, as_live=True)
    effects = rows(company.hub, outbox.listing)
    assert len({row["key"] for row in effects}) == len(effects)
    await company.take(order, moment, as_live=True)
    assert rows(company.hub, outbox.listing) == effects


async def test_a_golden_day_is_the_same_on_both_databases_in_any_order(workshop: Workshop) -> None:
    import json
    import random

    golden = Path(__file__).parents[1] / "golden"
    for folder in sorted(golden.glob("g*")):
        records = [json.loads(line) for line in (folder / "records.jsonl").read_text(encoding="utf-8").splitlines()]
        config = (folder / "config.toml").read_text(encoding="utf-8")
        if "[connections" in config:
            continue
        company = Company(workshop.hub(config=config))
        pictures = []
        for seed in (None, 1):
            company.empty()
            order = list(records)
            if seed is not None:
                random.Random(seed).shuffle(order)
            parts = [order] if seed is None else [order[begin : begin + 3] for begin in range(0, len(order), 3)]
            for part in parts:
                await company.take(part, END + timedelta(days=365))
            pictures.append(company.picture())
        assert pictures[0] == pictures[1], folder.name


async def test_a_call_that_ends_by_a_clock_ahead_of_ours_is_judged_when_that_moment_has_come(company: Company) -> None:
    """The hang-up of a missed call reaches us before it happened; nothing else ever comes."""
    from tests.cli.conftest import missed

    await company.take([missed("1", START)], START + timedelta(seconds=10))
    assert [row["outcome"] for row in company.picture()[0]] == [None]
    await work.catch_up(company.hub, START + timedelta(minutes=2))
    assert [row["outcome"] for row in company.picture()[0]] == ["abandoned_wait"]
    assert [row["state"] for row in company.picture()[1]] == ["open"]


@pytest.mark.slow
@given(day=days(), data=st.data())
@MANY
async def test_a_day_lived_through_ends_as_one_that_is_imported_later(
    company: Company, day: list[dict[str, Any]], data: st.DataObject
) -> None:
    """Records come late, in any order, while the clock goes on and cases open, expire and are believed no more."""
    delays = data.draw(st.lists(st.integers(0, 12 * 86_400), min_size=len(day), max_size=len(day)))
    ahead = timedelta(seconds=data.draw(st.sampled_from([0, 0, 50, 4_000])))  # how far the source's clock is
    moment, last = START, END + timedelta(days=13)
    company.empty()
    for delay, row in sorted(zip(delays, day, strict=True), key=lambda pair: pair[0]):
        moment = max(moment, START + timedelta(seconds=delay), max(moments_of(row), default=START) - ahead)
        await company.take([row], moment)
    await work.catch_up(company.hub, last)
    lived = company.picture()
    company.empty()
    await company.take(day, last)
    assert company.picture() == lived


def moments_of(row: dict[str, Any]) -> list[Any]:
    found = [row.get(key) for key in ("at", "started_at", "ended_at", "changed_at", "created_at")]
    return [datetime.fromisoformat(value) for value in found if value]
