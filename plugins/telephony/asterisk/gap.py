"""What did the PBX write down while we did not listen? Rows of CDR and CEL, from a file or a database."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from hub.sdk import Page, Raw, Refused, Temporary
from plugins.telephony.asterisk import columns
from plugins.telephony.asterisk.fold import cdr, cel
from plugins.telephony.asterisk.groups import Groups
from plugins.telephony.asterisk.settings import Settings, Table

if TYPE_CHECKING:
    from plugins.telephony.asterisk.live import Pbx

_AGAIN = (0, 15_000, 60_000, 300_000, 900_000)
"""After a gap the event log is read at once and so many ms later: rows of what still lasted come late."""
PATIENCE = 5.0
_LOOKBACK = timedelta(hours=24)
_OVERLAP = timedelta(minutes=15)
_PAGE = 500
_TIME_COLUMNS = ("start", "calldate", "starttime", "eventtime")
Row = Mapping[str, str]


# After a reconnect: the exact event log.


def planned(last: int, start: int, pending: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A plan to read the event log of a gap from `last` to `start` (ms); before the first connection the last hour.

    What an earlier plan has left to read is taken over: the hub may stop between a plan and its first reading.
    """
    since = last - 1_000 if last else start - 3_600_000
    return {"from": min(since, (pending or {}).get("from", since)), "to": start + 1_000, "began": start, "round": 0}


def due(plan: Mapping[str, Any], now: int) -> bool:
    """Is it time to read?"""
    return bool(plan) and now >= plan["began"] + _AGAIN[plan["round"]]


def later(plan: Mapping[str, Any]) -> dict[str, Any]:
    """The plan after a reading; empty when the last one is done."""
    following = plan["round"] + 1
    return {**plan, "round": following} if following < len(_AGAIN) else {}


def rows(settings: Settings, plan: Mapping[str, Any]) -> list[Raw]:
    """The event log's rows of the gap, as raws by call. Blocking: run it in a thread."""
    if settings.cel is None:
        return []
    zone = ZoneInfo(settings.timezone)
    since, to = int(plan["from"]), int(plan["to"])
    found = [
        row
        for row in _since(settings.cel, "cel", since, zone)
        if row.get("eventtype") in cel.KEPT
        and (at := cel.time_of(row.get("eventtime", ""), zone)) is not None
        and since <= at <= to
    ]
    return _raws("cel", found, lambda row: row.get("linkedid", ""))


# Every so often: call detail records, which a stream may have missed.


async def pull_cdr(client: Pbx, cursor: Any) -> AsyncIterator[Page]:
    """Rows that were written since the last time, with an overlap; whole calls may exist only there."""
    settings = client.settings
    if settings.cdr is None:
        return
    zone = ZoneInfo(settings.timezone)
    before = cursor if isinstance(cursor, Mapping) else {}
    floor = client.host.now() - _LOOKBACK
    since = int(before.get("since", floor.timestamp() * 1000))
    known = set(before.get("known", ()))
    found = await asyncio.to_thread(lambda: list(_since(settings.cdr, "cdr", since, zone)))
    fresh = [row for row in found if _digest(row) not in known]
    newest = max((at for row in found if (at := cdr.local_time(row.get("start", ""), zone)) is not None), default=since)
    following = max(since, newest - int(_OVERLAP.total_seconds() * 1000))
    recent = [row for row in found if (cdr.local_time(row.get("start", ""), zone) or 0) >= following]
    items = _raws("cdr", fresh, lambda row: row.get("linkedid") or row.get("uniqueid", ""))
    after = {"since": following, "known": [_digest(row) for row in recent]}
    for start in range(0, len(items), _PAGE):
        last = start + _PAGE >= len(items)
        yield Page(items[start : start + _PAGE], after if last else None)
    if not items:
        yield Page((), after)


def _raws(kind: str, found: Iterable[Row], group_of: Any) -> list[Raw]:
    groups: dict[str, list[Row]] = {}
    for row in found:
        if group := group_of(row):
            groups.setdefault(group, []).append(row)
    return [
        Raw(kind, f"{group}/{_digest(here)}", {"rows": here}, group, _joins(kind, group, here))
        for group, here in groups.items()
    ]


def _joins(kind: str, group: str, here: Sequence[Row]) -> tuple[str, ...]:
    """Calls that the event log shows to be the same: a channel of one was handed to another."""
    if kind != "cel":
        return ()
    groups, found = Groups(), dict[str, None]()
    for event in cel.events(here, ZoneInfo("UTC"), None):
        found.update(dict.fromkeys(groups.assign(event.name, event.fields)[1]))
    return tuple(one for one in found if one != group)


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:12]


