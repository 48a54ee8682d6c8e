"""Is what was missed read from files and databases, in whatever shape they keep their times?"""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parent))
from truth import FIXTURES, check_folder, fold, site

from hub.sdk import Context, Page, Raw, Temporary
from plugins.telephony.asterisk import gap
from plugins.telephony.asterisk.columns import _CEL, _CUSTOM
from plugins.telephony.asterisk.files import read
from plugins.telephony.asterisk.live import Pbx
from plugins.telephony.asterisk.settings import Settings, Table

FOLDER = FIXTURES / "ami-gap"
LOST_AT, BACK_AT = 1795429376_793, 1795429389_481


class Then:
    """A host whose clock stands a minute after the recording."""

    connection = "pbx"
    since: datetime | None = None
    context = Context("pbx")

    def now(self) -> datetime:
        return datetime.fromtimestamp(BACK_AT / 1000, UTC) + timedelta(minutes=1)

    def http(self, base_url: str, *, secrets: Any = ()) -> Any:
        raise NotImplementedError


def database(tmp_path: Path, table: str, columns: tuple[str, ...], rows: list[list[str]], kind: Any = sa.Text) -> Table:
    url = f"sqlite:///{tmp_path / 'asterisk.db'}"
    engine = sa.create_engine(url)
    fields = [sa.Column(name, kind if name in {"start", "eventtime"} else sa.Text) for name in columns]
    made = sa.Table(table, sa.MetaData(), *fields)
    made.create(engine)
    with engine.begin() as connection:
        connection.execute(sa.insert(made), [dict(zip(columns, row, strict=False)) for row in rows])
    return Table(url=url, table=table)


def rows_of(name: str) -> list[list[str]]:
    with (FOLDER / name).open(encoding="utf-8") as file:
        return list(csv.reader(file))


def packets() -> list[Raw]:
    settings, context = site(FOLDER)
    return [item for item in read(FOLDER / "ami.raw", "ami.raw", settings, context) if isinstance(item, Raw)]


@pytest.mark.parametrize("shape", ["file", "epoch text", "epoch number", "local time", "datetime"])
def test_the_event_log_of_a_gap_makes_every_call_exact(shape: str, tmp_path: Path) -> None:
    settings, context = site(FOLDER)
    rows = rows_of("cel.csv")
    source: str | Table = str(FOLDER / "cel.csv")
    if shape != "file":
        kind: Any = sa.Text
        if shape in {"local time", "datetime"}:
            from zoneinfo import ZoneInfo

            for row in rows:
                local = datetime.fromtimestamp(float(row[1]), ZoneInfo("Europe/Moscow")).replace(tzinfo=None)
                row[1] = local if shape == "datetime" else f"{local:%Y-%m-%d %H:%M:%S.%f}"  # type: ignore[call-overload]
            kind = sa.DateTime if shape == "datetime" else sa.Text
        elif shape == "epoch number":
            kind = sa.Float
            for row in rows:
                row[1] = float(row[1])  # type: ignore[call-overload]
        source = database(tmp_path, "cel", _CEL, rows, kind)
    plan = gap.planned(LOST_AT, BACK_AT)
    found = gap.rows(settings.model_copy(update={"cel": source}), plan)
    calls = fold([*packets(), *found], settings, context)
    assert check_folder(calls, FOLDER) == []


async def pages(settings: Settings, cursor: Any) -> tuple[list[Raw], Any]:
    found: list[Raw] = []
    async for page in gap.pull_cdr(Pbx(settings, Then()), cursor):
        assert isinstance(page, Page)
        found += page.items
        cursor = page.cursor or cursor
    return found, cursor


