"""The reports that go out by mail, looked at or sent from the command line."""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import typer

from hub import clock
from hub.cli.state import catch_up, moment
from hub.core import schedule
from hub.core.calls import instant_text
from hub.core.effects import Report
from hub.core.schedule import Name
from hub.engine import letters
from hub.engine.deliver import routes
from hub.engine.hub import Hub
from hub.letters.bulletin import Bulletin
from hub.letters.composing import Letter, compose
from hub.store import outbox
from hub.store.database import Priority
from hub.store.outbox import Planned


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which report, and what is to become of it. day: any day of a month, the last day otherwise. at: as of when."""

    name: Name
    day: str | None
    member: str | None
    at: str | None
    html: Path | None
    send: bool
    json: bool


def show(hub: Hub, wanted: Wanted) -> None:
    """Print the report in plain text or as JSON, write its page, or send it."""
    member = _member(hub, wanted.member)
    last = _last(wanted, _today(hub))
    if wanted.send:
        key = asyncio.run(_send(hub, wanted.name, last, member))
        typer.echo(f"{key} goes out as soon as the hub runs; see `crmhub effects`")
        return
    told, letter, images = asyncio.run(_written(hub, wanted, last, member))
    if wanted.html is not None:
        wanted.html.write_text(_alone(letter.html, images), encoding="utf-8")
    elif wanted.json:
        sys.stdout.buffer.write(orjson.dumps(_row(told, letter), option=_JSON, default=sorted))
    else:
        typer.echo(f"{letter.title}\n\n{letter.text}", nl=False)


_JSON = orjson.OPT_APPEND_NEWLINE | orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS


def _member(hub: Hub, wanted: str | None) -> str:
    """Whose report it is: by default that of the head of sales, else of the first head."""
    heads = (group.head for group in hub.settings.rules.groups.values())
    member = wanted or hub.settings.head_of_sales or next((head for head in heads if head is not None), None)
    if member is None:
        raise typer.BadParameter("say whose with --for: nobody is head_of_sales or head of a line group")
    if member not in hub.settings.team.members:
        raise typer.BadParameter(f"there is no [team.{member}]; there are {', '.join(hub.settings.team.members)}")
    return member


def _today(hub: Hub) -> date:
    return clock.now().astimezone(ZoneInfo(hub.settings.timezone)).date()


def _last(wanted: Wanted, today: date) -> date:
    """The last day of the report; of a month without a day, that of the month before."""
    try:
        day = date.fromisoformat(wanted.day) if wanted.day else None
    except ValueError:
        raise typer.BadParameter(f'"{wanted.day}" is no day; write 2026-11-24') from None
    if wanted.name != "monthly":
        return day or today
    month = (day.replace(day=28) + timedelta(days=4)) if day else today
    return month.replace(day=1) - timedelta(days=1)


async def _written(hub: Hub, wanted: Wanted, last: date, member: str) -> tuple[Bulletin, Letter, dict[str, bytes]]:
    """A period that is over is evaluated as of its end, so that those are told who waited then."""
    now = clock.now()
    end = datetime.combine(last + timedelta(days=1), time(), ZoneInfo(hub.settings.timezone))
    at = moment(wanted.at) or min(now, end)
    stored = wanted.at is None and at == now
    if stored:
        await catch_up(hub)
    told = await letters.bulletin(hub, member, wanted.name, last, at, stored=stored)
    if wanted.html is not None:
        return told, *await letters.illustrated(hub, told, at)
    return told, compose(told, letters.formats_of(hub, at), with_pictures=False), {}


async def _send(hub: Hub, name: Name, last: date, member: str) -> str:
    if ("report", member) not in routes(hub):
        raise typer.BadParameter(f"no connection can send {member} mail; name an address in notify of [team.{member}]")
    now = clock.now()
    key = f"{schedule.key(name, last, member)}/{now:%Y%m%dT%H%M%SZ}"
    effect = Report(key=key, at=now, to=member, name=name, day=last.isoformat())
    await hub.db.write(Priority.SETTLE, outbox.plan, [Planned(effect, None, None, now)])
    return key


def _alone(html: str, images: Mapping[str, bytes]) -> str:
    """The page with its pictures inside, as a browser shows it without the mail."""
    for cid, png in images.items():
        html = html.replace(f'src="cid:{cid}"', f'src="data:image/png;base64,{base64.b64encode(png).decode()}"')
    return html


def _row(told: Bulletin, letter: Letter) -> dict[str, Any]:
    return {
        "name": told.name,
        "for": told.member,
        "from": instant_text(told.summary.since),
        "to": instant_text(told.summary.until),
        "at": instant_text(told.summary.at),
        "title": letter.title,
        "text": letter.text,
        "summary": told.summary,
        "before": told.before,
        "days": told.days,
        "gaps": told.gaps,
    }