# Files and tables.


def _since(source: str | Table | None, kind: str, since: int, zone: ZoneInfo) -> Iterator[Row]:
    """Rows that began at or after `since` (ms)."""
    if source is None:
        return
    if isinstance(source, Table):
        yield from _table_rows(source, since, zone)
        return
    path = Path(source)
    read = columns.cdr_rows if kind == "cdr" else columns.cel_rows
    clock = "start" if kind == "cdr" else "eventtime"
    try:
        for item in read(_tail(path, since, zone), path.name):
            if isinstance(item, Refused):
                raise Temporary(f"{source}: {item.where}: {item.why}")
            at = cel.time_of(item.get(clock, ""), zone)
            if at is not None and at >= since:
                yield item
    except OSError as error:
        raise Temporary(
            f"{source} cannot be read ({error.strerror or error}); check the path and its permissions"
        ) from None


def _tail(path: Path, since: int, zone: ZoneInfo) -> Iterator[str]:
    """The lines of a file from shortly before `since`, found from its end; the header first, where it has one."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        header = stream.readline()
        start = 0
        step = 1 << 18
        while (at := size - step) > len(header):
            stream.seek(at)
            stream.readline()
            begins = stream.tell()
            line = stream.readline().decode("utf-8", "replace")
            oldest = min((t for cell in _cells(line) if (t := _moment(cell, zone)) is not None), default=None)
            if oldest is not None and oldest < since - 4 * 3_600_000:
                start = begins
                break
            step *= 4
        stream.seek(start)
        if start:
            yield header.decode("utf-8-sig", "replace")
        for line_bytes in stream:
            yield line_bytes.decode("utf-8-sig", "replace")


def _cells(line: str) -> Sequence[str]:
    return next(csv.reader([line]), [])


def _moment(cell: str, zone: ZoneInfo) -> int | None:
    plausible = (len(cell) >= 19 and cell[4:5] == "-") or (len(cell) >= 14 and cell[10:11] == ".")
    return cel.time_of(cell, zone) if plausible else None


def _table_rows(source: Table, since: int, zone: ZoneInfo) -> Iterator[Row]:
    try:
        engine = sa.create_engine(source.url.get_secret_value())
        with engine.connect() as connection:
            table = sa.Table(source.table, sa.MetaData(), autoload_with=connection)
            name = next((one for one in _TIME_COLUMNS if one in table.c), None)
            if name is None:
                raise Temporary(
                    f"table {source.table} has none of the columns {', '.join(_TIME_COLUMNS)}; is it a CDR or CEL table?"
                )
            column = table.c[name]
            sample = connection.execute(sa.select(column).order_by(column.desc()).limit(1)).scalar()
            query = sa.select(table).where(column >= _bound(sample, since, zone)).order_by(column)
            for row in connection.execute(query).mappings():
                yield _named({key.lower(): _text(value) for key, value in row.items() if value is not None})
        engine.dispose()
    except SQLAlchemyError as error:
        raise Temporary(
            f"the table {source.table} cannot be read: {type(error).__name__}: {_safe(error, source)}"
        ) from None
    except ImportError as error:
        raise Temporary(
            f"the driver of this database is not installed: {error}; pip install it beside crmhub"
        ) from None


def _bound(sample: object, since: int, zone: ZoneInfo) -> object:
    """`since` in the shape in which the table keeps its times."""
    if isinstance(sample, datetime):
        moment = datetime.fromtimestamp(since / 1000, zone)
        return moment if sample.tzinfo is not None else moment.replace(tzinfo=None)
    if isinstance(sample, int | float):
        return since / 1000
    text = str(sample or "")
    if text.replace(".", "", 1).isdigit():
        return str(since // 1000)
    return f"{datetime.fromtimestamp(since / 1000, zone):%Y-%m-%d %H:%M:%S}"


def _named(row: dict[str, str]) -> Row:
    return columns.named(row)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return str(value)


def _safe(error: SQLAlchemyError, source: Table) -> str:
    """What the driver said, the address with its password struck out."""
    said = str(getattr(error, "orig", None) or error).replace(source.url.get_secret_value(), "…")
    password = sa.make_url(source.url.get_secret_value()).password
    return said.replace(str(password), "***") if password else said


def readable(source: str | Table | None, kind: str, zone: ZoneInfo, now: datetime) -> tuple[int, list[Row]]:
    """How many rows of the last day there are, and they themselves; raises Temporary with the reason."""
    since = int((now.astimezone(UTC) - _LOOKBACK).timestamp() * 1000)
    found = list(_since(source, kind, since, zone))
    return len(found), found