@pytest.mark.parametrize("shape", ["file", "table"])
async def test_call_records_fill_a_gap_to_the_second(shape: str, tmp_path: Path) -> None:
    settings, context = site(FOLDER)
    source: str | Table = str(FOLDER / "cdr.csv")
    if shape == "table":
        source = database(tmp_path, "cdr", _CUSTOM, rows_of("cdr.csv"))
    settings = settings.model_copy(update={"cdr": source})
    found, cursor = await pages(settings, None)
    without_cdr_events = [raw for raw in packets() if raw.kind != "cdr"]
    calls = fold([*without_cdr_events, *found], settings, context)
    assert check_folder(calls, FOLDER, tolerance=2.0, skip=frozenset({"hangup"})) == []
    again, _ = await pages(settings, cursor)
    assert again == []


async def test_new_rows_of_a_growing_file_are_read_once(tmp_path: Path) -> None:
    settings, _ = site(FOLDER)
    lines = (FOLDER / "cdr.csv").read_text().splitlines(keepends=True)
    file = tmp_path / "Full.csv"
    file.write_text("".join(lines[:2]))
    settings = settings.model_copy(update={"cdr": str(file)})
    first, cursor = await pages(settings, None)
    file.write_text("".join(lines))
    second, cursor = await pages(settings, cursor)
    third, _ = await pages(settings, cursor)
    told = [row for raw in [*first, *second] for row in raw.payload["rows"]]
    assert len(told) == len(lines)
    assert third == []


def test_only_the_end_of_a_long_file_is_read(tmp_path: Path) -> None:
    old = (FIXTURES / "mixed-stream" / "cdr.csv").read_text().replace("2026-11-23", "2026-10-01")
    file = tmp_path / "Full.csv"
    file.write_text(old * 40 + (FOLDER / "cdr.csv").read_text())
    tail = list(gap._tail(file, LOST_AT, gap.ZoneInfo("Europe/Moscow")))
    assert len(tail) < 3_000
    count, rows = gap.readable(str(file), "cdr", gap.ZoneInfo("Europe/Moscow"), Then().now())
    assert count == len(rows) == 7


def test_a_missing_file_and_a_missing_table_say_what_to_do(tmp_path: Path) -> None:
    zone = gap.ZoneInfo("Europe/Moscow")
    with pytest.raises(Temporary, match="permissions"):
        gap.readable(str(tmp_path / "none.csv"), "cdr", zone, Then().now())
    with pytest.raises(Temporary, match="cannot be read"):
        gap.readable(Table(url=f"sqlite:///{tmp_path / 'x.db'}", table="cdr"), "cdr", zone, Then().now())
    with pytest.raises(Temporary) as caught:
        gap.readable(
            Table(url="postgresql+psycopg://hub:swordfish@127.0.0.1:1/x", table="cdr"), "cdr", zone, Then().now()
        )
    assert "swordfish" not in str(caught.value)


def test_what_was_planned_and_not_yet_read_is_read_by_the_next_plan():
    first = gap.planned(LOST_AT, BACK_AT)
    again = gap.planned(BACK_AT, BACK_AT + 5_000, first)
    assert (again["from"], again["to"]) == (first["from"], BACK_AT + 6_000)


def test_a_gap_of_half_a_second_is_filled_too() -> None:
    folder = FIXTURES / "ringgroup-answered"
    settings, context = site(folder)
    (heard,) = [item for item in read(folder / "ami.raw", "ami.raw", settings, context) if isinstance(item, Raw)]
    packets: list[tuple[int, int, str, dict[str, str]]] = heard.payload["p"]
    answered = next(at for _, at, event, _ in packets if event == "BridgeEnter")
    lost, back = answered - 100, answered + 400
    sessions = {
        packets[0][1]: [row for row in packets if row[1] < lost],
        back: [row for row in packets if row[1] >= back],
    }
    raws = [Raw("ami", str(name), {"s": str(name), "p": rows}, heard.group) for name, rows in sessions.items()]
    raws.append(Raw("gap", "gap", {"from": lost, "to": back, "restart": False}, heard.group))
    plan = gap.planned(lost, back)
    found = gap.rows(settings.model_copy(update={"cel": str(folder / "cel.csv")}), plan)
    assert check_folder(fold([*raws, *found], settings, context), folder) == []
