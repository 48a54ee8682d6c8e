"""`crmhub play`: what the rules would have done, and what other rules would have done instead."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import orjson
import typer
from rich.console import Console
from rich.table import Table

from hub import clock
from hub.cli.importing import as_file
from hub.cli.listing import print_table
from hub.cli.state import State, moment
from hub.core.play import Played, Story
from hub.engine import files, play
from hub.engine.hub import Hub, load_settings, stored_hub
from hub.engine.play import Asked
from hub.errors import HubError

WIDE = 200


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("play")(play_records)


def play_records(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE...]", help="Records; - is standard input.")
    ] = None,
    last: Annotated[int | None, typer.Option(help="The last so many days of the own store.", min=1)] = None,
    connection: Annotated[str | None, typer.Option(help="The connection that the files belong to.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="Cases that open from this moment on.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Play until this moment.")] = None,
    compare: Annotated[
        Path | None, typer.Option(help="Another configuration: what would it have done with the same facts?")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output, nothing else.")] = False,
) -> None:
    """Play records through the rules with a moved clock: nothing is sent, nothing is kept."""
    if bool(paths) == bool(last):
        raise typer.BadParameter("give files, or --last DAYS for what the own store knows")
    state: State = context.obj
    now = clock.now()
    since, until = moment(from_), moment(to)
    if last:
        until = until or now
        since = since or until - timedelta(days=last)
    asked = Asked(since, until)
    with ExitStack() as opened:
        hub = opened.enter_context(_own_store(state.config) if last else _rehearsal(state.config))
        refused = 0
        if last:
            stories = asyncio.run(play.of_store(hub, since or now, until or now))
        else:
            stories, refused = _of_files(hub, connection, paths or [], opened)
        found = play.run(stories, hub, asked)
        answer = play.answer(hub, asked, found)
        if compare is not None:
            answer["compare"] = _compared(hub, compare, stories, asked, found)
    if json:
        sys.stdout.buffer.write(orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_INDENT_2))
    else:
        _print(answer)
    if refused:
        raise typer.Exit(1)


@contextmanager
def _own_store(config: Path) -> Iterator[Hub]:
    settings, found, links = load_settings(config)
    with stored_hub(settings, found, links) as hub:
        if hub is None:
            raise HubError("there is no store yet; give files, or start the hub with `crmhub run`")
        yield hub


@contextmanager
def _rehearsal(config: Path) -> Iterator[Hub]:
    with play.rehearsal(*load_settings(config)) as hub:
        yield hub


def _of_files(hub: Hub, connection: str | None, paths: Sequence[Path], opened: ExitStack) -> tuple[list[Story], int]:
    missing = [path for path in paths if str(path) != "-" and not path.exists()]
    if missing:
        raise typer.BadParameter(f"{missing[0]} does not exist")
    link = files.link_of(hub, connection)
    named = [opened.enter_context(as_file(path)) for path in paths]
    stories, refused = asyncio.run(play.of_files(hub, link, named))
    for item in refused:
        typer.echo(f"refused: {item.where}: {item.why}", err=True)
    return stories, len(refused)


def _compared(hub: Hub, config: Path, stories: Sequence[Story], asked: Asked, found: Sequence[Played]) -> Any:
    other = Hub(*load_settings(config), hub.db)
    return play.compared(other, found, play.run(stories, other, asked))


# For people


def _print(answer: dict[str, Any]) -> None:
    zone = ZoneInfo(answer["timezone"])
    rows = [event | {"case": case} for case in answer["cases"] for event in case["events"]]
    rows.sort(key=lambda row: row["at"])
    print_table(
        rows,
        {
            "at": "At",
            "case.contact.handles": "Client",
            "case.kind": "Kind",
            "what": "What",
            "step": "Step",
            "to": "To",
            "handle": "By",
            "resolution": "How",
            "case.key": "Case",
        },
        zone,
    )
    other = answer.get("compare")
    _print_totals(answer["totals"], other["totals"] if other else None)
    if other:
        _print_differences(other)


def _print_totals(totals: dict[str, Any], other: dict[str, Any] | None) -> None:
    table = Table("", "Now", *(["Then"] if other else []), box=None, pad_edge=False, header_style="bold")
    for name, value in totals.items():
        if not isinstance(value, dict):
            table.add_row(name, str(value), *([str(other[name])] if other else []))
    _console().print("")
    _console().print(table)


def _print_differences(other: dict[str, Any]) -> None:
    table = Table("Case", "What", "Was", "Would be", box=None, pad_edge=False, header_style="bold")
    for word in ("added", "removed"):
        for key in other[word]:
            table.add_row(key, word, "", "")
    for item in other["changed"]:
        for name, (before, after) in item["changes"].items():
            table.add_row(item["key"], name, _text(before), _text(after))
    _console().print("")
    _console().print(table if table.row_count else "no case would have been another")


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(f"{step} {to} {at}" for step, to, at in value)
    return "" if value is None else str(value)


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else WIDE)
