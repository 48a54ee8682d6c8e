"""The commands that list: tables for people, `--json` for programs (model.md 4)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import orjson
import typer
from rich.console import Console
from rich.table import Table

from hub import clock
from hub.cli.state import State, catch_up, moment
from hub.core import waited
from hub.core.waits import KIND
from hub.engine import current, evaluate, files
from hub.engine.hub import OWN, Hub
from hub.engine.preview import preview as would_have_been
from hub.store import calls, connections, contacts, outbox, repairs
from hub.store.database import Priority

Json = Annotated[bool, typer.Option("--json", help="One JSON array on standard output, nothing else there.")]
At = Annotated[str | None, typer.Option("--at", help="Evaluate as of that moment: 2026-03-10T10:00:42+03:00.")]
From = Annotated[str | None, typer.Option("--from", help="From this moment on.")]
To = Annotated[str | None, typer.Option("--to", help="Before this moment.")]
Row = dict[str, Any]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("calls")(list_calls)
    app.command("cases")(list_cases)
    app.command("waits")(list_waits)
    app.command("contacts")(list_contacts)
    app.command("effects")(list_effects)
    app.command("repairs")(list_repairs)
    app.command("connections")(list_connections)


def list_calls(
    context: typer.Context,
    json: Json = False,
    at: At = None,
    from_: From = None,
    to: To = None,
    connection: Annotated[str | None, typer.Option(help="Only calls of this connection.")] = None,
    line_group: Annotated[str | None, typer.Option(help="Only calls of this line group.")] = None,
    direction: Annotated[str | None, typer.Option(help="inbound, outbound or internal.")] = None,
    outcome: Annotated[str | None, typer.Option(help="Only calls that ended so.")] = None,
    missed: Annotated[bool | None, typer.Option("--missed/--not-missed", help="Only missed calls.")] = None,
    file: Annotated[str | None, typer.Option(help="Judge a recording without storing anything.")] = None,
) -> None:
    """Calls and how each was judged."""
    wanted: Row = {"line_group": line_group, "direction": direction, "outcome": outcome, "missed": missed}
    since, until = moment(from_), moment(to)

    async def rows(hub: Hub) -> list[Row]:
        if file is not None:
            found = await files.judge(hub, file, connection, moment(at) or clock.now())
        elif at is not None:
            found = (await evaluate.at(hub, moment(at) or clock.now(), since, until)).calls
        else:
            await catch_up(hub)
            return await hub.db.read(calls.listing, since=since, until=until, source=connection, **wanted)
        wanted["connection"] = connection
        return [row for row in found if _fits(row, wanted) and _within(row["started_at"], since, until)]

    show(
        context,
        rows,
        json,
        {
            "started_at": "Started",
            "direction": "Direction",
            "client": "Client",
            "line": "Line",
            "outcome": "Outcome",
            "answered_by": "Answered by",
            "client_wait": "Waited, s",
            "talk": "Talk, s",
            "excluded": "Left out",
        },
    )


def list_cases(
    context: typer.Context,
    json: Json = False,
    at: At = None,
    from_: From = None,
    to: To = None,
    state: Annotated[str | None, typer.Option(help="open, recovered, closed, lost or void.")] = None,
    kind: Annotated[str | None, typer.Option(help="missed_call, lost_in_transfer, awaiting_reply or new_lead.")] = None,
    line_group: Annotated[str | None, typer.Option(help="Only cases of this line group.")] = None,
    void: Annotated[bool, typer.Option("--void", help="Also what the hub once believed and no longer does.")] = False,
) -> None:
    """Clients who wait or waited, with the evidence."""
    wanted: Row = {"state": state, "kind": kind, "line_group": line_group}
    since, until = moment(from_), moment(to)

    async def rows(hub: Hub) -> list[Row]:
        if at is not None:
            found = (await evaluate.at(hub, moment(at) or clock.now(), since, until)).cases
            return [row for row in found if _fits(row, wanted) and _within(row["opened_at"], since, until)]
        await catch_up(hub)
        return await current.listing(hub, clock.now(), since=since, until=until, void=void or state == "void", **wanted)

    show(
        context,
        rows,
        json,
        {
            "opened_at": "Opened",
            "kind": "Kind",
            "contact.name": "Client",
            "contact.handles": "Handles",
            "line_group": "Lines",
            "state": "State",
            "resolution": "Resolution",
            "due_at": "Due",
            "late_by": "Late, s",
            "assignee": "Whose turn",
            "client_attempts": "Calls",
        },
    )


def list_waits(
    context: typer.Context,
    json: Json = False,
    at: At = None,
    from_: From = None,
    to: To = None,
    state: Annotated[str | None, typer.Option(help="open, answered, cancelled or unanswered.")] = None,
    kind: Annotated[str | None, typer.Option(help="first, next or reply_to_outreach.")] = None,
    channel: Annotated[str | None, typer.Option(help="Only waits in this channel.")] = None,
    line_group: Annotated[str | None, typer.Option(help="Only waits of this line group.")] = None,
    suspected: Annotated[
        bool,
        typer.Option(
            "--suspected", help="Instead: messages that start no wait, for a machine wrote them, most likely."
        ),
    ] = False,
) -> None:
    """Clients who wrote: how long each waited or waits for a reply, and in whose turn."""
    wanted: Row = {"state": state, "kind": kind, "channel": channel, "line_group": line_group}
    since, until = moment(from_), moment(to)
    if suspected:
        _list_suspected(context, json, moment(at), since, until, channel)
        return

    async def rows(hub: Hub) -> list[Row]:
        if at is not None:
            found = (await evaluate.at(hub, moment(at) or clock.now(), since, until)).cases
        else:
            await catch_up(hub)
            found = await current.listing(hub, clock.now(), kind=KIND, since=since, until=until)
        views = (waited.view(row) for row in found if row["kind"] == KIND)
        return [row for row in views if _fits(row, wanted) and _within(row["started_at"], since, until)]

    show(
        context,
        rows,
        json,
        {
            "started_at": "Since",
            "kind": "Kind",
            "contact.name": "Client",
            "contact.handles": "Handles",
            "channel": "Channel",
            "line_group": "Lines",
            "state": "State",
            "wall": "Waited, s",
            "working": "Working, s",
            "due_at": "Due",
            "late_by": "Late, s",
            "owner": "Owner",
            "replied_by": "Answered by",
        },
    )


def _list_suspected(
    context: typer.Context,
    json: bool,
    at: datetime | None,
    since: datetime | None,
    until: datetime | None,
    channel: str | None,
) -> None:
    """Messages that start no wait until a `reopened` mark on their reference overrules."""

    async def rows(hub: Hub) -> list[Row]:
        if at is None:
            await catch_up(hub)
        found = (await evaluate.at(hub, at or clock.now(), since, until)).suspected
        return [row for row in found if _fits(row, {"channel": channel}) and _within(row["at"], since, until)]

    columns = {"at": "At", "contact.name": "Client", "contact.handles": "Handles", "channel": "Channel"}
    show(context, rows, json, columns | {"subject": "Subject", "because": "Why", "ref": "Reference"})


def list_contacts(
    context: typer.Context,
    json: Json = False,
    search: Annotated[str | None, typer.Argument(help="A part of a name or of a handle.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many.")] = None,
) -> None:
    """Clients as the hub knows them."""

    async def rows(hub: Hub) -> list[Row]:
        await catch_up(hub)
        return await hub.db.read(contacts.listing, search=search, limit=limit)

    show(context, rows, json, {"id": "Id", "name": "Name", "kind": "Kind", "handles": "Handles", "seen_at": "Since"})


def list_effects(
    context: typer.Context,
    json: Json = False,
    from_: From = None,
    to: To = None,
    state: Annotated[str | None, typer.Option(help="planned, held, sent, dropped, dead or unknown.")] = None,
    connection: Annotated[str | None, typer.Option(help="Only what this connection carries.")] = None,
    retry: Annotated[list[str] | None, typer.Option(help="Deliver these keys again, then list.")] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="What would have been written lately, switched on or not; nothing is.")
    ] = False,
    days: Annotated[int, typer.Option(help="How many days the preview looks back.", min=1)] = 7,
) -> None:
    """What is done outside the hub, each once."""

    async def rows(hub: Hub) -> list[Row]:
        await catch_up(hub)
        if preview:
            until = moment(to) or clock.now()
            since = moment(from_) or until - timedelta(days=days)
            return await would_have_been(hub, since, until, connection)
        if retry:
            await hub.db.write(Priority.SETTLE, outbox.retry, retry, clock.now())
        return await hub.db.read(
            outbox.listing, state=state, since=moment(from_), until=moment(to), connection_name=connection
        )

    told = {"at": "At", "kind": "Kind", "connection": "Where", "to": "To", "body.text": "Text", "on": "Switched on"}
    show(
        context,
        rows,
        json,
        told
        if preview
        else {
            "at": "At",
            "kind": "Kind",
            "to": "To",
            "state": "State",
            "attempts": "Tries",
            "connection": "By",
            "error": "Error",
            "key": "Key",
        },
    )


def list_repairs(context: typer.Context, json: Json = False) -> None:
    """What a person must repair, and how."""

    async def rows(hub: Hub) -> list[Row]:
        await catch_up(hub)
        return await hub.db.read(repairs.listing)

    show(context, rows, json, {"since": "Since", "title": "What", "advice": "What to do", "count": "Times"})


def list_connections(context: typer.Context, json: Json = False) -> None:
    """How each connection is doing."""

    async def rows(hub: Hub) -> list[Row]:
        configured = hub.links.keys() - {OWN}
        return [row for row in await hub.db.read(connections.listing) if row["name"] in configured]

    show(
        context,
        rows,
        json,
        {
            "name": "Name",
            "plugin": "Plugin",
            "state": "State",
            "because": "Because",
            "received_at": "Last received",
            "waiting": "Waiting",
            "dead": "Not understood",
        },
    )


def _fits(row: Row, wanted: dict[str, Any]) -> bool:
    return all(value is None or row.get(name) == value for name, value in wanted.items())


def _within(text: str, since: datetime | None, until: datetime | None) -> bool:
    at = datetime.fromisoformat(text)
    return (since is None or at >= since) and (until is None or at < until)


def show(context: typer.Context, rows: Callable[[Hub], Any], json: bool, columns: dict[str, str]) -> None:
    state: State = context.obj
    with state.hub() as hub:
        found = asyncio.run(rows(hub))
        if json:
            sys.stdout.buffer.write(orjson.dumps(found, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_INDENT_2))
            return
        print_table(found, columns, ZoneInfo(hub.settings.timezone))


def print_table(rows: Sequence[Row], columns: dict[str, str], zone: ZoneInfo) -> None:
    table = Table(*columns.values(), box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(_cell(_dig(row, key), zone) for key in columns))
    Console(width=None if sys.stdout.isatty() else 200).print(table if rows else "nothing")


def _dig(row: Row, dotted: str) -> Any:
    head, _, rest = dotted.partition(".")
    value = row.get(head)
    return _dig(value, rest) if rest and isinstance(value, dict) else value


def _cell(value: Any, zone: ZoneInfo) -> str:
    if value is None:
        return ""
    if isinstance(value, str) and value[:2] == "20" and value[10:11] == "T":
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return f"{value.astimezone(zone):%Y-%m-%d %H:%M:%S}"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
