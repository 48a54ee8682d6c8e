"""The command that counts: figures of a period, each of which can name what it was counted from (model.md 4)."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import orjson
import typer
from rich.console import Console
from rich.table import Table

from hub import clock
from hub.cli import letters
from hub.cli.letters import Wanted
from hub.cli.listing import At, From, Json, To
from hub.cli.state import State, catch_up, moment
from hub.core import closed, schedule
from hub.engine import closing, report
from hub.engine.hub import Hub

WIDE = 200


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(show_report)


def show_report(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            help="missed, response, managers, lines, leads, touches; daily, weekly or monthly as they go out by mail."
        ),
    ],
    json: Json = False,
    at: At = None,
    from_: From = None,
    to: To = None,
    by: Annotated[list[str] | None, typer.Option(help="Split by line, day, hour or member; may be repeated.")] = None,
    members: Annotated[
        bool, typer.Option("--members", help="Name what each figure counted and left out, with the rule.")
    ] = False,
    month: Annotated[
        str | None, typer.Option(help="A month, 2026-02: beside what is true now, what was published of it.")
    ] = None,
    day: Annotated[str | None, typer.Option(help="By mail: the last day, 2026-11-24; of a month, any.")] = None,
    for_: Annotated[str | None, typer.Option("--for", help="By mail: whose, a key of the team.")] = None,
    html: Annotated[Path | None, typer.Option(help="By mail: write the page to this file.")] = None,
    send: Annotated[bool, typer.Option("--send", help="By mail: send it now, once more.")] = False,
) -> None:
    """Figures of a period: today, unless said. Reports as they go out by mail: in plain text, unless said."""
    state: State = context.obj
    with state.hub() as hub:
        if name in schedule.NAMES:
            letters.show(hub, Wanted(name, day, for_, at, html, send, json))
            return
        found = asyncio.run(_make(hub, name, _Period(at, from_, to, month), tuple(by or ()), members=members))
        if json:
            sys.stdout.buffer.write(orjson.dumps(found, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_INDENT_2))
            return
        _print(found)


@dataclass(frozen=True, slots=True)
class _Period:
    """The options that bound a report, as they were written."""

    at: str | None
    from_: str | None
    to: str | None
    month: str | None


async def _make(hub: Hub, name: str, period: _Period, by: tuple[str, ...], *, members: bool) -> dict[str, Any]:
    now = moment(period.at) or clock.now()
    since = moment(period.from_) or midnight(now, hub.settings.timezone)
    until = moment(period.to) or now
    stored = period.at is None
    if stored:
        await catch_up(hub)
    try:
        if period.month is not None:
            month = closed.named(period.month, ZoneInfo(hub.settings.timezone))
            since, until = month.since, month.until
        answer = await report.make(hub, name, since, until, now=now, stored=stored, by=by, members=members)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return answer if period.month is None else await closing.beside(hub, answer, period.month)


def midnight(now: datetime, zone: str) -> datetime:
    return now.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)


def _print(found: dict[str, Any]) -> None:
    rows = found["rows"]
    figures = [name for name, value in (rows[0] if rows else {}).items() if isinstance(value, dict)]
    keys = [name for name in (rows[0] if rows else {}) if name not in figures]
    table = Table("Figure", *(" ".join(str(row[key]) for key in keys) for row in rows), box=None, pad_edge=False)
    for figure in figures:
        table.add_row(figure, *(_cell(row[figure]) for row in rows))
    console = Console(width=None if sys.stdout.isatty() else WIDE)
    console.print(table if rows else "nothing")


def _cell(figure: dict[str, Any]) -> str:
    value = figure["value"]
    if value is None:
        return "–"
    return f"{value:.1%} of {figure['n']}" if "above" in figure else str(value)
